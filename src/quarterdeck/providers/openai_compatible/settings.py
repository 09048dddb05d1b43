"""What of an OpenAI-compatible provider can be configured beside the keys that every provider has?"""

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from quarterdeck.base.config import decode_settings
from quarterdeck.base.settings import ProviderConfig, Table
from quarterdeck.ports import ModelProfile

MaxTokensField = Literal["max_tokens", "max_completion_tokens"]

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
_CREDENTIALS = ("authorization", "proxy-authorization", "cookie", "api-key", "x-api-key", "x-goog-api-key")
_OURS = ("accept", "connection", "content-length", "content-type", "host", "transfer-encoding")


class Settings(Table, frozen=True):
    """The kind's own part of a `[providers.NAME]` table."""

    max_tokens: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Longest answer, in tokens; as much is reserved for each call.")
    ] = 2048
    max_tokens_field: Annotated[
        MaxTokensField, Meta(description="The name under which the endpoint takes max_tokens.")
    ] = "max_tokens"
    temperature: Annotated[
        Annotated[float, Meta(ge=0, le=2)] | None, Meta(description="Sampling temperature; by default the endpoint's.")
    ] = None
    tools: Annotated[bool, Meta(description="Whether its models are offered tools.")] = True
    label: Annotated[str, Meta(max_length=300, description="A note that people see beside its answers.")] = ""
    headers: Annotated[dict[str, str], Meta(description="Further request headers, none of them a secret.")] = (
        msgspec.field(default_factory=dict[str, str])
    )

    def __post_init__(self) -> None:
        for name, value in self.headers.items():
            if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
                raise ValueError(f"headers: {name!r} is not a header")
            if name.lower() in _CREDENTIALS:
                raise ValueError(f"headers: {name} holds a secret; use api_keys")
            if name.lower() in _OURS:
                raise ValueError(f"headers: {name} is set by Quarterdeck")

    def profile(self) -> ModelProfile:
        """What may be asked of this provider's models."""
        return ModelProfile(label=self.label, tools=self.tools, max_tokens=self.max_tokens)


def read_settings(name: str, config: ProviderConfig) -> Settings:
    """The own settings of provider `name`. Raises ConfigRefusals with every problem."""
    return decode_settings(config.options, Settings, f"providers.{name}")
