"""Sessions and their messages: look, begin, write, stop, start anew."""

import math
from collections.abc import Sequence

from msgspec import UNSET

from quarterdeck.actions.conversations import Conversations
from quarterdeck.actions.uploads import Uploads
from quarterdeck.api import asked, shown
from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.api.etags import Tagged, check_match, etag
from quarterdeck.api.keeping import HEADER
from quarterdeck.api.problems import KeyReused, NotTheSame
from quarterdeck.base.errors import BadInput, NotAllowed, NotFound
from quarterdeck.governance.principal import Principal
from quarterdeck.model.inbound import Accepted, Inbound, QueueMode, Room, Sender
from quarterdeck.model.message import (
    AssistantMessage,
    Attachment,
    LateResults,
    Message,
    SystemEvent,
    ToolResult,
    UserMessage,
    decode,
)
from quarterdeck.store import inbox, people, sessions, turns, views
from quarterdeck.store.inbox import InboxRow
from quarterdeck.store.messages import StoredMessage
from quarterdeck.store.operations import ExpectationFailed, Statement
from quarterdeck.store.sessions import Session

WAITING_SHOWN = 100  # messages that are not in the history yet, beside its newest page
LAST = 2**62  # behind every position and part


class SessionsDoor:
    """The console's and a program's way to conversations."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._conversations = Conversations(doors.store, doors.directory, doors.auditor, doors.clock, doors.new_id)
        self._uploads = Uploads(doors.store, doors.blobs, doors.auditor, doors.clock)

    async def list_sessions(self, call: Call, ask: asked.SessionsAsk) -> shown.Page[shown.Session]:
        """GET /api/v1/sessions."""
        updated_at, _, last = ask.cursor.partition("~")
        found = await views.sessions(
            self._doors.store, ask.connection, number(updated_at, "cursor", math.inf), last, ask.limit
        )
        cursor = f"{found[-1].updated_at!r}~{found[-1].id}" if len(found) == ask.limit else None
        return shown.Page([await self.shown(one) for one in found], cursor)

    async def begin_session(self, call: Call, ask: asked.NewSessionAsk) -> shown.Session:
        """POST /api/v1/sessions."""

        def riding(session: Session) -> Sequence[Statement]:
            return call.keep(self.shape(session, None))

        return self.shape(await self._conversations.begin(call.principal, ask.assistant, ask.title, riding), None)

    async def get_session(self, call: Call, ask: Nothing) -> Tagged[shown.Session]:
        """GET /api/v1/sessions/{id}; the tag is that of what can be changed."""
        session = await self.visible(call)
        return Tagged(await self.shown(session), _tag(session))

    async def change_session(self, call: Call, ask: asked.SessionChange) -> Tagged[shown.Session]:
        """PATCH /api/v1/sessions/{id}."""
        session = await self.visible(call) if call.principal.may("operate") else await self._own(call)
        check_match(call, _tag(session))
        title = session.title if ask.title is UNSET else ask.title
        model = session.model if ask.model is UNSET else ask.model
        try:
            changed = await self._conversations.edit(session, title, model, call.principal.actor)
        except ExpectationFailed as error:
            raise NotTheSame("it was changed at the same moment") from error
        return Tagged(await self.shown(changed), _tag(changed))

    async def list_messages(self, call: Call, ask: asked.MessagesAsk) -> shown.Page[shown.Message]:
        """GET /api/v1/sessions/{id}/messages: the newest page first, oldest first inside a page."""
        session, store = await self.visible(call), self._doors.store
        position, _, part = ask.cursor.partition(".")
        before = (whole(position, "cursor", LAST), whole(part, "cursor", LAST))
        found = await views.messages(store, session.id, *before, ask.limit)
        items = [_message(one) for one in found]
        if not ask.cursor:
            running = await turns.running(store, session.id)
            open_rows = await inbox.of_turn(store, running.id) if running else []
            open_rows += await inbox.waiting(store, session.id, WAITING_SHOWN)
            items += [_open(row) for row in open_rows]
        cursor = f"{found[0].position}.{found[0].part}" if len(found) == ask.limit else None
        return shown.Page(items, cursor)

    async def write_message(self, call: Call, ask: asked.MessageAsk) -> shown.Receipt:
        """POST /api/v1/sessions/{id}/messages; the same Idempotency-Key is the same message."""
        if not ask.text.strip() and not ask.attachments:
            raise BadInput("text", "is empty and there is no file", "Write something.")
        session = await self._own(call)
        files = tuple([await self._attachment(call.principal, one) for one in ask.attachments])
        return await self._accept(call, session, "", ask.text, files, ask.mode)

    async def stop_session(self, call: Call, ask: Nothing) -> shown.Receipt:
        """POST /api/v1/sessions/{id}/stop."""
        return await self._accept(call, await self._own(call), "stop:", "/stop")

    async def reset_session(self, call: Call, ask: Nothing) -> shown.Receipt:
        """POST /api/v1/sessions/{id}/reset."""
        return await self._accept(call, await self._own(call), "reset:", "/new")

    async def visible(self, call: Call) -> Session:
        """The session that the path names, if the asker may know of it. Raises NotFound."""
        return await self.visible_to(call.principal, call.path("id"))

    async def visible_to(self, principal: Principal, session_id: str) -> Session:
        """A session, if `principal` may know of it. Raises NotFound."""
        session = await sessions.get(self._doors.store, session_id)
        if session is None or not (principal.may("read") or is_own(principal, session)):
            raise NotFound(f"there is no session {session_id}")
        return session

    async def _own(self, call: Call) -> Session:
        """The session that the path names, if it is the asker's. A message is always its sender's own."""
        session = await self.visible(call)
        if not is_own(call.principal, session):
            raise NotAllowed(
                "session.own", "this conversation is somebody else's", "Begin one of your own: POST /api/v1/sessions."
            )
        return session

    async def _accept(
        self,
        call: Call,
        session: Session,
        what: str,
        text: str,
        files: tuple[Attachment, ...] = (),
        mode: QueueMode | None = None,
    ) -> shown.Receipt:
        """Take an act in. The client's key is that of its row, which is there for as long as what was said."""
        key, principal = call.header(HEADER) or self._doors.new_id("act"), call.principal
        room = await people.room(self._doors.store, session.room_id)
        assert room is not None  # a session's room is written with it
        inbound = Inbound(
            connection=session.connection,
            act_key=f"{what}{session.id}/{key}",
            room=Room(room.native_id, title=room.title),
            sender=Sender(principal.id, principal.name, call.language),
            text=text,
            sent_at=self._doors.clock.now(),
            attachments=files,
            mode=mode,
            assistant=session.assistant,
        )
        accepted = await self._doors.intake.accept(inbound)
        if isinstance(accepted, Accepted):
            return shown.Receipt(
                accepted.inbox_id, accepted.session_id, accepted.position, "accepted", accepted.outcome
            )
        row = await inbox.get(self._doors.store, accepted.inbox_id)
        assert row is not None  # it was just found
        if not _same(row, inbound):
            raise KeyReused("this Idempotency-Key was used for another message")
        return shown.Receipt(row.id, row.session_id, row.position, "duplicate", row.outcome or "")

    async def _attachment(self, principal: Principal, named: str | asked.NamedFile) -> Attachment:
        digest, name = (named, "") if isinstance(named, str) else (named.digest, named.name)
        blob = await self._uploads.named(digest, principal)
        return Attachment(name or digest[:12], blob.mime, blob.size, blob.digest)

    def shape(self, session: Session, running: str | None) -> shown.Session:
        """A session as the API gives it, with the id of its running turn."""
        model = session.model
        if not model and session.assistant in self._doors.directory.assistants:
            model = self._doors.directory.assistant(session.assistant).model
        return shown.Session(
            session.id,
            session.controller,
            session.assistant,
            session.connection,
            session.room_id,
            session.title,
            model,
            session.head,
            shown.moment(session.created_at),
            shown.moment(session.updated_at),
            running,
            session.forked_from or None,
        )

    async def shown(self, session: Session) -> shown.Session:
        """The same, when that is not known."""
        running = await turns.running(self._doors.store, session.id)
        return self.shape(session, running.id if running else None)


