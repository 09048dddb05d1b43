"""Which services can be chosen? All kinds and presets that are built in, by name."""

from collections.abc import Mapping

import msgspec

from quarterdeck.actions.setup.service import Service
from quarterdeck.base.config_env import ollama_url
from quarterdeck.providers.anthropic import settings as anthropic
from quarterdeck.providers.gemini import settings as gemini
from quarterdeck.providers.openai_compatible.presets import PRESETS

KEY_PAGES: Mapping[str, str] = {
    "openai": "https://platform.openai.com/api-keys",
    "anthropic": "https://console.anthropic.com/settings/keys",
    "gemini": "https://aistudio.google.com/apikey",
    "openrouter": "https://openrouter.ai/settings/keys",
    "mistral": "https://console.mistral.ai/api-keys",
    "groq": "https://console.groq.com/keys",
    "deepseek": "https://platform.deepseek.com/api_keys",
    "xai": "https://console.x.ai",
    "together": "https://api.together.xyz/settings/api-keys",
    "cerebras": "https://cloud.cerebras.ai",
    "deepinfra": "https://deepinfra.com/dash/api_keys",
    "huggingface": "https://huggingface.co/settings/tokens",
    "nvidia": "https://build.nvidia.com",
    "github": "https://github.com/settings/tokens",
}
"""Where people get a key: as several public programs name these pages. That each is still there is unverified."""


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
    known = {one.name: msgspec.structs.replace(one, keys=KEY_PAGES.get(one.name, "")) for one in found}
    if host := environ.get("OLLAMA_HOST"):
        known["ollama"] = msgspec.structs.replace(known["ollama"], address=ollama_url(host), moved=True)
    return known
