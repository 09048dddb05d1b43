"""Wiring of several processes on one database: who this one is, and what it does when others die or speak."""

import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from quarterdeck.actions.agreement import Agreement
from quarterdeck.actions.connections import load_pauses
from quarterdeck.base.clock import Clock, SharedClock, SystemClock
from quarterdeck.base.standing import ALONE, Standing
from quarterdeck.base.supervise import EventLog
from quarterdeck.flow import peers
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.hints import Hints
from quarterdeck.flow.lanes import Lanes
from quarterdeck.flow.live import Live
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.peers import Changed, Peers
from quarterdeck.flow.recovery import recover
from quarterdeck.flow.replicas.leases import Leases
from quarterdeck.flow.replicas.news import Hearers, News
from quarterdeck.flow.replicas.processes import Processes
from quarterdeck.flow.replicas.together import CONNECTION, Together
from quarterdeck.flow.replicas.unheard import Unheard
from quarterdeck.flow.replicas.watching import Watching
from quarterdeck.flow.sending import Sending
from quarterdeck.flow.watch.watching import Disk
from quarterdeck.governance.audit import Auditor
from quarterdeck.governance.gate import Gate
from quarterdeck.store import turns
from quarterdeck.store.database import Store
from quarterdeck.store.datadir import DataDir
from quarterdeck.store.opening import SQLITE
from quarterdeck.store.processes import WORKER, Process
from quarterdeck.store.server_time import set_clock

GIVEN_UP: Final = 1  # exit status


@dataclass(frozen=True)
class Sharing:
    """What this process is among others; `together` is None where it is alone."""

    standing: Standing
    together: Together | None
    roles: tuple[str, ...]

    @property
    def peers(self) -> Peers:
        """For those who work on rows that others may work on, too."""
        return self.together or peers.ALONE

    def gateways(self) -> int:
        """How many processes let people in over HTTP, at least one: as many have a share of what is let in.

        All do, whatever their roles.
        """
        living = self.together.processes.living.values() if self.together else ()
        return max(1, sum(one.state == "live" for one in living))

    def live(self) -> Live:
        """Who watches here; others hear of what is committed here."""
        return Live(self.together.news.event if self.together else None)

    def disks(self, own: Callable[[], Disk]) -> Callable[[], Sequence[Disk]]:
        """The disks of all processes, each as its process sees it; others hear of `own`."""
        return self.together.disks(own) if self.together else lambda: (own(),)

    def configured(self) -> Sequence[Process]:
        """The processes that have to work by the same shared configuration."""
        return tuple(self.together.processes.living.values()) if self.together else ()

    def agreement(self, store: Store, auditor: Auditor, clock: Clock, log: EventLog) -> Agreement | None:
        """With the others, about the shared configuration."""
        return Agreement(store, auditor, clock, log, self.together.processes.me) if self.together else None

    def hints(self, lanes: Lanes, live: Live, sending: Sending) -> Hints:
        """What intake tells after a commit: to this process, and to others where it concerns them."""
        if (one := self.together) is None:
            return Hints(lanes.wake, lanes.cut, live.committed, lanes.idle, sending.forget_rooms)

        def moved() -> None:
            sending.forget_rooms()
            one.news.changed("rooms")

        return Hints(lanes.wake, lanes.cut, live.committed, lambda session: False, moved)

    def connect(self, work: "Work") -> None:
        """Say what is to be done when others die, or say something."""
        if (one := self.together) is None:
            return
        work.refresh_soon, work.directory.elsewhere = one.refresh_soon, one.health
        one.leases.seen_of = work.seen_of
        one.processes.settle, one.processes.changed, one.refresh = work.settle, work.look_again, work.refresh
        one.read_again = work.follow
        one.leases.taken, one.leases.quiet = work.taken, work.quiet
        work.lanes.works, work.lanes.others = WORKER in self.roles, one.news
        watching = Watching(work.live, one.news, work.clock)
        one.unheard = Unheard(work.store, work.live, work.lanes, work.to_send).look
        work.live.elsewhere, one.watch, one.processes.joined = watching, watching.say, watching.say
        one.news.hearers = Hearers(
            work.lanes.heard,
            work.live.heard,
            work.outbox.wake,
            work.lanes.cut_here,
            work.changed,
            work.missed,
            watching,
        )


