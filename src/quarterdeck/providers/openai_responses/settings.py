"""What of a provider of this kind can be configured beside the keys that every provider has?"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from quarterdeck.base.config import decode_settings
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.base.settings_table import Table
from quarterdeck.model.media import IMAGES, PDF
from quarterdeck.ports import ModelProfile
from quarterdeck.providers.http.headers import check_headers, check_key_header

BASE_URL = "https://api.openai.com/v1"
"""openai 3.54.0, _client.py."""


class Settings(Table, frozen=True):
    """The kind's own part of a `[providers.NAME]` table."""

    max_tokens: Annotated[
        int,
        Meta(ge=16, le=1_000_000, description="Longest answer, reasoning included, in tokens; as much is reserved."),
    ] = 8192
    temperature: Annotated[
        Annotated[float, Meta(ge=0, le=2)] | None,
        Meta(description="Sampling temperature, for models that do not reason; by default the endpoint's."),
    ] = None
    tools: Annotated[bool, Meta(description="Whether its models are offered tools.")] = True
    images: Annotated[bool, Meta(description="Whether its models are shown images.")] = True
    documents: Annotated[bool, Meta(description="Whether its models are given PDF files.")] = True
    reasoning: Annotated[bool | None, Meta(description="Whether its models reason; by default as their names say.")] = (
        None
    )
    summary: Annotated[
        Literal["", "auto", "concise", "detailed"],
        Meta(description="How much of its reasoning a model sums up; kept apart, never sent to people."),
    ] = ""
    window: Annotated[
        int, Meta(ge=0, le=100_000_000, description="Tokens of a request and its answer together; 0: not known.")
    ] = 0
    label: Annotated[str, Meta(max_length=300, description="A note that people see beside its answers.")] = ""
    headers: Annotated[dict[str, str], Meta(description="Further request headers, none of them a secret.")] = (
        msgspec.field(default_factory=dict[str, str])
    )
    key_header: Annotated[str, Meta(description="The header that carries the key; empty: a bearer token.")] = ""

    def __post_init__(self) -> None:
        check_headers(self.headers)
        check_key_header(self.key_header)

    @property
    def reads(self) -> tuple[str, ...]:
        """Media types of files that its models read."""
        return (*(IMAGES if self.images else ()), *((PDF,) if self.documents else ()))

    @property
    def profile(self) -> ModelProfile:
        """What may be asked of this provider's models."""
        return ModelProfile(
            forms=True,
            label=self.label,
            tools=self.tools,
            max_tokens=self.max_tokens,
            window=self.window,
            reads=self.reads,
        )


def read_settings(name: str, config: ProviderConfig) -> Settings:
    """The own settings of provider `name`. Raises ConfigRefusals with every problem."""
    return decode_settings(config.options, Settings, f"providers.{name}")
