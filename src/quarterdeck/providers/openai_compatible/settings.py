"""What of a provider with the chat completions format can be configured beside the keys that every provider has?"""

from typing import Annotated

import msgspec
from msgspec import Meta

from quarterdeck.base.config import ConfigRefusals, decode_settings
from quarterdeck.base.decode import suggestion
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.base.settings_table import Table
from quarterdeck.model.media import IMAGES, PDF
from quarterdeck.ports import ModelProfile
from quarterdeck.providers.http.headers import check_headers, check_key_header
from quarterdeck.providers.openai_compatible.dialect import Dialect, MaxTokensField
from quarterdeck.providers.openai_compatible.presets import PRESETS, Preset

UNKNOWN = Preset(title="any other", source="")
VENDOR = "openai"
"""The preset of the kind of the same name."""


class Settings(Table, frozen=True):
    """The kind's own part of a `[providers.NAME]` table. What is not set is the preset's."""

    preset: Annotated[str, Meta(description="A known service, such as openrouter: its address and its ways.")] = ""
    max_tokens: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None,
        Meta(description="Longest answer, in tokens; as much is reserved for each call. Else the preset's, or 2048."),
    ] = None
    max_tokens_field: Annotated[
        MaxTokensField | None, Meta(description="The name under which the endpoint takes max_tokens.")
    ] = None
    temperature: Annotated[
        Annotated[float, Meta(ge=0, le=2)] | None, Meta(description="Sampling temperature; by default the endpoint's.")
    ] = None
    tools: Annotated[bool, Meta(description="Whether its models are offered tools.")] = True
    images: Annotated[bool | None, Meta(description="Whether its models are shown images.")] = None
    documents: Annotated[bool | None, Meta(description="Whether its models are given PDF files.")] = None
    reasoning: Annotated[
        bool | None, Meta(description="Whether its models reason; by default as their names say, at OpenAI.")
    ] = None
    window: Annotated[
        int, Meta(ge=0, le=100_000_000, description="Tokens of a request and its answer together; 0: not known.")
    ] = 0
    label: Annotated[str, Meta(max_length=300, description="A note that people see beside its answers.")] = ""
    headers: Annotated[dict[str, str], Meta(description="Further request headers, none of them a secret.")] = (
        msgspec.field(default_factory=dict[str, str])
    )
    key_header: Annotated[str | None, Meta(description="The header that carries the key; empty: a bearer token.")] = (
        None
    )

    def __post_init__(self) -> None:
        check_headers(self.headers)
        check_key_header(self.key_header or "")


class Chosen(msgspec.Struct, frozen=True):
    """What the settings and their preset make together."""

    settings: Settings
    preset: Preset

    @property
    def dialect(self) -> Dialect:
        """How the endpoint is written to."""
        mine, base = self.settings, self.preset.dialect
        images = any(mime in base.reads for mime in IMAGES) if mine.images is None else mine.images
        documents = PDF in base.reads if mine.documents is None else mine.documents
        return msgspec.structs.replace(
            base,
            max_tokens_field=mine.max_tokens_field or base.max_tokens_field,
            temperature=mine.temperature,
            reads=(*(IMAGES if images else ()), *((PDF,) if documents else ())),
            reasoning=mine.reasoning,
        )

    @property
    def profile(self) -> ModelProfile:
        """What may be asked of this provider's models."""
        return ModelProfile(
            forms=True,
            label=self.settings.label,
            tools=self.settings.tools,
            max_tokens=self.settings.max_tokens or self.preset.max_tokens,
            window=self.settings.window,
            reads=self.dialect.reads,
        )

    @property
    def key_header(self) -> str:
        """The header that carries the key; empty for a bearer token."""
        return self.preset.key_header if self.settings.key_header is None else self.settings.key_header


def read_settings(name: str, config: ProviderConfig) -> Chosen:
    """The own settings of provider `name`, and its preset. Raises ConfigRefusals with every problem."""
    path = f"providers.{name}"
    settings = decode_settings(config.options, Settings, path)
    wanted = settings.preset or (VENDOR if config.kind == VENDOR else "")
    problems: list[ConfigRefused] = []
    if config.kind == VENDOR and wanted != VENDOR:
        fix = 'Write kind = "openai-compatible" for another service'
        problems.append(ConfigRefused(f"{path}.preset", f"{wanted} is not OpenAI", fix))
    elif wanted and wanted not in PRESETS:
        reason = f"there is no preset {wanted}"
        problems.append(ConfigRefused(f"{path}.preset", reason, suggestion(wanted, PRESETS)))
    preset = PRESETS.get(wanted, UNKNOWN)
    if not problems and not (config.base_url or preset.base_url):
        reason = f"{preset.title} has no address of its own" if wanted else "this kind needs an address"
        problems.append(ConfigRefused(f"{path}.base_url", reason, 'Write base_url = "https://host/v1"'))
    if problems:
        raise ConfigRefusals(problems)
    return Chosen(settings, preset)
