"""Timers: finds what has fallen due and lets it enter through intake, as everything else does (durable point 8).

A timer that turns out to be early (something was said since it was set) or to come at a bad moment is set to another
time; nothing but that is written. What a timer does is a use case that wiring hands to intake (see `flow/commands.py`).
"""

import asyncio

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Conflict, NotFound, Retry
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.intake import Intake
from quarterdeck.model.inbound import Due, Duplicate, Inbound, Room, Sender
from quarterdeck.model.schedule import ResetRules, reset_due
from quarterdeck.store import inbox, sessions, timers, turns
from quarterdeck.store.database import Store
from quarterdeck.store.operations import ExpectationFailed, Statement, operation
from quarterdeck.store.sessions import Session
from quarterdeck.store.timers import Timer

EVERY_S = 1.0
PAGE = 100
BUSY_S = 60.0  # how long after a bad moment it is tried again
LATE_S = 60.0  # from here on a timer was missed: nobody was there to see it fall due


class Timers:
    """The service. A second one does no harm: every change says which due time it is for."""

    def __init__(self, store: Store, directory: Directory, intake: Intake, clock: Clock, log: EventLog) -> None:
        self._store = store
        self._directory = directory
        self._intake = intake
        self._clock = clock
        self._log = log

    async def run(self, life: Life) -> None:
        """Look once a second until told to stop; ready when what fell due before the start has happened."""
        while not life.stopping.is_set():
            await self.tick()
            life.ready()
            try:
                async with asyncio.timeout(EVERY_S):
                    await life.stopping.wait()
            except TimeoutError:
                continue

    async def tick(self) -> int:
        """Deal with everything that is due now; how many timers that were."""
        count = 0
        while page := await self._due():
            count += len(page)
            if not all([await self._one(timer) for timer in page]):
                break  # the next look tries again
        return count

    async def _due(self) -> list[Timer]:
        """The next that are due; none while the database does not say."""
        try:
            return await timers.due(self._store, self._clock.now(), PAGE)
        except Retry as error:
            self._log.warning("timers.later", reason=str(error))
            return []

    async def _one(self, timer: Timer) -> bool:
        """Deal with one; False when it could not be done now."""
        try:
            change = await self._change(timer)
            if change is not None:
                await self._store.commit(operation("timer", change))
        except ExpectationFailed:
            return True  # somebody else has moved it
        except (Retry, Conflict) as error:
            self._log.warning("timer.later", timer=timer.id, reason=str(error))
            return False
        return True

    async def _change(self, timer: Timer) -> Statement | None:
        """What is to be changed of a timer that does not act now; None when it has acted."""
        now = self._clock.now()
        session = await sessions.get(self._store, timer.session_id)
        rules = self._rules(session)
        if session is None or not rules.on:
            return timers.end(timer)
        due = reset_due(rules, session.updated_at, max(timer.armed_at, timer.last_due))
        if due > now:
            return timers.rearm(timer, due)
        if timer.due_at <= timer.last_due and timer.due_at != due:  # the clock was set back, and this time has been
            return timers.rearm(timer, due)
        if await inbox.count_waiting(self._store, session.id) or await turns.running(self._store, session.id):
            return timers.rearm(timer, now + BUSY_S)
        return await self._act(timer, session, rules, now)

    async def _act(self, timer: Timer, session: Session, rules: ResetRules, now: float) -> Statement | None:
        late = now - timer.due_at
        if late >= LATE_S:
            self._log.warning("timer.missed", timer=timer.id, session=session.id, late_seconds=round(late))
        idle = rules.idle_minutes > 0 and session.updated_at + rules.idle_minutes * 60 <= now
        why = f"nothing was said for {rules.idle_minutes:g} minutes" if idle else f"it is {rules.at} ({rules.timezone})"
        inbound = Inbound(
            connection=session.connection,
            act_key=f"timer/{timer.id}/{timer.due_at!r}/{session.head}",
            room=Room(""),
            sender=Sender(""),
            text=f"A new conversation: {why}.",
            kind="timer",
            sent_at=timer.due_at,
            due=Due(timer.id, timer.kind, session.id, timer.due_at, late, session.head),
        )
        accepted = await self._intake.accept(inbound)
        return timers.end(timer) if isinstance(accepted, Duplicate) else None

    def _rules(self, session: Session | None) -> ResetRules:
        try:
            return self._directory.assistant(session.assistant).resets if session else ResetRules()
        except NotFound:
            return ResetRules()
