"""Which models are there, and what does each accept?

What a model tells of itself: anthropic 2.14.0, types/model_info.py and model_capabilities.py. Which real model has
which of these differs from release to release; the two here have the two sets of rules that real ones have.
"""

from typing import Literal

import msgspec

Thinking = Literal["adaptive", "between_tools", "disabled", "enabled"]
Effort = Literal["low", "medium", "high", "xhigh", "max"]
THINKING: tuple[Thinking, ...] = ("adaptive", "between_tools", "disabled", "enabled")
EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")


class Model(msgspec.Struct, frozen=True):
    """Tokens, and what is accepted.

    `thinks`: it thinks where a request does not say. `prefill`: the last message may be the assistant's. `system`:
    messages of the role system. `sampling`: temperature and its like, in the old version of the API. `forced`:
    tool_choice any and tool. `cached_from`: the shortest prefix that is cached.
    """

    name: str
    title: str
    window: int = 200_000
    max_tokens: int = 64_000
    thinking: tuple[Thinking, ...] = ("adaptive", "disabled")
    thinks: bool = False
    efforts: tuple[Effort, ...] = ("low", "medium", "high", "max")
    prefill: bool = False
    system: bool = True
    sampling: bool = False
    forced: bool = True
    structured: bool = True
    files: bool = True
    cached_from: int = 1024


NEWER = Model("claude-standin-5", "Stand-in 5")
OLDER = Model(
    "claude-standin-4",
    "Stand-in 4",
    max_tokens=8192,
    thinking=("disabled", "enabled"),
    efforts=(),
    prefill=True,
    system=False,
    sampling=True,
)
THINKER = Model(
    "claude-standin-5-thinker", "Stand-in 5 that always thinks", thinking=("adaptive",), thinks=True, forced=False
)
PLAIN = Model("claude-standin-2", "Stand-in 2", thinking=("disabled",), efforts=(), structured=False, files=False)
MODELS = (NEWER, OLDER, THINKER, PLAIN)


def _supported(yes: bool) -> dict[str, bool]:
    return {"supported": yes}


def described(model: Model) -> dict[str, object]:
    """The model as GET /v1/models lists it."""
    thinking = {kind: _supported(kind in model.thinking) for kind in THINKING}
    context = ("clear_thinking_20251015", "clear_tool_uses_20250919", "compact_20260112")
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.title,
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "line": None,
        "max_input_tokens": model.window,
        "max_tokens": model.max_tokens,
        "deprecated_at": None,
        "retires_at": None,
        "capabilities": {
            "batch": _supported(False),
            "citations": _supported(False),
            "code_execution": _supported(False),
            "context_management": {**_supported(False), **{name: _supported(False) for name in context}},
            "effort": {
                **_supported(bool(model.efforts)),
                **{level: _supported(level in model.efforts) for level in EFFORTS},
            },
            "image_input": _supported(model.files),
            "pdf_input": _supported(model.files),
            "server_tools": {**_supported(False), "web_search": _supported(False), "code_execution": _supported(False)},
            "structured_outputs": _supported(model.structured),
            "thinking": {**_supported(model.thinking != ("disabled",)), "types": thinking},
        },
    }
