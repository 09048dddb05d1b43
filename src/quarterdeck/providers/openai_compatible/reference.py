"""How are the presets documented? The reference page, made of the data itself."""

from collections.abc import Iterable

import msgspec

from quarterdeck.model.media import IMAGES, PDF
from quarterdeck.providers.openai_compatible.dialect import PLAIN, Dialect
from quarterdeck.providers.openai_compatible.presets import PRESETS, USUAL_TOKENS, Preset

_HEAD = """\
# Presets

Services that answer in OpenAI's chat completions format, for `preset` in a provider's table:

```toml
[providers.router]
kind = "openai-compatible"
preset = "openrouter"
api_keys = [{ env = "OPENROUTER_API_KEY" }]

[assistants.default]
model = "router/anthropic/claude-sonnet-4.5"
```

Every setting of the table goes before the preset's. A model that cannot see refuses a conversation with an image in it,
so where some of a service's models cannot, images are left out: write `images = true` (and `documents = true` for PDF)
in the table of models that can. Where a service differs from OpenAI stands under "differences"; the
words are those of `Dialect` in `src/quarterdeck/providers/openai_compatible/dialect.py`. No service was called to check
this table: it is as the named source says, and what is marked unverified is from memory.

| preset | service | base_url | key | sees | differences | source |
|---|---|---|---|---|---|---|"""


def reference_markdown() -> str:
    """The page of all presets."""
    return "\n".join([_HEAD, *(_row(name, preset) for name, preset in PRESETS.items())]) + "\n"


def _row(name: str, preset: Preset) -> str:
    key = f"`{preset.key}`" if preset.key else "none"
    if preset.key_header:
        key += f" in the header `{preset.key_header}`"
    source = f"{preset.source}<br>unverified: {preset.unverified}" if preset.unverified else preset.source
    cells = [
        f"`{name}`",
        preset.title,
        f"`{preset.base_url}`" if preset.base_url else "to be written",
        key,
        ", ".join(_sees(preset.dialect)) or "-",
        ", ".join(_differences(preset)) or "-",
        source,
    ]
    return "| " + " | ".join(cells) + " |"


def _sees(dialect: Dialect) -> Iterable[str]:
    if IMAGES[0] in dialect.reads:
        yield "images"
    if PDF in dialect.reads:
        yield "PDF"


def _differences(preset: Preset) -> Iterable[str]:
    if preset.max_tokens != USUAL_TOKENS:
        yield f"max_tokens {preset.max_tokens}"
    for field in msgspec.structs.fields(Dialect):
        value = getattr(preset.dialect, field.name)
        if field.name != "reads" and value != getattr(PLAIN, field.name):
            yield f"{field.name} {_shown(value)}"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or "none"
