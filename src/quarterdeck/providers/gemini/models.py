"""What can a model do, by its name? Pure. The list of models tells sizes and methods, and nothing of tools or pictures.

Families: ai.google.dev/gemini-api/docs/models. Thinking: types.py, ThinkingConfig and Model.thinking, and
ai.google.dev/gemini-api/docs/thinking (budgets in generation 2.5, levels from 3 on).
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.model.asking import Effort
from quarterdeck.ports import ListedModel, ProviderFailed

_NUMBERED = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_LATEST = re.compile(r"gemini-[a-z-]*latest")
_SPECIAL = re.compile(r"-(tts|image|live|audio|embedding|robotics|computer-use)\b")
_BUDGETS: Mapping[Effort, int] = {"none": 0, "minimal": 512, "low": 1_024, "medium": 8_192, "high": 24_576}
_LEVELS: Mapping[Effort, str] = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
}
_LEAST_BUDGET_PRO = 128
NEWEST = (3, 0)


class Thinking(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How a model is to think (types.py, ThinkingConfig)."""

    include_thoughts: bool = False
    thinking_budget: int | None = None
    thinking_level: str | None = None


def generation(model: str) -> tuple[int, int]:
    """(2, 5) for gemini-2.5-flash; names that follow the newest model count as generation 3, others as none."""
    name = plain(model)
    if found := _NUMBERED.match(name):
        return int(found[1]), int(found[2] or 0)
    return NEWEST if _LATEST.match(name) else (0, 0)


def plain(model: str) -> str:
    """The name without the collection that it is in."""
    return model.removeprefix("models/")


def path(model: str) -> str:
    """Where a model's methods are, behind the base address."""
    if model.startswith("tunedModels/"):
        return f"/tunedModels/{quote(model.removeprefix('tunedModels/'), safe='')}"
    return f"/models/{quote(plain(model), safe='')}"


def thinking(model: str, effort: Effort, *, thoughts: bool) -> Thinking | None:
    """The settings for this effort; None where the model is not to be told anything."""
    version = generation(model)
    if version < (2, 5) or not (effort or thoughts) or _SPECIAL.search(model):
        return None
    shown = Thinking(include_thoughts=thoughts)
    if not effort:
        return shown
    pro = "-pro" in model
    if version >= NEWEST:
        level = _LEVELS[effort]
        if pro and level == "MINIMAL":  # known to Flash only
            level = "LOW"
        if version == NEWEST and pro and level == "MEDIUM":  # Gemini 3 Pro knows two levels, 3.1 three
            level = "HIGH"
        return msgspec.structs.replace(shown, thinking_level=level)
    budget = max(_BUDGETS[effort], _LEAST_BUDGET_PRO if pro else 0)
    return msgspec.structs.replace(shown, thinking_budget=budget)


class _Model(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    input_token_limit: int = 0
    output_token_limit: int = 0
    supported_generation_methods: tuple[str, ...] = ()
    thinking: bool = False


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    models: tuple[_Model, ...] = ()
    next_page_token: str = ""


_page = msgspec.json.Decoder(_Page)


def target(after: str) -> str:
    """Where a page of the list is."""
    cursor = f"&pageToken={quote(after, safe='')}" if after else ""
    return f"/models?pageSize=1000{cursor}"


def page(body: bytes) -> tuple[tuple[ListedModel, ...], str]:
    """The models of a page and the cursor of the next. Raises ProviderFailed (server)."""
    try:
        found = _page.decode(body)
    except UNREADABLE:
        raise ProviderFailed("server", "the list of models cannot be read", retryable=True) from None
    return tuple(_listed(model) for model in found.models), found.next_page_token


def _listed(model: _Model) -> ListedModel:
    name = plain(model.name)
    able: list[str] = []
    if "generateContent" in model.supported_generation_methods and generation(name) >= (1, 5):
        able += ["images", "documents"] if not _SPECIAL.search(name) else []
        able += ["tools", "structured"] if not _SPECIAL.search(name) else []
        able += ["reasoning"] if model.thinking else []
    if "embedContent" in model.supported_generation_methods:
        able.append("embeddings")
    return ListedModel(name, model.input_token_limit, model.output_token_limit, tuple(able))
