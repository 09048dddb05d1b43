"""Several worlds on one database: what each is among the others, who hears whom, and how one of them dies."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Retry
from quarterdeck.base.standing import Standing
from quarterdeck.base.supervise import Life
from quarterdeck.flow.replicas.leases import Leases
from quarterdeck.flow.replicas.news import News
from quarterdeck.flow.replicas.processes import Processes
from quarterdeck.flow.replicas.together import CONNECTION, Together
from quarterdeck.store import processes
from quarterdeck.store.database import Kept, Row, Store
from quarterdeck.store.operations import Operation, Receipt, Value, operation
from quarterdeck.store.processes import ROLES, Process
from quarterdeck.wiring.sharing import Sharing
from tests.databases import Database, Failed, PostgresqlDatabase, SqliteFile
from tests.flow.doubles import LifeLog
from tests.flow.members import StoreLine
from tests.flow.rest import broken_rules
from tests.flow.spy import Spy
from tests.flow.world import World
from tests.waiting import until


class Shared(SqliteFile):
    """One database of several processes: one store, which is away now and then, and which none of them closes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.away = False
        self._store: Store | None = None

    async def open(self, crash: object = None, failed: Failed | None = None) -> Store:
        """The one store."""
        if self._store is None:
            self._store = await super().open()
        return Borrowed(self._store, lambda: self.away)

    async def close(self) -> None:
        """End it."""
        if self._store is not None:
            await self._store.close()


class Borrowed:
    """A store that may be away, and is closed by nobody who borrowed it."""

    def __init__(self, store: Store, away: Callable[[], bool]) -> None:
        self._store = store
        self._away = away

    @property
    def trouble(self) -> str:
        return "it is away" if self._away() else ""

    def troubled(self) -> str:
        return self.trouble

    async def commit(self, operation: Operation, kept: Kept | None = None) -> Receipt:
        self._reach()
        return await self._store.commit(operation, kept)

    async def fetch(self, sql: str, params: Mapping[str, Value]) -> Sequence[Row]:
        self._reach()
        return await self._store.fetch(sql, params)

    async def scan(self, sql: str, params: Mapping[str, Value]) -> Sequence[Row]:
        self._reach()
        return await self._store.scan(sql, params)

    async def close(self) -> None:
        return

    def _reach(self) -> None:
        if self._away():
            raise Retry("the database is away", 1.0)


class Wire(StoreLine):
    """A line on which others hear, too."""

    def __init__(self, store: Store, group: "Group", news: News) -> None:
        super().__init__(store)
        self._group = group
        group.hearing[news] = None
        self._news = news

    @property
    def deaf(self) -> bool:
        return self._group.deaf

    async def tell(self, text: str) -> None:
        self._group.said.append(text)
        for news in () if self.deaf else tuple(self._group.hearing):
            news.hear(text)

    async def close(self) -> None:
        self._group.hearing.pop(self._news, None)


class Group:
    """Worlds on one database, which share the platform; each has a model of its own, so that one sees who asks.

    `deaf`: nobody hears anything, as through a pgbouncer in transaction mode.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self.deaf = False
        self.folder = folder
        self.database = database if isinstance(database, PostgresqlDatabase) else Shared(folder)
        self.worlds: list[World] = []
        self.hearing: dict[News, None] = {}
        self.lines: dict[str, Wire] = {}
        self.said: list[str] = []

    def world(self, name: str) -> World:
        """One more, not started."""
        folder = self.folder / name
        folder.mkdir()

        def share(store: Spy, clock: Clock, log: LifeLog) -> Sharing:
            news, standing = News(name, log), Standing(name)
            line = self.lines[name] = Wire(store, self, news)
            me = Process(name, str(folder), "host", 1, "1", ",".join(ROLES), "live", 0, clock.now())
            among = Processes(me, standing, line, store, clock, log, world._die)
            leases = Leases(store, name, among.gone, clock, log)
            leases._moved_at = math.inf  # what the first has stays there, however long a test takes: see test_leases
            return Sharing(standing, Together(among, leases, news, line, log), ROLES)

        world = World(folder, self.database, share)
        world._acts = 1000 * len(self.worlds)  # what people do has keys of its own everywhere
        if self.worlds:
            world.platform = self.worlds[0].platform
        self.worlds.append(world)
        return world

    async def start(self, *names: str) -> list[World]:
        """Worlds that live; the first has both connections."""
        made = [self.world(name) for name in names]
        await self.run(*made)
        return made

    async def run(self, *made: World) -> None:
        """The same for worlds that were set up."""
        for world in made:
            await world.start()
            for connection in ("wire", "wire2"):
                await world.begin(connection, peers(world).holding(CONNECTION + connection, _receive))
            if world is self.worlds[0]:
                await until(lambda: all(peers(made[0]).holds(one) for one in ("wire", "wire2")))

    async def kill(self, world: World) -> None:
        """End it as kill -9 does, and let the others have seen that, without waiting for it."""
        name = peers(world).processes.me.id
        await world.kill()
        other = next(one for one in self.worlds if one._parts is not None)
        await until(lambda: self.buried(other, name))

    async def buried(self, by: World, name: str) -> bool:
        """See to it that a process is held for dead; whether it is."""
        row = await processes.known(by.store, name)
        assert row is not None
        if row.state == "live":
            await by.store.commit(operation("process", processes.bury(row, by.clock.now())))
        return row.state != "live"

    async def end(self) -> None:
        """All at rest, and the rules of rest kept."""
        alive = [world for world in self.worlds if world._parts is not None]
        for world in alive:
            await world.rest()
        for world in alive:
            await world.stop()
        try:
            assert broken_rules(self.database.path) == []
            assert [failure for world in self.worlds for failure in world.log.failures] == []
        finally:
            if isinstance(self.database, Shared):
                await self.database.close()


def peers(world: World) -> Together:
    """What a world is among the others."""
    together = world.parts.shared.together
    assert together is not None
    return together


async def _receive(life: Life) -> None:
    life.ready()
    await life.stopping.wait()
