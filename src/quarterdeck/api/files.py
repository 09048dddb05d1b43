"""Files: handed in as they are, given out only as downloads that no browser runs."""

import re
from collections.abc import Sequence
from urllib.parse import unquote

import msgspec
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from quarterdeck.actions.uploads import Uploads
from quarterdeck.api import shown
from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.store import blobs
from quarterdeck.store.blobs import MAX_BYTES, Blob, Blobs
from quarterdeck.store.operations import Statement

MIME = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
UNKNOWN = "application/octet-stream"


class FilesDoor:
    """Up and down."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._uploads = Uploads(doors.store, doors.blobs, doors.auditor, doors.clock)

    async def upload_blob(self, call: Call, ask: Nothing) -> shown.Upload:
        """POST /api/v1/blobs."""
        mime = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        name = unquote(call.header("X-File-Name"))
        mime = mime if MIME.fullmatch(mime) else UNKNOWN

        def answer(blob: Blob) -> shown.Upload:
            return shown.Upload(blob.digest, blob.size, blob.mime, name)

        def riding(blob: Blob) -> Sequence[Statement]:
            made = answer(blob)
            return call.keep(made, request=msgspec.json.encode(made))

        return answer(await self._uploads.keep(call.chunks(MAX_BYTES), mime, call.principal, riding))

    async def download_blob(self, call: Call, ask: Nothing) -> Response:
        """GET /api/v1/blobs/{digest}."""
        blob = await blobs.get(self._doors.store, call.path("digest"))
        if not await self._doors.blobs.has(blob.digest):
            raise blobs.gone(blob.digest)
        return _Download(self._doors.blobs, blob)


class _Download(Response):
    """Bytes that are there as a file while they are sent."""

    def __init__(self, kept: Blobs, blob: Blob) -> None:
        super().__init__(media_type=blob.mime)
        self._blobs = kept
        self._blob = blob

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or the range of it that was asked for."""
        headers = {
            "content-disposition": f'attachment; filename="{self._blob.digest[:12]}"',
            "content-security-policy": "sandbox; default-src 'none'",
            "x-content-type-options": "nosniff",
            "cache-control": "private, max-age=86400, immutable",
        }
        async with self._blobs.file(self._blob.digest) as path:
            await FileResponse(path, media_type=self._blob.mime, headers=headers)(scope, receive, send)
