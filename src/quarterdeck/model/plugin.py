"""What a plugin that was loaded is called, and where it came from."""

from typing import Literal

import msgspec


class Plugin(msgspec.Struct, frozen=True):
    """A plugin that the configuration names; `distribution` and `version` are those of its package."""

    kind: Literal["channel", "provider", "tool", "hook"]
    name: str
    distribution: str
    version: str

    @property
    def source(self) -> str:
        """Package and version, in one word each."""
        return f"{self.distribution} {self.version}"

    def __str__(self) -> str:
        return f"{self.kind}/{self.name} {self.source}"
