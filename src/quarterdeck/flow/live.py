"""Live: what is only worth seeing now. Pieces of growing answers, and hints that new events are committed.

Losing any of it is harmless: the final events are durable rows, and a watcher reads them from its cursor.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

import msgspec

KEEP = 256  # pieces that a slow watcher may lag behind; older ones are dropped and the watcher is told


class Piece(msgspec.Struct, frozen=True):
    """A piece of an answer: (turn, attempt, seq) orders them; a new attempt starts the bubble anew.

    `attempt` grows with every model call of a turn, also over restarts; `seq` counts from 1 within one.
    """

    turn: str
    attempt: int
    seq: int
    text: str


class Watcher:
    """One open stream of one session (or, with an empty id, of all). Bounded: pieces fall off, hints merge."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()
        self._pieces: list[Piece] = []
        self.dropped = 0

    def put(self, piece: Piece) -> None:
        """Offer a piece."""
        if len(self._pieces) >= KEEP:
            del self._pieces[0]
            self.dropped += 1
        self._pieces.append(piece)
        self._wake.set()

    def hint(self) -> None:
        """New events are committed."""
        self._wake.set()

    async def next(self, timeout: float) -> list[Piece]:
        """Wait for news, at most `timeout` seconds; the pieces since the last call (read events after this)."""
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return []
        self._wake.clear()
        pieces, self._pieces = self._pieces, []
        return pieces


class Live:
    """Who watches what, in this process."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[Watcher]] = {}

    @contextmanager
    def watch(self, session_id: str) -> Generator[Watcher]:
        """Watch a session; an empty id gets hints of every session and no pieces."""
        watcher = Watcher()
        self._watchers.setdefault(session_id, set()).add(watcher)
        try:
            yield watcher
        finally:
            watchers = self._watchers[session_id]
            watchers.discard(watcher)
            if not watchers:
                del self._watchers[session_id]

    def watched(self, session_id: str) -> bool:
        """Whether anybody would see a piece."""
        return session_id in self._watchers

    def piece(self, session_id: str, piece: Piece) -> None:
        """A piece of an answer has grown."""
        for watcher in self._watchers.get(session_id, ()):
            watcher.put(piece)

    def committed(self, session_id: str) -> None:
        """Events of a session are on disk."""
        for watcher in self._watchers.get(session_id, ()):
            watcher.hint()
        for watcher in self._watchers.get("", ()):
            watcher.hint()
