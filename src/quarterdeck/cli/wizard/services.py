"""Which services can be chosen, and how is each configured?"""

from collections.abc import Mapping

import msgspec

from quarterdeck.base.config_env import ollama_url
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.providers.anthropic import settings as anthropic
from quarterdeck.providers.gemini import settings as gemini
from quarterdeck.providers.openai_compatible.presets import PRESETS

FIRST = ("ollama", "openai", "anthropic", "gemini", "openrouter", "mistral", "scripted", "other")
"""What most people choose; the others are chosen by name."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One that can be chosen. `address` is empty where everybody has another; `moved`: it is not the one that its
    kind or preset has by itself. `variable` is the usual one of its key, empty where none is needed.
    """

    name: str
    title: str
    kind: str
    preset: str = ""
    address: str = ""
    moved: bool = False
    variable: str = ""
    optional_key: bool = False

    @property
    def needs_address(self) -> bool:
        """Whether nobody can know where it is."""
        return not self.address and self.kind != "scripted"

    def provider(self, url: str) -> ProviderConfig:
        """Its table without a key."""
        base_url = url if self.moved or url != self.address else None
        options: dict[str, object] = {"preset": self.preset} if self.preset else {}
        return ProviderConfig(kind=self.kind, base_url=base_url or None, options=options)


def services(environ: Mapping[str, str]) -> dict[str, Service]:
    """All of them, by name."""
    found = [
        Service(
            name="anthropic",
            title="Anthropic (Claude)",
            kind="anthropic",
            address=anthropic.BASE_URL,
            variable="ANTHROPIC_API_KEY",
        ),
        Service(
            name="gemini", title="Google Gemini", kind="gemini", address=gemini.BASE_URL, variable="GEMINI_API_KEY"
        ),
        Service(name="scripted", title="none yet: a built-in script answers", kind="scripted"),
        Service(
            name="other",
            title="another one that speaks OpenAI's format",
            kind="openai-compatible",
            variable="OPENAI_API_KEY",
            optional_key=True,
        ),
    ]
    for name, one in PRESETS.items():
        own = name == "openai"
        found.append(
            Service(
                name=name,
                title=one.title,
                kind="openai" if own else "openai-compatible",
                preset="" if own else name,
                address=one.base_url,
                variable=one.key,
            )
        )
    known = {one.name: one for one in found}
    if host := environ.get("OLLAMA_HOST"):
        known["ollama"] = msgspec.structs.replace(known["ollama"], address=ollama_url(host), moved=True)
    return known
