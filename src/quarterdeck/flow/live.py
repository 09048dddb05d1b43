"""Live: what is only worth seeing now. Pieces of growing answers, and hints that new events are committed.

Losing any of it is harmless: the final events are durable rows, and a watcher reads them from its cursor.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Protocol

import msgspec

KEEP = 256  # pieces that a slow watcher may lag behind; older ones are dropped and the watcher is told


class Piece(msgspec.Struct, frozen=True, omit_defaults=True):
    """A piece of an answer: (turn, attempt, seq) orders them; a new attempt starts the bubble anew.

    `attempt` grows with every model call of a turn, also over restarts; `seq` counts from 1 within one. A `whole`
    one is all that has grown in its attempt: it takes the place of the pieces up to `seq`.
    """

    turn: str
    attempt: int
    seq: int
    text: str
    whole: bool = False


class Growing(Protocol):
    """An answer that grows now."""

    def grown(self) -> Piece | None:
        """All of it so far, as one piece; None while there is nothing."""
        ...


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
    """Who watches what, in this process. `tell` lets others know of events that are committed here."""

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self._tell = tell
        self._watchers: dict[str, set[Watcher]] = {}
        self._growing: dict[str, Growing] = {}  # session -> its running model call

    @contextmanager
    def grows(self, session_id: str, answer: Growing) -> Generator[None]:
        """For as long as the model call of a session's turn runs: who joins in meanwhile gets what has grown."""
        self._growing[session_id] = answer
        try:
            yield
        finally:
            del self._growing[session_id]

    @contextmanager
    def watch(self, session_id: str) -> Generator[Watcher]:
        """Watch a session; an empty id gets hints of every session and no pieces."""
        watcher = Watcher()
        answer = self._growing.get(session_id)
        if answer is not None and (piece := answer.grown()) is not None:
            watcher.put(piece)
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
        if self._tell is not None:
            self._tell(session_id)
        self.heard(session_id)

    def heard_all(self) -> None:
        """Something may have been committed anywhere."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.hint()

    def heard(self, session_id: str) -> None:
        """The same, where another process has committed them."""
        for watcher in self._watchers.get(session_id, ()):
            watcher.hint()
        for watcher in self._watchers.get("", ()):
            watcher.hint()
