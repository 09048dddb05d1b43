"""Processes of one installation on a clock that only a test moves: who they hold for dead, which lanes they run.

What decides is the product's (Processes, Sightings, Standing, Taking, the statements of sessions); what is here is the
world around it, and a book of who rightly has what.
"""

import asyncio
import sqlite3
from collections import Counter
from pathlib import Path

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Retry
from quarterdeck.base.standing import DEAD_S
from quarterdeck.flow.replicas.news import News
from quarterdeck.flow.replicas.processes import GAP_S
from quarterdeck.flow.replicas.together import Together
from quarterdeck.flow.state import TurnState
from quarterdeck.flow.taking import Taking
from quarterdeck.store import inbox, sessions, turns
from quarterdeck.store.operations import ExpectationFailed, Statement, operation
from quarterdeck.store.processes import ROLES
from quarterdeck.wiring.sharing import Sharing
from tests.flow.doubles import LifeLog
from tests.flow.members import GivenUp, Member, Virtual
from tests.flow.several import Shared
from tests.flow.spy import Spy
from tests.flow.world import World
from tests.waiting import until

STEP_S = 0.25
LANES_EVERY = 4  # steps between two looks at lanes


class Simulated:
    """One life of one process. `lanes` are those that it believes to run, `claimed` those that it is about to take."""

    def __init__(self, name: str, home: str, folder: Path, database: Shared, clock: Virtual) -> None:
        self.name = name
        self.frozen = False
        self.ended = False
        self.lanes: dict[str, TurnState] = {}
        self.claimed: dict[str, tuple[TurnState, list[Statement]]] = {}
        self._home = home
        self._late: asyncio.Task[None] | None = None
        self._member: Member | None = None
        self.world = World(folder, database, self._share)
        self.world.clock = clock  # type: ignore[assignment]
        self._clock = clock

    @property
    def member(self) -> Member:
        assert self._member is not None
        return self._member

    @property
    def works(self) -> bool:
        """Whether it does anything now."""
        return not self.ended and not self.frozen

    async def start(self) -> None:
        """Be one of them. Nothing runs by itself."""
        self.world._parts = await self.world._build()
        self.world.parts.intake.open = True
        await self.member.processes.join()
        await self.look()

    async def look(self) -> None:
        """Beat and see who lives."""
        await self._looking()
        await self.member.calm()

    async def freeze(self, late: bool) -> None:
        """Do nothing any more; `late`: in the middle of a look, whose statement has been carried out."""
        self.frozen = True
        if late:
            self.member.line.gate = asyncio.Event()
            self._late = asyncio.create_task(self._looking())
            await until(lambda: self.member.line.waiting or (self._late is not None and self._late.done()))

    async def thaw(self) -> None:
        """Go on as if nothing had been."""
        self.frozen = False
        if self._late is not None:
            assert self.member.line.gate is not None
            self.member.line.gate.set()
            self.member.line.gate = None
            await self._late
            self._late = None
            await self.member.calm()

    async def end(self) -> None:
        """Leave no task behind."""
        self.ended = True
        if self._late is not None:
            self._late.cancel()
            await asyncio.wait((self._late,))
            self._late = None
        await self.member.end()

    async def _looking(self) -> None:
        try:
            await self.member.processes.look(self.member.life)
        except Retry:
            return
        except GivenUp:
            self.ended = True

    def _share(self, store: Spy, clock: Clock, log: LifeLog) -> Sharing:
        member = self._member = Member(self.name, store, self._clock, self._home)
        together = Together(member.processes, member.leases, News(self.name, log), member.line, log)
        return Sharing(member.standing, together, ROLES)


