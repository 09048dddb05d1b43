"""Server-sent events: what is committed with `id:`, the cursor to go on from; pieces (`event: delta`) without."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from quarterdeck.api import asked
from quarterdeck.api.call import Call
from quarterdeck.api.feed import Committed, Feed, Happened, data
from quarterdeck.api.sessions import SessionsDoor
from quarterdeck.api.streams import Stream
from quarterdeck.flow.live import Piece

HELLO = b": quarterdeck\nretry: 1000\n\n"
HEARTBEAT = b": still here\n\n"
BYE = b"event: bye\ndata: {}\n\n"


class EventsDoor:
    """The streams of one session and of all."""

    def __init__(self, sessions: SessionsDoor, feed: Feed) -> None:
        self._sessions = sessions
        self._feed = feed

    async def session_events(self, call: Call, ask: asked.EventsAsk) -> Stream:
        """GET /api/v1/sessions/{id}/events."""
        session = await self._sessions.visible(call)
        return Stream(self._frames(session.id, await self._feed.start(session.id, session.head, _cursor(call, ask))))

    async def all_events(self, call: Call, ask: asked.EventsAsk) -> Stream:
        """GET /api/v1/events."""
        return Stream(self._frames("", await self._feed.start("", 0, _cursor(call, ask))))

    async def _frames(self, session_id: str, cursor: int) -> AsyncGenerator[bytes]:
        yield HELLO
        async with aclosing(self._feed.follow(session_id, cursor)) as found:
            async for happened in found:
                yield _frame(happened)


def _frame(happened: Happened) -> bytes:
    match happened:
        case Committed(event, cursor):
            return b"id: %d\nevent: %s\ndata: %s\n\n" % (cursor, event.kind.encode(), msgspec.json.encode(data(event)))
        case Piece():
            return b"event: delta\ndata: %s\n\n" % msgspec.json.encode(happened)
        case "quiet":
            return HEARTBEAT
        case "bye":
            return BYE


def _cursor(call: Call, ask: asked.EventsAsk) -> str:
    """Where to go on. Last-Event-ID is newer than the address: a browser that reconnects sends both."""
    return call.header("Last-Event-ID") or ask.cursor