async def _nothing_read() -> None:
    """Before wiring has said who does."""


@dataclass
class Work:
    """The work of this process, as far as other processes have a part in it."""

    store: Store
    directory: Directory
    gate: Gate
    sending: Sending
    outbox: Outbox
    lanes: Lanes
    live: Live
    clock: Clock
    log: EventLog
    refresh_soon: Callable[[], None] = lambda: None
    read_again: Callable[[], Awaitable[None]] = _nothing_read

    async def settle(self, process: str) -> None:
        """Give an outcome to what a dead process had begun outside of turns."""
        await recover(self.store, self.directory, self.gate, self.outbox, self.log, process)

    def look_again(self) -> None:
        """Rows may have come free."""
        self.lanes.look_again()
        self.outbox.look_again()

    async def refresh(self) -> None:
        """Read again what is kept as a copy, and obey stops: what was said of them may not have been heard."""
        before = self._paused()
        await load_pauses(self.store, self.directory)
        for connection in before - self._paused():
            await self.outbox.resumed(connection)
        for session_id, position in await turns.stopped(self.store, self.gate.process):
            self.lanes.cut_here(session_id, "stop", position + 1)

    async def follow(self) -> None:
        """Put in force what others have configured."""
        await self.read_again()

    def _paused(self) -> set[str]:
        return {name for name in self.directory.channels() if self.directory.pauses.of(name) is not None}

    def changed(self, what: Changed) -> None:
        """Another process says that a copy is old."""
        if what == "rooms":
            self.sending.forget_rooms()
        else:
            self.refresh_soon()

    def missed(self) -> None:
        """What others have said for a while was not heard."""
        self.look_again()
        self.live.heard_all()
        self.sending.forget_rooms()
        self.refresh_soon()

    def to_send(self) -> None:
        """Others may have made something that is to be sent, and moved rooms, though nobody hears it."""
        self.outbox.look_again()
        self.sending.forget_rooms()

    async def taken(self, lease: str) -> None:
        """What waits for a connection that is now held here is sent."""
        if lease.startswith(CONNECTION):
            await self.outbox.resumed(lease.removeprefix(CONNECTION))

    def seen_of(self, lease: str) -> str:
        """How a connection is that is held here, for the others."""
        channel = self.directory.channel(lease.removeprefix(CONNECTION)) if lease.startswith(CONNECTION) else None
        return msgspec.json.encode(channel.health()).decode() if channel else ""

    async def quiet(self, lease: str) -> None:
        """Wait until nothing is under way for a connection that is to be given up."""
        await self.outbox.quiet(lease.removeprefix(CONNECTION))


def clock_of(database: str) -> Clock:
    """This machine's, or one that all processes on a database have in common."""
    return SystemClock() if database == SQLITE else SharedClock()


def share(
    database: str,
    data: DataDir,
    store: Store,
    version: str,
    roles: tuple[str, ...],
    clock: Clock,
    new_id: Callable[[str], str],
    log: EventLog,
) -> Sharing:
    """What this process is among those on `database`; nothing is said to them yet."""
    if database == SQLITE:
        return Sharing(ALONE, None, roles)
    from quarterdeck.store.postgresql_direct import Direct

    standing = Standing(new_id("prc"))
    me = Process(
        standing.process, data.home, socket.gethostname(), os.getpid(), version, ",".join(roles), "live", 0, clock.now()
    )

    def given_up() -> None:
        """Others go on with what this process had: it ends at once, as if it were what they hold it for."""
        log.error("process.given_up", process=standing.process, reason="others have held it for dead")
        os._exit(GIVEN_UP)

    news = News(standing.process, log)
    line = Direct(database, news.hear, news.missed)
    processes = Processes(me, standing, line, store, clock, log, given_up)
    leases = Leases(store, standing.process, processes.gone, clock, log)
    together = Together(processes, leases, news, line, log)
    if isinstance(clock, SharedClock):
        together.set_clock = partial(set_clock, clock, line)
    return Sharing(standing, together, roles)
