"""Server-sent events: what is committed, by cursor, and between it the pieces of growing answers.

First the watcher is opened, then committed events are read from the cursor: nothing falls between. A durable event
has `id:` (the cursor to go on from) and comes exactly once per stream; a piece (`event: delta`) has none, and
losing it is harmless because the answer is a durable event.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence

import msgspec

from quarterdeck.api import shown
from quarterdeck.api.call import Call
from quarterdeck.api.doors import Doors
from quarterdeck.api.sessions import SessionsDoor
from quarterdeck.api.streams import HEARTBEAT_SECONDS, Stream, Streams
from quarterdeck.base.errors import BadInput
from quarterdeck.flow.live import Piece
from quarterdeck.store import events
from quarterdeck.store.events import StoredEvent

PAGE = 200
HELLO = b": quarterdeck\nretry: 1000\n\n"
HEARTBEAT = b": still here\n\n"
BYE = b"event: bye\ndata: {}\n\n"

Read = Callable[[int], Awaitable[list[StoredEvent]]]


class EventsDoor:
    """The streams of one session and of all."""

    def __init__(self, doors: Doors, sessions: SessionsDoor, streams: Streams) -> None:
        self._store = doors.store
        self._sessions = sessions
        self._streams = streams

    async def session_events(self, call: Call, ask: shown.EventsAsk) -> Stream:
        """GET /api/v1/sessions/{id}/events."""
        session = await self._sessions.visible(call)
        after = _cursor(call, ask, session.head)

        async def read(cursor: int) -> list[StoredEvent]:
            return await events.after(self._store, session.id, cursor, PAGE)

        return Stream(self._frames(session.id, after, read))

    async def all_events(self, call: Call, ask: shown.EventsAsk) -> Stream:
        """GET /api/v1/events."""
        after = _cursor(call, ask, await events.newest(self._store))

        async def read(cursor: int) -> list[StoredEvent]:
            return await events.after_any(self._store, cursor, PAGE)

        return Stream(self._frames("", after, read))

    async def _frames(self, session_id: str, cursor: int, read: Read) -> AsyncGenerator[bytes]:
        with self._streams.watch(session_id) as watcher:
            yield HELLO
            pieces: Sequence[Piece] = ()
            while True:
                quiet = not pieces
                while page := await read(cursor):
                    quiet = False
                    for frame in woven(page, pieces, one_session=bool(session_id)):
                        yield frame
                    pieces = ()
                    cursor = page[-1].seq if session_id else page[-1].id
                for piece in pieces:
                    yield delta(piece)
                if self._streams.closing:
                    yield BYE
                    return
                if quiet:
                    yield HEARTBEAT
                pieces = await watcher.next(HEARTBEAT_SECONDS)


class _Named(msgspec.Struct, frozen=True):
    turn: str = ""


def woven(page: Sequence[StoredEvent], pieces: Sequence[Piece], *, one_session: bool) -> Iterator[bytes]:
    """Events in order, and each piece behind the start of its turn and before its answer."""
    started = {msgspec.json.decode(event.data, type=_Named).turn for event in page if event.kind == "turn.started"}
    for piece in pieces:
        if piece.turn not in started:
            yield delta(piece)
    for event in page:
        yield durable(event, event.seq if one_session else event.id)
        if event.kind == "turn.started":
            turn = msgspec.json.decode(event.data, type=_Named).turn
            yield from (delta(piece) for piece in pieces if piece.turn == turn)


def durable(event: StoredEvent, cursor: int) -> bytes:
    """One committed event; `kind` is that of its data where that has one (a delivery's), `event` its own."""
    head = {
        "seq": event.seq,
        "event": event.kind,
        "kind": event.kind,
        "created_at": shown.moment(event.created_at),
        "session": event.session_id,
    }
    data = msgspec.json.encode({**head, **msgspec.json.decode(event.data, type=dict[str, msgspec.Raw])})
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (cursor, event.kind.encode(), data)


def delta(piece: Piece) -> bytes:
    """One piece of a growing answer."""
    return b"event: delta\ndata: %s\n\n" % msgspec.json.encode(piece)


def _cursor(call: Call, ask: shown.EventsAsk, newest: int) -> int:
    """Where to go on. Last-Event-ID is newer than the address: a browser that reconnects sends both."""
    text = call.header("Last-Event-ID") or ask.cursor
    if text == "now":
        return newest
    if text and not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadInput("cursor", f"{text!r} is no cursor", "Send the id of an event, or `now`.")
    return int(text or "0")
