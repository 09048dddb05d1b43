"""Live: what is only worth seeing now. Pieces of growing answers, and hints that new events are committed.

Losing any of it is harmless: the final events are durable rows, and a watcher reads them from its cursor.
"""

import asyncio
from collections.abc import Callable, Generator, Sequence
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


class Elsewhere(Protocol):
    """Other processes on the same database: they watch what grows here, and what grows there is watched here."""

    def watched(self, session_id: str) -> bool:
        """Whether anybody would see a piece there."""
        ...

    def joined(self, session_id: str) -> None:
        """Somebody has begun to watch here."""
        ...

    def grew(self, session_id: str, whole: Piece) -> None:
        """An answer has grown here to this."""
        ...

    def over(self, session_id: str) -> None:
        """It does not grow any more."""
        ...

    def grown(self, session_id: str) -> Piece | None:
        """What is known here of an answer that grows there."""
        ...


class Nobody:
    """Implements Elsewhere for a process that is alone."""

    def watched(self, session_id: str) -> bool:
        """See Elsewhere."""
        return False

    def joined(self, session_id: str) -> None:
        """See Elsewhere."""

    def grew(self, session_id: str, whole: Piece) -> None:
        """See Elsewhere."""

    def over(self, session_id: str) -> None:
        """See Elsewhere."""

    def grown(self, session_id: str) -> Piece | None:
        """See Elsewhere."""
        return None


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
    """Who watches what, in this process. `tell` lets others know of events that are committed here.

    `elsewhere` are the others as far as pieces go.
    """

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self._tell = tell
        self.elsewhere: Elsewhere = Nobody()
        self._watchers: dict[str, set[Watcher]] = {}
        self._growing: dict[str, Growing] = {}  # session -> its running model call

    @contextmanager
    def grows(self, session_id: str, answer: Growing) -> Generator[None]:
        """For as long as the model call of a session's turn runs: who joins in meanwhile gets what has grown."""
        self._growing[session_id] = answer
        try:
            yield
        finally:
            answer.grown()  # the last of it is given to whoever watches
            del self._growing[session_id]
            self.elsewhere.over(session_id)

    @contextmanager
    def watch(self, session_id: str) -> Generator[Watcher]:
        """Watch a session; an empty id gets hints of every session and no pieces."""
        watcher = Watcher()
        if (piece := self.grown(session_id) or self.elsewhere.grown(session_id)) is not None:
            watcher.put(piece)
        self._watchers.setdefault(session_id, set()).add(watcher)
        if session_id:
            self.elsewhere.joined(session_id)
        try:
            yield watcher
        finally:
            watchers = self._watchers[session_id]
            watchers.discard(watcher)
            if not watchers:
                del self._watchers[session_id]

    def watched(self, session_id: str) -> bool:
        """Whether anybody would see a piece."""
        return self.watched_here(session_id) or self.elsewhere.watched(session_id)

    def watched_here(self, session_id: str) -> bool:
        """Whether somebody watches in this process."""
        return session_id in self._watchers

    def sessions(self) -> Sequence[str]:
        """Those that are watched here."""
        return [session_id for session_id in self._watchers if session_id]

    def grown(self, session_id: str) -> Piece | None:
        """All that has grown of a session's answer here; None while there is nothing."""
        answer = self._growing.get(session_id)
        return answer.grown() if answer is not None else None

    def piece(self, session_id: str, piece: Piece) -> None:
        """A piece of an answer has grown here."""
        self.show(session_id, piece)
        if self.elsewhere.watched(session_id) and (whole := self.grown(session_id)) is not None:
            self.elsewhere.grew(session_id, whole)

    def show(self, session_id: str, piece: Piece) -> None:
        """Give a piece, wherever it has grown, to those who watch here."""
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
