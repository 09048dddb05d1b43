"""Taking: which inbox rows the next turn of a session is for, and how it takes up what a dead process left."""

import asyncio
from itertools import takewhile

import msgspec

from quarterdeck.base.clock import left
from quarterdeck.flow import streaming
from quarterdeck.flow.sending import delivery_event
from quarterdeck.flow.services import Services
from quarterdeck.flow.state import Cut, TurnState, taken_of
from quarterdeck.flow.steer import steering
from quarterdeck.governance.policy import POLICY_DIGEST
from quarterdeck.model.message import ToolResult
from quarterdeck.model.turn import ModelStep, SteerStep, ToolStep
from quarterdeck.store import events, inbox, intents, journal, sessions, turns
from quarterdeck.store.inbox import InboxRow
from quarterdeck.store.intents import IntentRow
from quarterdeck.store.operations import ExpectationFailed, Statement, operation
from quarterdeck.store.sessions import Session
from quarterdeck.store.turns import Turn
from quarterdeck.words.book import say
from quarterdeck.words.languages import first_of
from quarterdeck.words.sentences import Moment, phrase

AT_ONCE = 50  # rows that one turn takes at most
UNKNOWN = "The outcome is unknown: the process ended while this ran. Do not repeat it; a person has been told."


class Claim(msgspec.Struct, frozen=True):
    """What is to be done in a lane: a turn to drive, or a time (seconds) to come back, or nothing."""

    state: TurnState | None = None
    resumed: bool = False
    wait: float | None = None


