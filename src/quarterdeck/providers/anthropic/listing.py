"""Which models can a key reach, and what can they do? Pure: pages of `GET {base_url}/models`.

Shapes: anthropic 2.14.0, types/model_info.py, model_capabilities.py and pagination.py. All of the vendor's models take
tools; that is no capability of its own there.
"""

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.ports import ListedModel, ProviderFailed

PAGE = 1000


class _Support(msgspec.Struct, frozen=True):
    supported: bool = False


class _Capabilities(msgspec.Struct, frozen=True):
    image_input: _Support = _Support()
    pdf_input: _Support = _Support()
    structured_outputs: _Support = _Support()
    thinking: _Support = _Support()


class _Model(msgspec.Struct, frozen=True):
    id: str
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    capabilities: _Capabilities | None = None


class _Page(msgspec.Struct, frozen=True):
    data: list[_Model] | None = None
    has_more: bool | None = None
    last_id: str | None = None


_page = msgspec.json.Decoder(_Page)


def target(after: str) -> str:
    """The first page, or the one behind the model `after`."""
    return f"/models?limit={PAGE}" + (f"&after_id={quote(after, safe='')}" if after else "")


def read(body: bytes) -> tuple[Sequence[ListedModel], str]:
    """A page and the cursor of the next. Raises ProviderFailed (server)."""
    try:
        page = _page.decode(body)
    except UNREADABLE:
        raise ProviderFailed("server", "the list of models cannot be read", retryable=True) from None
    listed = tuple(
        ListedModel(model.id, model.max_input_tokens or 0, model.max_tokens or 0, _able(model.capabilities))
        for model in page.data or ()
    )
    return listed, (page.last_id or "") if page.has_more else ""


def _able(told: _Capabilities | None) -> tuple[str, ...]:
    if told is None:
        return ("tools",)
    known = {
        "images": told.image_input,
        "documents": told.pdf_input,
        "structured": told.structured_outputs,
        "reasoning": told.thinking,
    }
    return ("tools", *(name for name, support in known.items() if support.supported))
