"""What happens, as it happens: what is committed, by cursor, and between it the pieces of growing answers.

First the watcher is opened, then committed events are read from the cursor: nothing falls between. A committed event
comes exactly once; a piece may be lost, which is harmless because the answer is a committed event.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Literal

import msgspec

from quarterdeck.api import shown
from quarterdeck.api.streams import HEARTBEAT_SECONDS, Streams
from quarterdeck.base.errors import BadInput
from quarterdeck.flow.live import Piece
from quarterdeck.store import events
from quarterdeck.store.database import Store
from quarterdeck.store.events import StoredEvent

PAGE = 200


class Committed(msgspec.Struct, frozen=True):
    """A committed event, and the cursor to go on from behind it."""

    event: StoredEvent
    cursor: int


Happened = Committed | Piece | Literal["quiet", "bye"]
"""`quiet`: nothing for HEARTBEAT_SECONDS. `bye`: the process stops, and this is the end."""


class Feed:
    """What happens in one session, or (empty) in all of them."""

    def __init__(self, store: Store, streams: Streams) -> None:
        self._store = store
        self._streams = streams

    async def start(self, session_id: str, head: int, cursor: str) -> int:
        """Where a cursor begins: behind an event's, at the end for `now`. Raises BadInput."""
        if cursor == "now":
            return head if session_id else await events.newest(self._store)
        if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
            raise BadInput("cursor", f"{cursor!r} is no cursor", "Send the cursor of an event, or `now`.")
        return int(cursor or "0")

    async def follow(self, session_id: str, cursor: int) -> AsyncGenerator[Happened]:
        """Everything behind `cursor`, without end. Raises Retry when too many watch, or the process stops."""
        with self._streams.watch(session_id) as watcher:
            pieces: Sequence[Piece] = ()
            while True:
                quiet = not pieces
                while page := await self._page(session_id, cursor):
                    quiet = False
                    for one in woven(page, pieces, one_session=bool(session_id)):
                        yield one
                    pieces = ()
                    cursor = page[-1].seq if session_id else page[-1].id
                for piece in pieces:
                    yield piece
                if self._streams.closing:
                    yield "bye"
                    return
                if quiet:
                    yield "quiet"
                pieces = await watcher.next(HEARTBEAT_SECONDS)

    async def _page(self, session_id: str, cursor: int) -> list[StoredEvent]:
        if session_id:
            return await events.after(self._store, session_id, cursor, PAGE)
        return await events.after_any(self._store, cursor, PAGE)


class _Named(msgspec.Struct, frozen=True):
    turn: str = ""


def woven(page: Sequence[StoredEvent], pieces: Sequence[Piece], *, one_session: bool) -> Iterator[Committed | Piece]:
    """Events in order, and each piece behind the start of its turn and before its answer."""
    started = {msgspec.json.decode(event.data, type=_Named).turn for event in page if event.kind == "turn.started"}
    yield from (piece for piece in pieces if piece.turn not in started)
    for event in page:
        yield Committed(event, event.seq if one_session else event.id)
        if event.kind == "turn.started":
            turn = msgspec.json.decode(event.data, type=_Named).turn
            yield from (piece for piece in pieces if piece.turn == turn)


def data(event: StoredEvent) -> dict[str, object]:
    """What watchers are told; `kind` is that of the data where that has one (a delivery's), `event` the event's own."""
    head: dict[str, object] = {
        "seq": event.seq,
        "event": event.kind,
        "kind": event.kind,
        "created_at": shown.moment(event.created_at),
        "session": event.session_id,
    }
    return {**head, **msgspec.json.decode(event.data, type=dict[str, msgspec.Raw])}
