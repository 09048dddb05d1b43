"""Files that come inside of a request: decoded, kept as blobs before anything refers to them."""

import asyncio
import binascii
import re
from collections.abc import AsyncIterator, Sequence

from quarterdeck.actions.uploads import Uploads
from quarterdeck.api.openai.items import FilePart
from quarterdeck.base.errors import BadInput, NotFound
from quarterdeck.governance.principal import Principal
from quarterdeck.model.media import IMAGES, PDF, media_type
from quarterdeck.model.message import Attachment
from quarterdeck.store import blobs
from quarterdeck.store.blobs import Blobs
from quarterdeck.store.database import Store

MOST_FILES = 20
FILE_BYTES = 10_000_000
NAME_LENGTH = 200
TEXT, UNKNOWN = "text/plain", "application/octet-stream"

_DATA_URL = re.compile(r"data:(?P<mime>[a-z0-9.+-]+/[a-z0-9.+-]+)?(?:;[a-z0-9-]+=[^;,]*)*;base64,", re.IGNORECASE)


def image(where: str, url: str) -> FilePart:
    """An image that stands in the request. Raises BadInput for an address of another machine."""
    if not url[:5].lower() == "data:":
        raise BadInput(
            where, "is an address; images are not fetched from other machines",
            "Send the image itself: data:image/png;base64,...",
        )  # fmt: skip
    found = _DATA_URL.match(url)
    mime = (found["mime"] or "").lower() if found else ""
    if found is None or mime not in IMAGES:
        raise BadInput(where, "is no image in base64", f"Send data:TYPE;base64,... of {', '.join(IMAGES)}.")
    return FilePart(where, f"image.{mime.rpartition('/')[2]}", mime, url[found.end() :])


def document(where: str, name: str | None, data: str) -> FilePart:
    """A file that stands in the request, as a data URL or as plain base64."""
    name = name or "file"
    if len(name) > NAME_LENGTH or not name.isprintable():
        raise BadInput(f"{where}.filename", f"is no name of at most {NAME_LENGTH} plain characters", "Choose another.")
    found = _DATA_URL.match(data)
    mime = (found["mime"] or "").lower() if found else ""
    return FilePart(f"{where}.file_data", name, mime, data[found.end() :] if found else data)


class Keeping:
    """Keeps files."""

    def __init__(self, store: Store, kept: Blobs, uploads: Uploads) -> None:
        self._store = store
        self._blobs = kept
        self._uploads = uploads

    async def keep(self, parts: Sequence[FilePart], principal: Principal) -> dict[str, Attachment]:
        """The stored files by their place in the request. Raises BadInput for what cannot be one."""
        if len(parts) > MOST_FILES:
            raise BadInput(parts[MOST_FILES].where, f"is one file more than {MOST_FILES}", "Send fewer.")
        found: dict[str, Attachment] = {}
        for part in parts:
            data, mime = await asyncio.to_thread(_decoded, part)
            digest = await self._stored(data, mime, principal)
            found[part.where] = Attachment(part.name, mime, len(data), digest)
        return found

    async def _stored(self, data: bytes, mime: str, principal: Principal) -> str:
        """A client without a durable conversation sends the same file again and again: it is kept once."""
        digest = await asyncio.to_thread(blobs.digest, data)
        try:
            await blobs.get(self._store, digest)
            known = await self._blobs.has(digest)
        except NotFound:
            known = False
        if not known:
            await self._uploads.keep(_whole(data), mime, principal)
        return digest


def _decoded(part: FilePart) -> tuple[bytes, str]:
    if len(part.data) > FILE_BYTES * 4 // 3 + 4:
        raise BadInput(part.where, f"is larger than {FILE_BYTES} bytes", "Send a smaller one.")
    try:
        data = binascii.a2b_base64(part.data, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput(part.where, f"is no base64: {error}", "Encode the file's bytes.") from error
    if not data:
        raise BadInput(part.where, "is empty", "Send the file's bytes.")
    if part.mime in IMAGES and media_type(data) != part.mime:
        raise BadInput(part.where, f"is not {part.mime}", "Name the type that it has.")
    return data, part.mime or _guess(data)


def _guess(data: bytes) -> str:
    """The type of a file that came without one."""
    if media_type(data) == PDF:
        return PDF
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return UNKNOWN
    return UNKNOWN if "\0" in text else TEXT


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data
