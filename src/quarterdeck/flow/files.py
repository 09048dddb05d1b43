"""The bytes of files in a request: read from their blobs, off the event loop, for whatever channel brought them."""

import msgspec

from quarterdeck.base.errors import NotFound
from quarterdeck.flow import context
from quarterdeck.flow.services import Services
from quarterdeck.ports import ModelProfile, ModelRequest


async def enclosed(services: Services, request: ModelRequest, profile: ModelProfile) -> ModelRequest:
    """The request with the files that the model can read; a file whose bytes are gone is only named."""
    if not profile.reads:
        return request
    found: dict[str, bytes] = {}
    for file in context.readable(request.messages, profile):
        try:
            found[file.blob] = await services.blobs.read(file.blob)
        except NotFound as missing:
            services.log.error("file.missing", blob=file.blob, reason=str(missing))
    return msgspec.structs.replace(request, files=found)