class Installation:
    """Three places for processes, two rooms whose lanes they run, and the book of what is right."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Virtual()
        self.database = Shared(folder)
        self.places: list[Simulated] = []
        self.owners: dict[str, tuple[str, int]] = {}  # session -> who took it last, with which fence; none: not running
        self.seen: Counter[str] = Counter()
        self._stalled = -1e9  # when nobody had looked for more than GAP_S, for the last time
        self._dead: set[str] = set()
        self._lives = 0
        self._book: sqlite3.Connection | None = None

    async def start(self) -> None:
        await self.database.migrate()
        self._book = sqlite3.connect(self.database.path, isolation_level=None)
        for n in range(3):
            self.places.append(await self._new(n))
        await self.passes(1.0)

    async def end(self) -> None:
        self.database.away = False
        for one in self.places:
            await one.end()
        await self.database.close()
        if self._book is not None:
            self._book.close()

    # --- what happens -----------------------------------------------------------------------------------------

    async def passes(self, seconds: float) -> None:
        """Everybody who can does what they do by themselves."""
        for step in range(round(seconds / STEP_S)):
            self.clock.at += STEP_S
            for one in self.places:
                if one.works:
                    await one.look()
                    self.check()
            if step % LANES_EVERY == LANES_EVERY - 1:
                await self._lanes()

    async def jump(self, seconds: float) -> None:
        """Nobody does anything meanwhile."""
        self.clock.at += seconds
        if seconds > GAP_S:
            self._stalled = self.clock.at

    async def away(self, seconds: float) -> None:
        """Nobody reaches the database, though all try."""
        self.database.away = True
        begun = self.clock.at
        for _ in range(round(seconds / STEP_S)):
            self.clock.at += STEP_S
            for one in self.places:
                if one.works:
                    await one.look()
        self.database.away = False
        if self.clock.at - begun > GAP_S:
            self._stalled = self.clock.at

    async def restart(self, n: int) -> None:
        """A new life in the same data directory; the one before it is known to be dead, for it had the lock."""
        old = self.places[n]
        await old.end()
        self._dead.add(old.name)
        self.places[n] = await self._new(n)

    # --- lanes ------------------------------------------------------------------------------------------------

    async def see_to(self, one: Simulated, session: str, read: bool, take: bool) -> None:
        """Read a lane in which something is to be done, or take what was read there, or both."""
        if session not in self.owners:
            self.seen["acts"] += 1
            room = "r1" if session == self.sessions[0] else "r2"
            await one.world.accept(one.world.act("hello", room=room, key=f"act {self.seen['acts']}"))
        if read:
            await self.claim(one, session)
        if take:
            await self.take(one, session)

    async def go_on(self, end: bool) -> None:
        """All commit something of the turns that they believe to run."""
        for one in self.places:
            for session in tuple(one.lanes):
                if one.works:
                    await self.commit(one, session, end)

    async def claim(self, one: Simulated, session: str) -> None:
        """Read a lane, and think what to do."""
        if session in one.lanes or session in one.claimed:
            return  # a process has one worker for a lane
        taking = Taking(one.world.parts.services)
        claim = await taking.claim(session)
        if (state := claim.state) is not None:
            one.claimed[session] = state, await taking.take_up(state) if claim.resumed else taking.take(state)

    async def take(self, one: Simulated, session: str) -> None:
        """Take what was claimed."""
        if session not in one.claimed:
            return
        state, statements = one.claimed.pop(session)
        try:
            await one.world.store.commit(operation("take", statements))
        except ExpectationFailed:
            self.seen["takes in vain"] += 1
            return
        before = self.owners.get(session)
        if before is not None:
            assert self.state(before[0]) != "live", f"{one.name} took {session}, which {before[0]} runs and lives"
            self.seen["taken up"] += 1
        self.owners[session] = one.name, state.fence
        one.lanes[session] = state

    async def commit(self, one: Simulated, session: str, end: bool) -> None:
        """Commit something of a turn, or its end, with the fence of its taking."""
        state = one.lanes.get(session)
        if state is None:
            return
        now = self.clock.now()
        statements = [sessions.hold(session, state.fence, 0, now)]
        if end:
            ids = [row.id for row in state.rows]
            closing = sessions.end_answered(session, state.fence, state.position, 0, now, leave=True)
            ends = inbox.end(ids, "answered", "", now), turns.end(state.turn_id, "answered", "", now)
            statements = [closing, *ends]
        rightly = self.owners.get(session) == (one.name, state.fence)
        try:
            await one.world.store.commit(operation("end_turn" if end else "model_intent", statements))
        except ExpectationFailed:
            assert not rightly, f"{one.name} could not commit in {session}, which it has"
            self.seen["zombies refused"] += 1
            del one.lanes[session]
            return
        assert rightly, f"{one.name} committed in {session} with fence {state.fence}: {self.owners.get(session)} has it"
        if end:
            del one.lanes[session]
            del self.owners[session]
            self.seen["ended"] += 1

    async def _lanes(self) -> None:
        await self.go_on(end=False)
        for n, session in enumerate(self.sessions):
            for one in (*self.places[n:], *self.places[:n]):
                if one.works and session not in one.claimed:  # else it is slow
                    await self.see_to(one, session, read=True, take=True)

    # --- what is true -----------------------------------------------------------------------------------------

    @property
    def sessions(self) -> list[str]:
        return [self.places[0].world.session(room=room) for room in ("r1", "r2")]

    def state(self, name: str) -> str:
        return self._states().get(name, "")

    def check(self) -> None:
        """Whoever may begin an effect is not held for dead; nobody is without four seconds of looking."""
        states = self._states()
        for one in self.places:
            if not one.ended and one.member.standing.assured:
                assert states[one.name] == "live", f"{one.name} may begin an effect and is {states[one.name]}"
        for name, state in states.items():
            if state in ("dead", "settled") and name not in self._dead:
                self._dead.add(name)
                self.seen["deaths"] += 1
                since = self.clock.at - self._stalled
                assert since >= DEAD_S, f"{name} is called dead {since} s after nobody could look"

    def _states(self) -> dict[str, str]:
        assert self._book is not None
        return dict(self._book.execute("SELECT id, state FROM processes").fetchall())

    async def _new(self, n: int) -> Simulated:
        self._lives += 1
        home = self.folder / f"g{n}"
        home.mkdir(exist_ok=True)
        one = Simulated(f"p{n}.{self._lives}", str(home), home, self.database, self.clock)
        await one.start()
        return one
