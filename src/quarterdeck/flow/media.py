"""Step 0 of a turn: fetch the files that came with a message, read documents; time limits, honest failures."""

import asyncio

import msgspec

from quarterdeck.base.errors import BadInput, Refused, Retry
from quarterdeck.flow.patience import commit_patiently
from quarterdeck.flow.services import Services
from quarterdeck.flow.state import TurnState
from quarterdeck.model.message import Attachment, UserMessage
from quarterdeck.model.turn import MEDIA_STEP, FetchedFile, MediaStep
from quarterdeck.store import blobs, inbox, journal, sessions
from quarterdeck.store.blobs import MAX_BYTES, Blob
from quarterdeck.store.operations import Statement, operation

FETCH_SECONDS = 60.0


def wanted(services: Services, state: TurnState) -> bool:
    """Whether there are files that were not fetched yet, or documents that were not read."""
    if MEDIA_STEP in state.journal:
        return False
    files = [file for row in state.rows for file in state.taken[row.id].attachments]
    return any(not file.blob or services.documents.reads(file.name, file.mime) for file in files)


async def fetch(services: Services, state: TurnState) -> None:
    """Fetch all files of the turn's messages and journal what became of each."""
    found: dict[str, tuple[FetchedFile, ...]] = {}
    rows: list[Statement] = []
    for row in state.rows:
        fetched: list[FetchedFile] = []
        for attachment in state.taken[row.id].attachments:
            async with state.cut.scope():
                file, blob = await _one(services, row.connection, attachment)
                fetched.append(await _read(services, attachment, file))
            if blob is not None:
                rows.append(blobs.row(blob, services.clock.now()))
        if fetched:
            found[row.id] = tuple(fetched)
    step = MediaStep(found)
    now = services.clock.now()
    fetching = operation(
        "media",
        sessions.hold(state.session.id, state.fence, 0, now),
        rows,
        journal.insert(state.turn_id, MEDIA_STEP, step, now),
        inbox.progressed(state.turn_id),
    )
    await commit_patiently(services.store, fetching, services.log)
    state.journal[MEDIA_STEP] = step


def apply(state: TurnState) -> None:
    """Show the fetched files in the turn's messages."""
    step = state.journal.get(MEDIA_STEP)
    if not isinstance(step, MediaStep):
        return
    for inbox_id, files in step.blobs.items():
        taken = state.taken.get(inbox_id)
        if taken is None or not isinstance(taken.message, UserMessage):
            continue
        shown = tuple(
            msgspec.structs.replace(
                attachment,
                blob=file.blob,
                size=file.size or attachment.size,
                error=file.error,
                text=file.text,
                unreadable=file.unreadable,
            )
            for attachment, file in zip(taken.message.attachments, files, strict=True)
        )
        message = msgspec.structs.replace(taken.message, attachments=shown)
        state.taken[inbox_id] = msgspec.structs.replace(taken, message=message)


async def _one(services: Services, connection: str, attachment: Attachment) -> tuple[FetchedFile, Blob | None]:
    if attachment.blob:
        return FetchedFile(attachment.native_id, attachment.blob, attachment.size), None
    channel = services.directory.channel(connection)
    if channel is None:
        return FetchedFile(attachment.native_id, error="its channel is not running"), None
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            chunks = channel.fetch(attachment, MAX_BYTES)
            blob = await services.blobs.write(chunks, attachment.mime)
    except TimeoutError:
        return FetchedFile(attachment.native_id, error=f"not fetched within {FETCH_SECONDS:.0f} s"), None
    except (BadInput, Refused, Retry) as error:
        return FetchedFile(attachment.native_id, error=str(error)), None
    return FetchedFile(attachment.native_id, blob.digest, blob.size), blob


async def _read(services: Services, attachment: Attachment, file: FetchedFile) -> FetchedFile:
    """The file with its text, where it is a document."""
    if not file.blob or not services.documents.reads(attachment.name, attachment.mime):
        return file
    try:
        async with services.blobs.file(file.blob) as path:
            text = await services.documents.text(path, attachment.name, attachment.mime)
    except Refused as error:
        services.log.info("media.unreadable", reason=str(error))
        return msgspec.structs.replace(file, unreadable=str(error))
    return msgspec.structs.replace(file, text=text)
