"""One process among several on a database: the service that keeps it there, and what the others mean for its work."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import msgspec

from quarterdeck.base.errors import Retry
from quarterdeck.base.standing import BEAT_S
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.flow.groups import first_error
from quarterdeck.flow.peers import Changed, Run
from quarterdeck.flow.replicas.leases import Leases
from quarterdeck.flow.replicas.news import GATHER_S, News
from quarterdeck.flow.replicas.processes import LOOK_S, Line, Processes
from quarterdeck.flow.replicas.unheard import EVERY_S
from quarterdeck.flow.watch.watching import Disk
from quarterdeck.ports import ChannelHealth

CONNECTION: Final = "connection:"
WATCH_S: Final = 5.0  # after which it is said again which sessions are watched here
UNHELD: Final = ChannelHealth(alive=False, authenticated=False, detail="no process receives for it")
RENEW_S: Final = 1.0  # after which stops are looked for, and copies are read again, though nobody has said anything


class Speaking(Line, Protocol):
    """A line on which others hear, too."""

    @property
    def deaf(self) -> bool:
        """Whether nothing is ever heard on it."""
        ...

    async def tell(self, text: str) -> None:
        """Say something to all. Raises Retry."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...


class Together:
    """Implements Peers."""

    shared = True

    def __init__(self, processes: Processes, leases: Leases, news: News, line: Speaking, log: EventLog) -> None:
        self.processes = processes
        self.leases = leases
        self.news = news
        self._line = line
        self._log = log
        self._stale = asyncio.Event()
        self._unread = asyncio.Event()
        self.refresh: Callable[[], Awaitable[None]] = _nothing
        self.read_again: Callable[[], Awaitable[None]] = _nothing
        self.unheard: Callable[[], Awaitable[None]] = _nothing
        self.watch: Callable[[], None] = lambda: None
        self.set_clock: Callable[[], Awaitable[None]] = _nothing

    async def run(self, life: Life) -> None:
        """Live among the others until told to stop, then leave them."""
        self.leases.spawn = life.spawn
        await self.processes.join()
        await self._look(life)
        life.ready()
        works = (
            self._hold(), self._tell(), self._renew(), self._read_again(), self._watch(), self._keep_time(),
            self._look_for_unheard(),
        )  # fmt: skip
        with first_error():
            async with asyncio.TaskGroup() as group:
                beside = [group.create_task(work) for work in works]
                while not await _stopped(life, LOOK_S):
                    await self._look(life)
                for task in beside:
                    task.cancel()
        await self.processes.leave()
        await self._line.close()

    async def drain(self) -> None:
        """This process ends: others take what only one may do, while it finishes its turns.

        Where there are none it keeps that until the end, so that what it still does is sealed, too.
        """
        if await self.processes.drain():
            self.leases.drain()

    async def gone(self, process: str) -> bool:
        """See Peers."""
        return await self.processes.gone(process)

    def holds(self, connection: str) -> bool:
        """See Peers."""
        return self.leases.holds(CONNECTION + connection)

    def holding(self, name: str, run: Run) -> Run:
        """See Peers."""
        return self.leases.holding(name, run)

    def ready(self, connection: str, room_id: str) -> None:
        """See Peers."""
        self.news.room(connection, room_id)

    def health(self, connection: str) -> ChannelHealth | None:
        """How a connection is, where another process holds it; as long as nobody does, nothing is received or sent."""
        if self.holds(connection) or not self.processes.living:
            return None
        if (facts := self.leases.facts(CONNECTION + connection)) is None:
            return UNHELD
        return msgspec.json.decode(facts, type=ChannelHealth) if facts else None

    def disks(self, own: Callable[[], Disk]) -> Callable[[], Sequence[Disk]]:
        """The disks of all processes: this one's as it is, the others' as they last said; all hear of `own`."""
        me = self.processes.me

        def mine() -> Disk:
            return msgspec.structs.replace(own(), host=me.host, process=me.id)

        def everywhere() -> Sequence[Disk]:
            said = [one.facts for one in self.processes.living.values() if one.facts and one.id != me.id]
            return [mine(), *(msgspec.json.decode(facts, type=Disk) for facts in said)]

        self.processes.seen = lambda: msgspec.json.encode(mine()).decode()
        return everywhere

    def changed(self, what: Changed) -> None:
        """See Peers."""
        self.news.changed(what)

    def refresh_soon(self) -> None:
        """A copy that this process keeps is old."""
        self._stale.set()
        self._unread.set()

    async def _look(self, life: Life) -> None:
        try:
            await self.processes.look(life)
        except Retry as error:
            self._log.warning("process.unheard", reason=str(error))

    async def _hold(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.leases.look(self.processes.living)
            except Retry as error:
                self._log.warning("lease.unheard", reason=str(error))

    async def _tell(self) -> None:
        while True:
            await self.news.wanted.wait()
            await asyncio.sleep(GATHER_S)
            if len(self.processes.living) > 1:
                await self.news.tell(self._line.tell)
            else:
                self.news.forget()  # nobody hears it; whoever joins looks at the rows

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            self.watch()

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                await self.set_clock()
            except Retry as error:  # the clock goes on meanwhile
                self._log.warning("process.time_unheard", reason=str(error))

    async def _look_for_unheard(self) -> None:
        while self._line.deaf:
            await asyncio.sleep(EVERY_S)
            try:
                await self.unheard()
            except Retry as error:
                self._log.warning("process.unheard", reason=str(error))

    async def _renew(self) -> None:
        await self._over_and_over(self._stale, self.refresh)

    async def _read_again(self) -> None:
        """By itself: what others have configured may take its time, and a stop may not wait for it."""
        await self._over_and_over(self._unread, self.read_again)

    async def _over_and_over(self, soon: asyncio.Event, look: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                async with asyncio.timeout(RENEW_S):
                    await soon.wait()
            except TimeoutError:
                pass
            soon.clear()
            try:
                await look()
            except Retry as error:
                self._log.warning("process.copies_old", reason=str(error))


async def _nothing() -> None:
    """Before wiring has said what is to be done."""


async def _stopped(life: Life, seconds: float) -> bool:
    """Wait so long, or until the stop; whether it has come."""
    try:
        async with asyncio.timeout(seconds):
            await life.stopping.wait()
    except TimeoutError:
        return False
    return True