def _tag(session: Session) -> str:
    return etag(session.title, session.model)


def _same(row: InboxRow, inbound: Inbound) -> bool:
    """Whether the act that is there says what this one does."""
    said = decode(row.content)
    if not isinstance(said, UserMessage) or said.text != inbound.text or inbound.mode not in (None, row.mode):
        return False
    before, now = ([(one.blob, one.name) for one in files] for files in (said.attachments, inbound.attachments))
    return before == now


def is_own(principal: Principal, session: Session) -> bool:
    """Whether the conversation is the principal's with the assistant."""
    return session.identity_id == people.identity_id(session.connection, principal.id)


def number(text: str, field: str, default: float) -> float:
    """A number of a cursor. Raises BadInput."""
    try:
        found = float(text) if text else default
    except ValueError as error:
        raise BadInput(field, f"{text!r} is no cursor", "Take `next_cursor` of the page before.") from error
    if math.isnan(found):
        raise BadInput(field, f"{text!r} is no cursor", "Take `next_cursor` of the page before.")
    return found


def whole(text: str, field: str, default: int) -> int:
    """A whole number of a cursor. Raises BadInput."""
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadInput(field, f"{text!r} is no cursor", "Take `next_cursor` of the page before.")
    return int(text)


def _message(stored: StoredMessage) -> shown.Message:
    at = (stored.position, stored.part)
    return _fields(decode(stored.content), at, stored.turn_id, stored.created_at)


def _open(row: InboxRow) -> shown.Message:
    """A message that no turn has ended yet."""
    return _fields(decode(row.content), (row.position, 0), row.turn_id or "", row.created_at, row.state)


def _fields(message: Message, at: tuple[int, int], turn: str, created_at: float, state: str = "") -> shown.Message:
    made = shown.moment(created_at)
    match message:
        case UserMessage():
            files = [shown.File(a.name, a.mime, a.size, a.blob, a.error) for a in message.attachments]
            return shown.Message(
                *at, "user", message.text, turn, made,
                attachments=files or shown.UNSET, name=message.sender or shown.UNSET, status=state or shown.UNSET,
            )  # fmt: skip
        case AssistantMessage():
            calls = [shown.Call(c.id, c.name, c.arguments) for c in message.calls]
            return shown.Message(*at, "assistant", message.text, turn, made, calls=calls or shown.UNSET)
        case ToolResult():
            return shown.Message(*at, "tool", message.text, turn, made, name=message.name, status=message.status)
        case SystemEvent():
            return shown.Message(*at, "event", message.text, turn, made)
        case LateResults():
            return shown.Message(*at, "results", "\n".join(one.text for one in message.results), turn, made)
