"""What of a Gemini provider can be configured beside the keys that every provider has?"""

from typing import Annotated

from msgspec import Meta

from quarterdeck.base.config import decode_settings
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.base.settings_table import Table
from quarterdeck.ports import ModelProfile
from quarterdeck.providers.gemini.files import MAX_FILE, READS

BASE_URL = "https://generativelanguage.googleapis.com/v1beta"


class Settings(Table, frozen=True):
    """The kind's own part of a `[providers.NAME]` table."""

    max_tokens: Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="Longest answer with its thoughts, in tokens; as much is reserved."),
    ] = 8192
    temperature: Annotated[
        Annotated[float, Meta(ge=0, le=2)] | None, Meta(description="Sampling temperature; by default the model's.")
    ] = None
    tools: Annotated[bool, Meta(description="Whether its models are offered tools.")] = True
    thoughts: Annotated[
        bool, Meta(description="Whether summaries of its thoughts are asked for; people never see them.")
    ] = False
    window: Annotated[int, Meta(ge=0, description="Tokens that a request may have; 0 where unknown.")] = 1_048_576
    label: Annotated[str, Meta(max_length=300, description="A note that people see beside its answers.")] = ""

    def profile(self) -> ModelProfile:
        """What may be asked of this provider's models."""
        return ModelProfile(
            forms=True,
            label=self.label,
            tools=self.tools,
            max_tokens=self.max_tokens,
            window=self.window,
            reads=READS,
            file_bytes=MAX_FILE,
        )


def read_settings(name: str, config: ProviderConfig) -> Settings:
    """The own settings of provider `name`. Raises ConfigRefusals with every problem."""
    return decode_settings(config.options, Settings, f"providers.{name}")
