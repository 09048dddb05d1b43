"""Which files can be put into a request? Pure: the newest first, within the vendor's limits.

A file that the vendor refuses would have every later request of the conversation refused too; so what it is, is read
from its bytes and not taken from its name. Limits: the vendor's pages "Images and vision" (four kinds of image, 8,000
pixels a side where there are at most 20 images, 5 MB of base64 for one), "PDF support" (100 pages, no passwords) and
"Claude API errors" (32 MB for a request).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from quarterdeck.model.media import PDF, media_type
from quarterdeck.model.message import Attachment, Said, UserMessage

READS = ("image/jpeg", "image/png", "image/gif", "image/webp", PDF)
MAX_BYTES = 20_000_000
MAX_IMAGE_BYTES = 3_900_000
MAX_SIDE = 8000
MAX_IMAGES, MAX_DOCUMENTS, MAX_PAGES = 20, 5, 100
IMAGE_TOKENS = 1600
"""For one image at most (the vendor's page "Images and vision", for images that it does not scale down)."""

_PAGE = re.compile(rb"/Type\s*/Page(?![s\w])")
_JPEG_SIZES = frozenset({*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)})

Place = tuple[int, int]
"""Message and attachment, counted from 0."""


def chosen(messages: Sequence[Said], files: Mapping[str, bytes]) -> dict[Place, str]:
    """The attachments that a request carries, each with its media type."""
    found: dict[Place, str] = {}
    room, pages = MAX_BYTES, MAX_PAGES
    counts = {"image": MAX_IMAGES, "application": MAX_DOCUMENTS}
    for place, file in _newest_first(messages):
        data = files.get(file.blob, b"") if not file.error else b""
        kind = carried(data)
        if kind is None or len(data) > room or counts[kind.split("/")[0]] == 0 or _pages(data, kind) > pages:
            continue
        room, pages = room - len(data), pages - _pages(data, kind)
        counts[kind.split("/")[0]] -= 1
        found[place] = kind
    return found


def carried(data: bytes) -> str | None:
    """What the bytes are, None for what no request can carry."""
    kind = media_type(data)
    if kind == PDF:
        return None if b"/Encrypt" in data else PDF
    if not kind or len(data) > MAX_IMAGE_BYTES or not all(0 < side <= MAX_SIDE for side in _SIDES[kind](data)):
        return None
    return kind


def tokens(data: bytes, kind: str) -> int:
    """How many tokens a file is reckoned at; a page of a document at 30,000 bytes or more."""
    return IMAGE_TOKENS if kind.startswith("image/") else 3000 * max(1, _pages(data, kind), len(data) // 30_000)


def _newest_first(messages: Sequence[Said]) -> Iterator[tuple[Place, Attachment]]:
    for index in reversed(range(len(messages))):
        message = messages[index]
        if isinstance(message, UserMessage):
            for number, file in enumerate(message.attachments):
                yield (index, number), file


def _pages(data: bytes, kind: str) -> int:
    """Pages of a document, as far as they can be seen from outside."""
    return len(_PAGE.findall(data)) if kind == PDF else 0


def _png(data: bytes) -> tuple[int, int]:
    return _big(data, 16, 4), _big(data, 20, 4)


def _gif(data: bytes) -> tuple[int, int]:
    return _little(data, 6, 2), _little(data, 8, 2)


def _jpeg(data: bytes) -> tuple[int, int]:
    """From the first frame header (ITU-T T.81, B.2.2); segments before it are stepped over."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _JPEG_SIZES:
            return _big(data, at + 7, 2), _big(data, at + 5, 2)
        at += 1 if marker == 0xFF else 2 + max(2, _big(data, at + 2, 2))
    return 0, 0


def _webp(data: bytes) -> tuple[int, int]:
    """From the first chunk (RFC 9649): extended, lossless or lossy."""
    match data[12:16]:
        case b"VP8X":
            return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
        case b"VP8L":
            bits = _little(data, 21, 4)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF
        case _:
            return 0, 0


def _big(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")


def _little(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


_SIDES: Mapping[str, Callable[[bytes], tuple[int, int]]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/gif": _gif,
    "image/webp": _webp,
}
"""Width and height of a picture; a side is 0 where it cannot be read."""