class Taking:
    """Reads a lane and claims its next turn."""

    def __init__(self, services: Services) -> None:
        self._s = services

    async def claim(self, session_id: str) -> Claim:
        """The next turn of a session. A fresh one is not yet committed; a left one is taken up in memory."""
        s = self._s
        found = await sessions.with_running(s.store, session_id)
        if found is None or found[0].controller != "assistant":
            return Claim()
        session, running = found
        if running:
            if not await s.peers.gone(session.owner):
                return Claim()  # another process runs it, and looks at the lane again when it has ended
            left = await turns.get(s.store, running)
            assert left is not None
            return Claim(await self._left(session, left), resumed=True)
        rows = await inbox.waiting(s.store, session_id, AT_ONCE)
        now = s.clock.now()
        if expired := [row for row in rows if row.expires_at <= now]:
            place = (expired[0].connection, expired[0].room_id)
            await self._expire(session, [row for row in expired if (row.connection, row.room_id) == place])
            return Claim(wait=0.0)
        due = list(takewhile(lambda row: not _quiet(row, now), rows))  # nothing overtakes what has its quiet time
        if not due:
            return Claim(wait=max(0.01, _quiet(rows[0], now))) if rows else Claim()
        state = await self._fresh(session, _choose(due))
        state.lane_empty = len(state.rows) == len(rows) < AT_ONCE
        return Claim(state)

    def take(self, state: TurnState) -> list[Statement]:
        """The statements by which a fresh turn takes its rows."""
        now = self._s.clock.now()
        turn = Turn(
            id=state.turn_id,
            session_id=state.session.id,
            position=state.position,
            state="running",
            outcome=None,
            error=None,
            attempt=1,
            model=state.session.model or state.assistant.model,
            release_digest=state.assistant.release(),
            policy_digest=POLICY_DIGEST,
            price_digest=self._s.gate.prices.version,
            started_at=now,
            ended_at=None,
        )
        ids = [row.id for row in state.rows]
        steer = sum(row.mode == "steer" for row in state.rows)
        return [
            sessions.take(state.session.id, state.session.fence, 1, steer, now, owner=self._s.gate.process),
            inbox.take(ids, state.turn_id),
            turns.insert(turn),
            self._started(state, now),
        ]

    async def take_up(self, state: TurnState) -> list[Statement]:
        """The statements by which a left turn is taken up: what the dead process had begun gets its outcome."""
        now = self._s.clock.now()
        begun = await intents.of_turn(self._s.store, state.turn_id)
        statements: list[Statement] = [
            sessions.take(state.session.id, state.session.fence, 1, 0, now, owner=self._s.gate.process),
            inbox.take_again(state.turn_id, len(state.rows) + len(state.steered)),
            turns.take_again(state.turn_id, [row.id for row in begun if row.state == "open"]),
            self._started(state, now),
        ]
        for row in begun:
            state.attempts[row.step] = max(state.attempts.get(row.step, 0), row.attempt)
            if row.state == "open" and row.kind in ("model", "stream"):
                statements += self._s.gate.close(row, "lost", assistant=state.assistant.id)
            elif row.state == "open" and row.kind == "tool":
                statements += self._tool(state, row, now)
        return statements

    # --- fresh ------------------------------------------------------------------------------------------------

    async def _fresh(self, session: Session, rows: list[InboxRow]) -> TurnState:
        state = await self._state(session, rows, self._s.new_id("turn"), attempt=1)
        state.position = max(row.position for row in rows)
        return state

    async def _state(self, session: Session, rows: list[InboxRow], turn_id: str, attempt: int) -> TurnState:
        s = self._s
        assistant = s.directory.assistant(session.assistant)
        deadline = asyncio.get_running_loop().time() + assistant.turn_seconds
        return TurnState(
            session=session,
            fence=session.fence + 1,
            turn_id=turn_id,
            attempt=attempt,
            position=0,
            assistant=assistant,
            rules=s.directory.connection(max(rows, key=lambda row: row.position).connection),
            cut=Cut(deadline),
            rows=rows,
            past=await s.history.read(session),
            started=s.clock.monotonic(),
            taken={row.id: taken_of(row) for row in rows},
        )

    async def _expire(self, session: Session, rows: list[InboxRow]) -> None:
        """Rows that waited too long are not answered as if they were new; their person is told."""
        s, now = self._s, self._s.clock.now()
        first, assistant = rows[0], s.directory.assistant(session.assistant)
        language = first_of(s.directory.connection(first.connection).language, assistant.language, first.language)
        text = say(language, phrase("expired", when=Moment(first.sent_at or first.created_at)))
        notice = await s.sending.compose(
            first.connection, first.room_id, text, kind="notice", language=language, session=session.id
        )
        steer = -sum(row.mode == "steer" for row in rows)
        statements: list[Statement] = [
            sessions.advance(session.id, 2, now, steer=steer),
            inbox.end([row.id for row in rows], "expired", "", now, state="waiting"),
            events.insert(session.id, 1, "inbox.ended", {"inbox": [r.id for r in rows], "outcome": "expired"}, now),
            *notice.statements,
            delivery_event(session.id, 0, notice, now),
        ]
        try:
            await s.store.commit(operation("expire", statements))
        except ExpectationFailed:
            return  # stopped or edited meanwhile: the lane is read again
        s.outbox.enqueued(notice)
        s.live.committed(session.id)

    # --- left by a dead process -------------------------------------------------------------------------------

    async def _left(self, session: Session, turn: Turn) -> TurnState:
        s = self._s
        rows = await inbox.of_turn(s.store, turn.id)
        steps = dict(await journal.read(s.store, turn.id))
        taken_in = {i for step in steps.values() if isinstance(step, SteerStep) for i in step.inbox_ids}
        first = [row for row in rows if row.id not in taken_in]
        state = await self._state(session, first, turn.id, turn.attempt + 1)
        state.journal = steps
        state.steered = [row for row in rows if row.id in taken_in]
        state.taken.update({row.id: steering(row) for row in state.steered})
        state.rules = s.directory.connection(state.newest.connection)
        state.position = turn.position
        state.stream = await streaming.resume(s, turn.id)
        waiting = await inbox.waiting(s.store, session.id, AT_ONCE)
        if session.stop_at >= turn.position:
            state.cut.request("stop")
        elif any(row.mode == "interrupt" for row in waiting):
            state.cut.request("interrupt")
        return state

    def _tool(self, state: TurnState, row: IntentRow, now: float) -> list[Statement]:
        """A tool that was running: again if that is harmless, else told as unknown and listed for people."""
        if row.repeatable:
            return self._s.gate.close(row, "lost", assistant=state.assistant.id)
        answer, _, index = row.step.partition(".t")
        step = state.journal[answer]
        assert isinstance(step, ModelStep)
        call = step.answer.message.calls[int(index)]
        result = ToolStep(ToolResult(call.id, call.name, UNKNOWN, "unknown"))
        state.journal[row.step] = result
        self._s.log.error("tool.unknown", tool=call.name, turn=state.turn_id, alert=True)
        self._s.metrics.incident("tool_unknown")
        return [
            *self._s.gate.close(row, "unknown", assistant=state.assistant.id),
            journal.insert(state.turn_id, row.step, result, now),
        ]

    def _started(self, state: TurnState, now: float) -> Statement:
        data: dict[str, object] = {
            "turn": state.turn_id,
            "attempt": state.attempt,
            "inbox": [row.id for row in state.rows],
            "model": state.session.model or state.assistant.model,
        }
        return events.insert(state.session.id, 0, "turn.started", data, now)


def _quiet(row: InboxRow, now: float) -> float:
    """Seconds that a row waits for yet."""
    return left(row.not_before, row.created_at, now)


def _choose(due: list[InboxRow]) -> list[InboxRow]:
    """Which of the rows that are due one turn takes: all of a run that collects or interrupts, else the first."""
    mode = due[0].mode
    if mode not in ("collect", "interrupt"):
        return due[:1]
    chosen: list[InboxRow] = []
    for row in due:
        if row.mode != mode:
            break
        chosen.append(row)
    return chosen
