"""Who lives? A process raises a number once a second; whoever sees it unchanged for DEAD_S of its own clock says so.

That is evidence only for a process that has looked all the while: after a gap in its own looking it begins to count
anew. So no two processes can hold each other for dead because the database was away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Retry
from quarterdeck.base.standing import BEAT_S, DEAD_S, Standing
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.store import processes
from quarterdeck.store.database import Store
from quarterdeck.store.operations import ExpectationFailed, Value, operation
from quarterdeck.store.processes import Process
from quarterdeck.store.tenancy import TENANT

LOOK_S: Final = 0.2
GAP_S: Final = 1.0  # whoever has not looked for so long has no evidence of anybody's death
LEFT_S: Final = 5.0  # after which it is looked for what was begun behind an end
AGAIN_S: Final = 1.0  # before a settlement that failed is tried again


class Line(Protocol):
    """A connection of this process's own to the database."""

    async def fetch(self, sql: str, params: dict[str, Value]) -> Sequence[Sequence[Value]]:
        """The rows of a statement. Raises Retry."""
        ...


class Sightings:
    """Which heartbeats this process has seen change; pure, given the time of each look."""

    def __init__(self) -> None:
        self._looked: float | None = None
        self._seen: dict[str, tuple[int, float]] = {}

    def look(self, rows: Iterable[Process], now: float) -> list[Process]:
        """Those that have been dead long enough to say so."""
        if self._looked is None or now - self._looked > GAP_S:
            self._seen.clear()
        self._looked = now
        living = {row.id: row for row in rows}
        self._seen = {
            name: was if (was := self._seen.get(name)) and was[0] == row.beat else (row.beat, now)
            for name, row in living.items()
        }
        return [living[name] for name, (_, since) in self._seen.items() if now - since >= DEAD_S]


class Processes:
    """This process among the others.

    `settle` closes what a dead one had begun, `changed` hears that one is gone, `joined` that one is new here.
    """

    def __init__(
        self,
        me: Process,
        standing: Standing,
        line: Line,
        store: Store,
        clock: Clock,
        log: EventLog,
        given_up: Callable[[], None],
    ) -> None:
        self.me = me
        self.living: dict[str, Process] = {}
        self._standing = standing
        self._line = line
        self._store = store
        self._clock = clock
        self._log = log
        self._given_up = given_up
        self._sightings = Sightings()
        self._settling: set[str] = set()
        self._beat_at = 0.0
        self._left_at = clock.monotonic()
        self.settle: Callable[[str], Awaitable[None]] = _nothing
        self.changed: Callable[[], None] = lambda: None
        self.joined: Callable[[], None] = lambda: None
        self.seen: Callable[[], str] = lambda: ""  # what only this process sees, for the others

    async def join(self) -> None:
        """Be one of them, from the first heartbeat on. Whoever had the same data directory is dead: its lock is ours.

        Raises Retry.
        """
        now = self._clock.now()
        await self._store.commit(operation("process", processes.join(self.me), processes.forget(now)))
        before = [one for one in await processes.living(self._store) if one.home == self.me.home != ""]
        for one in before:
            if one.lives and one.id != self.me.id:
                await self._bury(one, now)
        await self._beat()

    async def drain(self) -> bool:
        """Say that this process ends: it lives until it leaves, but nothing is shared out to it.

        Whether somebody is there who does all that it does, and does not end. Of those who end at once one is the last
        to say so, and sees nobody.
        """
        try:
            await self._store.commit(operation("process", processes.drain(self.me.id)))
            rows = await processes.living(self._store)
        except (ExpectationFailed, Retry) as error:
            self._log.warning("process.drains_unheard", reason=str(error))
            return False
        mine = set(self.me.roles.split(","))
        return any(row.id != self.me.id and row.state == "live" and mine <= set(row.roles.split(",")) for row in rows)

    async def leave(self) -> None:
        """Nothing of this process is left to be settled."""
        try:
            await self._store.commit(operation("process", processes.leave(self.me.id, self._clock.now())))
        except (ExpectationFailed, Retry) as error:
            self._log.warning("process.left_late", reason=str(error))

    async def gone(self, process: str) -> bool:
        """Whether what a process had begun may be taken up."""
        if process == self.me.id:
            return True
        if process in self.living:
            return False
        row = await processes.known(self._store, process)
        return row is None or not row.lives

    async def look(self, life: Life) -> None:
        """Say that this one lives, when it is time, and see who else does. Raises Retry."""
        if self._clock.monotonic() - self._beat_at >= BEAT_S:
            await self._beat()
        if self._clock.monotonic() - self._left_at >= LEFT_S:
            await self._look_behind()
        rows = [msgspec.convert(row, Process) for row in map(_named, await self._line.fetch(processes.LIVING, {}))]
        before, self.living = set(self.living), {row.id: row for row in rows if row.lives}
        others = [row for row in self.living.values() if row.id != self.me.id]
        for row in self._sightings.look(others, self._clock.monotonic()):
            self._log.error("process.dead", process=row.id, host=row.host, pid=row.pid, alert=True)
            await self._bury(row, self._clock.now())
            self.living.pop(row.id, None)
        if before - set(self.living):
            self.changed()
        if set(self.living) - before:
            self.joined()
        for row in rows:
            if row.state == "dead" and row.id not in self._settling:
                life.spawn(f"settle {row.id}", self._settled(row.id))
                self._settling.add(row.id)

    async def _look_behind(self) -> None:
        """Whoever has begun something behind its own end is to be settled once more: no fence held it back."""
        self._left_at = self._clock.monotonic()
        for row in await self._line.fetch(processes.LEFT, {"tenant": TENANT}):
            process = str(row[0])
            self._log.warning("process.left_behind", process=process)
            try:
                await self._store.commit(operation("process", processes.settle_again(process)))
            except ExpectationFailed:
                continue  # another was faster

    async def _beat(self) -> None:
        begun, sent = self._clock.monotonic(), self._standing.send()
        if not await self._line.fetch(processes.BEAT, {"id": self.me.id, "facts": self.seen()}):
            self._given_up()
        self._standing.confirmed(sent)
        self._beat_at = begun

    async def _bury(self, seen: Process, now: float) -> None:
        try:
            await self._store.commit(operation("process", processes.bury(seen, now)))
        except ExpectationFailed:
            return  # it lives, or another was faster

    async def _mark_settled(self, process: str) -> None:
        try:
            await self._store.commit(operation("process", processes.settle(process)))
        except ExpectationFailed:
            return  # another was faster

    async def _settled(self, process: str) -> None:
        try:
            await self.settle(process)
            await self._mark_settled(process)
        except (ExpectationFailed, Retry) as error:  # others were faster again and again, or the database is away
            self._log.warning("process.settled_late", process=process, reason=str(error))
            await asyncio.sleep(AGAIN_S)
        finally:
            self._settling.discard(process)
            self.changed()


def _named(row: Sequence[Value]) -> dict[str, Value]:
    return dict(zip(Process.__struct_fields__, row, strict=True))


async def _nothing(process: str) -> None:
    """Before wiring has said what is to be done."""
