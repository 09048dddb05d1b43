"""Who holds what? Each of a list of names is had by one living process; nobody has more than a fair share for long.

A lease is taken from nobody who lives. It ends with its process, or is given back when what ran under it has ended.
A process that drains has no share: it gives everything back, and takes nothing.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Retry
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.flow.peers import Run
from quarterdeck.store import leases
from quarterdeck.store.database import Store
from quarterdeck.store.leases import Lease
from quarterdeck.store.operations import ExpectationFailed, operation
from quarterdeck.store.processes import Process

EVERY_S: Final = 0.5
LET_OTHERS_S: Final = 2.0  # how long whoever has its share leaves a free lease to those who have less
REPORT_S: Final = 2.0  # between two looks at what is said of what is held
MOVE_S: Final = 5.0  # between two leases that a process gives up so that others have their share
GIVE_BACK_S: Final = 1.0  # for which a service that stops waits for what is under way; that ends without it, too

Gone = Callable[[str], Awaitable[bool]]
Spawn = Callable[[str, Coroutine[object, object, None]], "asyncio.Task[None]"]


@dataclass
class Wanted:
    """A lease that this process would have: `held`, until it is to `leave` it; not `given` while it gives it back."""

    held: asyncio.Event = field(default_factory=asyncio.Event)
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    given: asyncio.Event = field(default_factory=asyncio.Event)
    free_since: float | None = None


class Leases:
    """The leases of one process. `taken` hears of each that it gets; `quiet` waits until nothing runs under one.

    `spawn` runs what outlives the service that had a lease: giving it back once its last send has ended.
    """

    def __init__(self, store: Store, process: str, gone: Gone, clock: Clock, log: EventLog) -> None:
        self._store = store
        self._process = process
        self._gone = gone
        self._clock = clock
        self._log = log
        self._wanted: dict[str, Wanted] = {}
        self._draining = False
        self._looked_at = -math.inf
        self._moved_at = clock.monotonic()
        self._reported_at = -math.inf
        self.spawn: Spawn | None = None
        self.taken: Callable[[str], Awaitable[None]] = _nothing
        self.quiet: Callable[[str], Awaitable[None]] = _nothing
        self.seen_of: Callable[[str], str] = lambda name: ""  # what this process sees of what it holds
        self._found: dict[str, Lease] = {}
        self._living: Collection[str] = ()

    def holds(self, name: str) -> bool:
        """Whether this process has it now, and is not about to give it back."""
        wanted = self._wanted.get(name)
        return wanted is not None and wanted.held.is_set() and not wanted.leave.is_set()

    def holding(self, name: str, run: Run) -> Run:
        """`run` as a service that runs while this process has the lease `name`."""
        wanted = self._wanted[name] = Wanted()
        wanted.given.set()

        async def service(life: Life) -> None:
            life.ready()
            while await _first(wanted.held, life.stopping):
                part = life.part()
                life.spawn("leave", _leave(life, wanted, part))
                try:
                    await run(part)
                finally:
                    await part.end_tasks()
                if not part.stopping.is_set():
                    return  # it has ended by itself, which is for whoever started it to judge
                await self._end(name, wanted, life.stopping)
                if not life.stopping.is_set():
                    wanted.leave.clear()
            del self._wanted[name]
            if wanted.held.is_set() and wanted.given.is_set():  # it was taken at the moment of the stop
                await self._end(name, wanted, life.stopping)

        return service

    def drain(self) -> None:
        """Give everything back as soon as what runs under it has ended, and take nothing any more."""
        self._draining = True
        for wanted in self._wanted.values():
            if wanted.held.is_set():
                wanted.leave.set()

    async def look(self, living: Mapping[str, Process]) -> None:
        """Take what is free, as far as it is this process's share, and give up what is more. Raises Retry.

        Shares are among processes of the same roles, for others do not want the same; connections and the rest are
        shared out each by themselves.
        """
        mine = living[self._process].roles if self._process in living else ""
        alike = {name for name, one in living.items() if one.roles == mine and one.state == "live"}
        now = self._clock.monotonic()
        if now - self._looked_at < EVERY_S:
            return
        self._looked_at, self._living = now, frozenset(living)
        found = self._found = {lease.name: lease for lease in await leases.all_of(self._store)}
        for name, wanted in () if self._draining else tuple(self._wanted.items()):
            if not wanted.held.is_set() and not wanted.leave.is_set():
                share = math.ceil(len(self._like(name)) / max(1, len(alike)))
                await self._try(name, wanted, found.get(name), share, now)
        if now - self._reported_at >= REPORT_S:
            self._reported_at = now
            await self._report(found)
        if now - self._moved_at >= MOVE_S and not self._draining and (name := self._surplus(found.values(), alike)):
            self._moved_at = now
            self._log.info("lease.moves", lease=name)
            self._wanted[name].leave.set()

    def facts(self, name: str) -> str | None:
        """What another process says of what it holds; empty where it has said nothing yet, or this one holds it. None:
        nobody who lives does.
        """
        lease = self._found.get(name)
        if lease is None or lease.process not in self._living:
            return None
        return "" if lease.process == self._process else lease.facts

    async def _report(self, found: Mapping[str, Lease]) -> None:
        for name in tuple(self._wanted):
            said = self.seen_of(name) if self.holds(name) else ""
            if said and name in found and said != found[name].facts:
                await self._store.commit(operation("lease", leases.report(name, self._process, said)))

    def _like(self, name: str) -> Mapping[str, Wanted]:
        """What is wanted of the same kind: what stands before the colon."""
        kind = _kind(name)
        return {other: wanted for other, wanted in self._wanted.items() if _kind(other) == kind}

    def _holding(self, name: str) -> list[str]:
        """What is held of the kind of `name`."""
        return [other for other in self._like(name) if self.holds(other)]

    def _surplus(self, found: Collection[Lease], living: Collection[str]) -> str:
        """A lease of a kind of which another process has two fewer; empty where there is none."""
        for name in self._wanted:
            counts = dict.fromkeys(living, 0)
            for lease in found:
                if lease.process in counts and lease.name in self._like(name):
                    counts[lease.process] += 1
            held = self._holding(name)
            if len(held) > min(counts.values(), default=0) + 1:
                return held[0]
        return ""

    async def _try(self, name: str, wanted: Wanted, seen: Lease | None, share: int, now: float) -> None:
        if seen is not None and seen.process not in ("", self._process) and not await self._gone(seen.process):
            wanted.free_since = None
            return
        wanted.free_since = now if wanted.free_since is None else wanted.free_since
        if len(self._holding(name)) >= share and now - wanted.free_since < LET_OTHERS_S:
            return
        try:
            await self._store.commit(operation("lease", leases.take(name, seen, self._process, self._clock.now())))
        except ExpectationFailed:
            return  # another was faster
        if self._wanted.get(name) is not wanted or self._draining:  # its service, or all of it, has stopped meanwhile
            await self._give_back(name, wanted)
            return
        wanted.free_since = None
        wanted.held.set()
        self._log.info("lease.taken", lease=name)
        await self.taken(name)

    async def _end(self, name: str, wanted: Wanted, stopping: asyncio.Event) -> None:
        """Give a lease back; a service that stops does not wait for long, and the lease is given back all the same."""
        assert self.spawn is not None
        wanted.leave.set()
        wanted.given.clear()
        self.spawn(f"give back {name}", self._give_back(name, wanted))
        await _first(wanted.given, stopping)
        with suppress(TimeoutError):
            async with asyncio.timeout(GIVE_BACK_S):
                await wanted.given.wait()

    async def _give_back(self, name: str, wanted: Wanted) -> None:
        await self.quiet(name)
        wanted.held.clear()
        try:
            await self._store.commit(operation("lease", leases.give_back(name, self._process, self._clock.now())))
        except (ExpectationFailed, Retry) as error:  # it ends with the process, or is taken again by it
            self._log.warning("lease.kept", lease=name, reason=str(error))
        finally:
            wanted.given.set()


def _kind(name: str) -> str:
    return name.partition(":")[0] if ":" in name else ""


async def _leave(life: Life, wanted: Wanted, part: Life) -> None:
    """Stop what runs under a lease when its service stops, or when it is to be given up."""
    await _first(wanted.leave, life.stopping)
    part.stopping.set()


async def _first(wanted: asyncio.Event, stopping: asyncio.Event) -> bool:
    """Wait for either; whether it was not the stop."""
    either = asyncio.Event()

    async def watch(one: asyncio.Event) -> None:
        await one.wait()
        either.set()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(watch(one)) for one in (wanted, stopping)]
        await either.wait()
        for task in tasks:
            task.cancel()
    return not stopping.is_set()


async def _nothing(name: str) -> None:
    """Before wiring has said what is to be done."""
