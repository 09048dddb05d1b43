"""What can be chosen as a source of models, and how is each configured?"""

import msgspec

from quarterdeck.base.errors import BadInput
from quarterdeck.base.settings import ProviderConfig

FIRST = ("ollama", "openai", "anthropic", "gemini", "openrouter", "mistral", "scripted", "other")
"""What most people choose; the others are chosen by name."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One that can be chosen. `address` is empty where everybody has another; `moved`: it is not the one that its
    kind or preset has by itself. `variable` is the usual one of its key, empty where none is needed; `keys` is the
    page where people get one, empty where it is not known.
    """

    name: str
    title: str
    kind: str
    preset: str = ""
    address: str = ""
    moved: bool = False
    variable: str = ""
    optional_key: bool = False
    keys: str = ""

    @property
    def needs_address(self) -> bool:
        """Whether nobody can know where it is."""
        return not self.address and self.kind != "scripted"

    def provider(self, url: str) -> ProviderConfig:
        """Its table without a key."""
        base_url = url if self.moved or url != self.address else None
        options: dict[str, object] = {"preset": self.preset} if self.preset else {}
        return ProviderConfig(kind=self.kind, base_url=base_url or None, options=options)


def web_address(field: str, text: str) -> str:
    """An address as it was typed. Raises BadInput where it is none."""
    if not text.startswith(("http://", "https://")):
        raise BadInput(field, "this service wants an address", "Write it as https://host/v1")
    return text
