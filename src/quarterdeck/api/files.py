"""Files: handed in as they are, given out only as downloads that no browser runs."""

import re
from collections.abc import Sequence
from urllib.parse import unquote

import msgspec
from starlette.responses import FileResponse

from quarterdeck.actions.uploads import Uploads
from quarterdeck.api import shown
from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.base.errors import NotFound
from quarterdeck.store import blobs
from quarterdeck.store.blobs import MAX_BYTES, Blob
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

    async def download_blob(self, call: Call, ask: Nothing) -> FileResponse:
        """GET /api/v1/blobs/{digest}."""
        blob = await blobs.get(self._doors.store, call.path("digest"))
        path = self._doors.blobs.path(blob.digest)
        if not path.is_file():
            raise NotFound(f"the bytes of {blob.digest} are gone")
        return FileResponse(
            path,
            media_type=blob.mime,
            headers={
                "content-disposition": f'attachment; filename="{blob.digest[:12]}"',
                "content-security-policy": "sandbox; default-src 'none'",
                "x-content-type-options": "nosniff",
                "cache-control": "private, max-age=86400, immutable",
            },
        )
