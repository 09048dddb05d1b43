"""From a request to an accepted act, whoever's words it was in: files kept, words sorted, committed, watched."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack

import msgspec

from quarterdeck.actions.uploads import Uploads
from quarterdeck.api.doors import Doors
from quarterdeck.api.openai.files import Keeping
from quarterdeck.api.openai.items import Item, Returned, Spoken, compose, fresh
from quarterdeck.api.streams import Streams
from quarterdeck.base.errors import BadInput, Conflict, NotFound, Retry
from quarterdeck.flow.history import ALL_PARTS, KEEP
from quarterdeck.flow.live import Watcher
from quarterdeck.governance.principal import Principal
from quarterdeck.model.asking import NO_WISHES, Options
from quarterdeck.model.assistant import Assistant
from quarterdeck.model.inbound import Inbound, Room, Sender
from quarterdeck.model.message import LateResults, Message, ToolResult, UserMessage, decode
from quarterdeck.ports import ModelProfile
from quarterdeck.store import inbox, messages, people, sessions
from quarterdeck.store.inbox import InboxRow
from quarterdeck.store.sessions import NewSession

CONNECTION = "api"
NAME_LENGTH = 200


class Asked(msgspec.Struct, frozen=True):
    """What a client asks, in no vendor's words. `field` is where its words stand.

    `conversation` names a durable one; `room` is that of an earlier act, to go on there if its turn, `follows`, is the
    last. Without both the session is
    new, and `before` was said in another one that it goes on from, or the items are all that there is. `key` makes a
    retry the same act. `record` is kept with the act.
    """

    principal: Principal
    assistant: Assistant
    field: str
    items: Sequence[Item]
    options: Options
    conversation: str = ""
    room: str = ""
    follows: str = ""
    key: str = ""
    record: bytes = b""
    language: str = ""
    before: tuple[Message, ...] = ()


class Accepting:
    """Makes acts of requests."""

    def __init__(self, doors: Doors, streams: Streams) -> None:
        self._doors = doors
        self._streams = streams
        self._keeping = Keeping(doors.store, doors.blobs, Uploads(doors.store, doors.blobs, doors.auditor, doors.clock))

    def profile(self, assistant: Assistant) -> ModelProfile:
        """What may be asked of an assistant's model."""
        return self._doors.directory.provider(assistant.provider).profile(assistant.model_name)

    async def inbound(self, asked: Asked) -> Inbound:
        """The act of a request. Raises BadInput with the field that is wrong."""
        name, place, new_id = asked.conversation, asked.conversation or asked.room, self._doors.new_id
        if len(name) > NAME_LENGTH or not name.isprintable():
            raise BadInput("user", "is no name of a conversation", f"Write at most {NAME_LENGTH} plain characters.")
        act_key = f"{asked.principal.id}/{asked.key or new_id('act')}"
        room = Room(place or new_id("conv"), title=name)
        items = fresh(asked.items) if place else asked.items
        given = await self._given(asked, act_key) if place or asked.before else None
        parts = [part for item in items if isinstance(item, Spoken) for part in item.files]
        kept = await self._keeping.keep(parts, asked.principal)
        talk = compose(asked.field, items, kept, given)
        return Inbound(
            connection=CONNECTION,
            act_key=act_key,
            room=room,
            sender=Sender(asked.principal.id, asked.principal.name, asked.language),
            text=talk.text,
            sent_at=self._doors.clock.now(),
            attachments=talk.files,
            history=(*asked.before, *talk.before),
            assistant=asked.assistant.id,
            options=asked.options,
            results=talk.results,
            asked=asked.record,
            follows=asked.follows,
        )

    async def accept(self, inbound: Inbound, stack: ExitStack) -> tuple[InboxRow, Watcher]:
        """Watch the session, then commit the act: no piece of its answer is missed."""
        session = _session(inbound.assistant, inbound.room.native_id, inbound.sender.native_id)
        watcher = stack.enter_context(self._streams.watch(session))
        accepted = await self._doors.intake.accept(inbound)
        if accepted.session_id != session:  # a retry without a conversation's name: the first one's session
            watcher = stack.enter_context(self._streams.watch(accepted.session_id))
        row = await inbox.get(self._doors.store, accepted.inbox_id)
        if row is None:
            raise NotFound("the message that was accepted before is gone")
        if not _same(row, inbound):
            raise Conflict("this Idempotency-Key was used for another message")
        return row, watcher

    def leaving(self, inbound: Inbound) -> Callable[[], Awaitable[None]]:
        """What a client that leaves a stream wants: its turn is stopped, if nobody else's is in its session."""

        async def stop() -> None:
            row = await inbox.find(self._doors.store, inbound.connection, inbound.act_key)
            if row is not None and await inbox.alone(self._doors.store, row):
                await self.stop(inbound)

        return stop

    async def stop(self, inbound: Inbound) -> None:
        """Stop what runs and waits in the session of an act."""
        act_key = f"{inbound.sender.native_id}/{self._doors.new_id('act')}"
        room = Room(inbound.room.native_id, title=inbound.room.title)
        message = msgspec.structs.replace(
            inbound, act_key=act_key, room=room, text="/stop", history=(), sent_at=self._doors.clock.now(),
            attachments=(), options=NO_WISHES, results=(), asked=b"",
        )  # fmt: skip
        try:
            await self._doors.intake.accept(message)
        except Retry as error:
            self._doors.log.warning("stream.stop_failed", reason=error.code)

    async def _given(self, asked: Asked, act_key: str) -> dict[str, str]:
        """The calls that a durable conversation has given to the client, by id, with their tool's name.

        For a retry they are what it says: it was checked when it was accepted.
        """
        results = [item for item in asked.items if isinstance(item, Returned)]
        if not results:
            return {}
        store = self._doors.store
        if (row := await inbox.find(store, CONNECTION, act_key)) is not None:
            return {result.call_id: result.name for result in _results(row)}
        said = list(asked.before)
        place = asked.conversation or asked.room
        session = await sessions.get(store, _session(asked.assistant.id, place, asked.principal.id))
        if session is not None and not said:
            start = session.history_from
            stored = await messages.newest(store, session.id, start, (start, ALL_PARTS), KEEP)
            said = [decode(one.content) for one in stored]
        return {one.call_id: one.name for one in said if isinstance(one, ToolResult) and one.status == "given"}


def _session(assistant: str, room: str, sender: str) -> str:
    return NewSession(
        assistant, CONNECTION, people.room_id(CONNECTION, room), people.identity_id(CONNECTION, sender)
    ).id


def _results(row: InboxRow) -> tuple[ToolResult, ...]:
    """The results of a client's tools that a row brought."""
    before = msgspec.json.decode(row.history, type=tuple[Message, ...]) if row.history else ()
    last = next((one for one in (decode(row.content), *before[::-1]) if isinstance(one, LateResults)), None)
    return last.results if last else ()


def _same(row: InboxRow, inbound: Inbound) -> bool:
    """Whether a row holds the words of an act."""
    message = decode(row.content)
    words, files = (message.text, message.attachments) if isinstance(message, UserMessage) else ("", ())
    return (words, files, _results(row)) == (inbound.text, inbound.attachments, inbound.results)
