"""Processes on one database without what they work on: who lives and who holds what, on a clock that a test moves."""

import asyncio
from collections.abc import Sequence

from quarterdeck.base.errors import Retry
from quarterdeck.base.standing import Standing
from quarterdeck.base.supervise import Life, Service
from quarterdeck.flow.peers import Run
from quarterdeck.flow.replicas.leases import Leases
from quarterdeck.flow.replicas.processes import Processes
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement, Value, operation
from quarterdeck.store.processes import Process
from tests.flow.doubles import Log
from tests.waiting import until

STEP_S = 0.25
ALL_ROLES = "gateway,worker,scheduler"


class Virtual:
    """A clock that a test alone moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return 1e9 + self.at

    def monotonic(self) -> float:
        return self.at


class StoreLine:
    """A line over a store. `cut`: nothing gets through; `mute`: what is said arrives, the answer does not. With a
    `gate` the answer comes when that is opened.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.cut = False
        self.mute = False
        self.gate: asyncio.Event | None = None
        self.waiting = False  # for the gate

    @property
    def deaf(self) -> bool:
        return False

    async def fetch(self, sql: str, params: dict[str, Value]) -> Sequence[Sequence[Value]]:
        if self.cut:
            raise Retry("the line is cut", 1.0)
        if sql.startswith("SELECT"):
            rows = await self._store.fetch(sql, params)
        else:
            said = Statement("processes.beat", sql, dict(params))
            rows = (await self._store.commit(operation("process", said))).returned["processes.beat"]
        if self.gate is not None:
            self.waiting = True
            await self.gate.wait()
            self.waiting = False
        if self.mute:
            raise Retry("the line is cut", 1.0)
        return rows

    async def tell(self, text: str) -> None:
        """Nobody listens."""

    async def close(self) -> None:
        """Good-bye."""


class GivenUp(Exception):
    """What a process that others hold for dead does in place of its end."""


class Member:
    """One process: its row, its line, its leases. `runs` are the leases under which something runs here."""

    def __init__(self, name: str, store: Store, clock: Virtual, home: str = "", roles: str = ALL_ROLES) -> None:
        self.name = name
        self.log = Log()
        self.line = StoreLine(store)
        self.standing = Standing(name, clock.monotonic)
        me = Process(name, home or f"/home/{name}", "host", 1, "1", roles, "live", 0, clock.now())
        self.processes = Processes(me, self.standing, self.line, store, clock, self.log, self._give_up)
        self.leases = Leases(store, name, self.processes.gone, clock, self.log)
        self.leases.quiet = self._quiet
        self.settled: list[str] = []
        self.processes.settle = self._settle
        self.changes = 0
        self.processes.changed = self._changed
        self.life = Life(Service(name="processes", run=self._never), self._fail, self.log)
        self.leases.spawn = self.life.spawn
        self.lives: dict[str, tuple[Life, asyncio.Task[None]]] = {}
        self.runs: set[str] = set()
        self.fails = asyncio.Event()  # what runs under leases breaks
        self.noise = asyncio.Event()  # nothing is under way any more
        self.noise.set()
        self.failures: list[BaseException] = []

    async def look(self) -> None:
        """What Together does again and again."""
        try:
            await self.processes.look(self.life)
            await self.leases.look(self.processes.living)
        except Retry:
            return

    def want(self, *names: str) -> None:
        """Start services that run under leases."""
        for name in names:
            service = Service(name=name, run=self.leases.holding(name, self._under(name)), restart="backoff")
            life = Life(service, self._fail, self.log)
            self.lives[name] = life, asyncio.create_task(self._kept(service, life))

    async def calm(self) -> None:
        """Wait until what runs is what is held, and nothing is being given up or settled."""
        await until(lambda: self.life.running == 0 and self._as_held(), what=f"{self.name} to be calm")

    async def stop(self, *names: str) -> None:
        """Stop services, as a drain does."""
        for name in names or tuple(self.lives):
            life, task = self.lives.pop(name)
            life.stopping.set()
            await asyncio.wait((task,), timeout=10)
            await life.end_tasks()
            assert task.done(), f"{name} does not stop"

    async def end(self) -> None:
        """Leave nothing behind, whatever state this is in."""
        for life, task in self.lives.values():
            task.cancel()
            await life.end_tasks()
        await asyncio.gather(*(task for _, task in self.lives.values()), return_exceptions=True)
        await self.life.end_tasks()
        assert self.failures == []
        assert self.log.failures == []

    def _as_held(self) -> bool:
        wanted = self.leases._wanted
        leaving = any(one.leave.is_set() for one in wanted.values())
        return not leaving and {name for name in wanted if self.leases.holds(name)} == self.runs

    def _under(self, name: str) -> Run:
        async def run(life: Life) -> None:
            self.runs.add(name)
            broken = asyncio.create_task(self.fails.wait())
            stopping = asyncio.create_task(life.stopping.wait())
            try:
                await asyncio.wait((broken, stopping), return_when=asyncio.FIRST_COMPLETED)
                if self.fails.is_set():
                    raise ConnectionError("it broke")
            finally:
                broken.cancel()
                stopping.cancel()
                self.runs.discard(name)

        return run

    async def _kept(self, service: Service, life: Life) -> None:
        """A service that is run again when it fails, without the supervisor's pauses."""
        while not life.stopping.is_set():
            try:
                await service.run(life)
            except ConnectionError:
                self.fails.clear()
            finally:
                await life.end_tasks()

    async def _quiet(self, name: str) -> None:
        await self.noise.wait()

    async def _settle(self, process: str) -> None:
        self.settled.append(process)

    def _changed(self) -> None:
        self.changes += 1

    def _give_up(self) -> None:
        raise GivenUp

    def _fail(self, error: BaseException) -> None:
        self.failures.append(error)

    async def _never(self, life: Life) -> None:
        await life.stopping.wait()


async def time_passes(clock: Virtual, seconds: float, *members: Member) -> None:
    """These members look, as they do, for so long; all others do nothing meanwhile."""
    for _ in range(round(seconds / STEP_S)):
        clock.at += STEP_S
        for member in members:
            await member.look()
        for member in members:
            await member.calm()
