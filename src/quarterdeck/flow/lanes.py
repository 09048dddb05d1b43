"""Lanes: one turn per session at a time, sessions in parallel, up to the configured number at once.

Sessions wait in line within their connection, the oldest message first, and connections take turns.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.flow.commands import CutReason
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.keyed import Keyed
from quarterdeck.flow.peers import ALONE, Peers
from quarterdeck.flow.turn import Turns
from quarterdeck.store import inbox
from quarterdeck.store.database import Store

PAGE = 2000


class Others(Protocol):
    """Other processes that run turns."""

    def lane(self, session_id: str, connection: str) -> None:
        """A session has work; by which connection it came."""
        ...

    def cut(self, session_id: str, reason: CutReason, position: int) -> None:
        """A turn is to be cut, if it is for acts before `position`."""
        ...


class Lanes:
    """Keeps the turns of this process running; the inbox table is what it works from.

    `others` are told of cuts, and of work where this process `works` not, that is, runs no turns.
    """

    def __init__(self, store: Store, turns: Turns, directory: Directory, log: EventLog, peers: Peers = ALONE) -> None:
        self.works = True
        self.others: Others | None = None
        self._store = store
        self._turns = turns
        self._keyed = Keyed("lanes", turns.run, self._open_lanes, lambda: directory.limits.concurrent_turns, log, peers)

    @property
    def running(self) -> int:
        """Turns that are running."""
        return self._keyed.running

    @property
    def waiting(self) -> int:
        """Sessions that wait for a place."""
        return self._keyed.waiting

    @property
    def full(self) -> bool:
        """Whether sessions wait that have no place yet."""
        return self._keyed.full

    def wake(self, session_id: str, connection: str = "") -> None:
        """Something was accepted for a session, on a connection where that is known."""
        if self.works:
            self._keyed.wake(session_id, connection)
        elif self.others is not None:
            self.others.lane(session_id, connection)

    def heard(self, session_id: str, connection: str) -> None:
        """The same, as another process says."""
        if self.works:
            self._keyed.wake(session_id, connection)

    def look_again(self) -> None:
        """A process is gone, or what others said was not heard."""
        self._keyed.look_again()

    def idle(self, session_id: str) -> bool:
        """Whether nothing runs in a lane and nothing is known to wait there."""
        return self._keyed.idle(session_id)

    def cut(self, session_id: str, reason: CutReason, position: int) -> None:
        """Cut the running turn of a session, wherever it runs, if it is for acts before `position`."""
        self.cut_here(session_id, reason, position)
        if self.others is not None:
            self.others.cut(session_id, reason, position)

    def cut_here(self, session_id: str, reason: CutReason, position: int) -> None:
        """The same, if it runs in this process."""
        self._turns.cut(session_id, reason, position)

    async def run(self, life: Life) -> None:
        """Serve until told to stop, then let the running turns end."""
        await self._keyed.run(life)

    async def _open_lanes(self) -> AsyncIterator[tuple[str, str]]:
        after = ""
        while page := await inbox.lanes(self._store, after, PAGE):
            for row, session_id, connection in page:
                after = row
                yield session_id, connection
