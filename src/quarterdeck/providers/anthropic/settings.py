"""What of an Anthropic provider can be configured beside the keys that every provider has?"""

from typing import Annotated, Literal

from msgspec import Meta

from quarterdeck.base.decode import decode_settings
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.base.settings_table import Table
from quarterdeck.ports import ModelProfile
from quarterdeck.providers.anthropic.files import MAX_BYTES, READS

BASE_URL = "https://api.anthropic.com/v1"
Lack = Literal["tools", "forced_tools", "files", "forms", "effort"]
Thinking = Literal["model", "adaptive", "budget", "off"]


class Settings(Table, frozen=True):
    """The kind's own part of a `[providers.NAME]` table."""

    max_tokens: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Longest answer with its thinking, in tokens; as much is reserved for each call.",
        ),
    ] = 8192
    window: Annotated[
        int, Meta(ge=0, le=100_000_000, description="Tokens that a request and its answer may have together.")
    ] = 200_000
    thinking: Annotated[
        Thinking,
        Meta(description="Whether the model thinks first: as it does by itself, adaptive, budget (older models), off."),
    ] = "model"
    cache: Annotated[
        Literal["5m", "1h", "off"], Meta(description="How long the vendor keeps the beginning of a prompt.")
    ] = "5m"
    lacks: Annotated[tuple[Lack, ...], Meta(description="What its models refuse; it is left out of requests.")] = ()
    label: Annotated[str, Meta(max_length=300, description="A note that people see beside its answers.")] = ""

    def profile(self) -> ModelProfile:
        """What may be asked of this provider's models."""
        return ModelProfile(
            label=self.label,
            tools="tools" not in self.lacks,
            max_tokens=self.max_tokens,
            window=self.window,
            reads=() if "files" in self.lacks else READS,
            file_bytes=MAX_BYTES,
        )


def read_settings(name: str, config: ProviderConfig) -> Settings:
    """The own settings of provider `name`. Raises ConfigRefusals with every problem."""
    return decode_settings(config.options, Settings, f"providers.{name}")
