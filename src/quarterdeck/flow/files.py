"""The files of a conversation: their bytes in a request, and which of them are at hand for tools."""

import msgspec

from quarterdeck.base.errors import NotFound
from quarterdeck.flow import context
from quarterdeck.flow.services import Services
from quarterdeck.flow.state import TurnState
from quarterdeck.model.message import Attachment, UserMessage
from quarterdeck.ports import ModelProfile, ModelRequest

MOST_AT_HAND = 100


def at_hand(state: TurnState) -> tuple[Attachment, ...]:
    """The newest files of the conversation whose bytes are there, oldest first: what a tool may be asked to send."""
    messages = (*state.past.messages, *state.messages())
    said = (message for message in messages if isinstance(message, UserMessage))
    return tuple(file for message in said for file in message.attachments if file.blob)[-MOST_AT_HAND:]


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
