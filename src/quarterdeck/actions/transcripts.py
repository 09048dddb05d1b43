"""Conversations as people look them over: which there are, what was said and done in one, what it cost."""

import math
import re
from collections.abc import Sequence
from itertools import groupby

import msgspec

from quarterdeck.actions.activity import money
from quarterdeck.actions.deliveries import Sent
from quarterdeck.base.errors import NotFound
from quarterdeck.model.message import Message, decode
from quarterdeck.model.turn import ModelStep, Step, ToolStep
from quarterdeck.store import inbox, intents, journal, outbox, pins, search, sessions, summaries, turns, usage, views
from quarterdeck.store.database import Store
from quarterdeck.store.intents import IntentRow
from quarterdeck.store.overview import running
from quarterdeck.store.pins import Pin
from quarterdeck.store.search import Found
from quarterdeck.store.sessions import Session
from quarterdeck.store.summaries import Summary
from quarterdeck.store.turns import Turn
from quarterdeck.store.usage import Settled

MESSAGES = 40  # of one page of a transcript
WAITING = 100
RUNNING = 1000
SUMMARIES = 20
END = (2**62, 0)
"""Behind every message."""


class Line(msgspec.Struct, frozen=True):
    """A message at its place. `state` says what a message that no turn has ended yet waits for."""

    position: int
    part: int
    kind: str
    message: Message
    created_at: float
    state: str = ""


class Spent(msgspec.Struct, frozen=True):
    """The settled model calls of a turn together; `unpriced` calls are in none of the `cost`."""

    calls: int
    input: int
    output: int
    cost: Sequence[str]
    unpriced: int


class Passage(msgspec.Struct, frozen=True):
    """Messages that stand together, and the turn that they came of with what it permitted, did, spent and sent."""

    lines: Sequence[Line]
    turn: Turn | None = None
    spent: Spent | None = None
    intents: Sequence[IntentRow] = ()
    deliveries: Sequence[Sent] = ()


class Transcript(msgspec.Struct, frozen=True):
    """One page of a conversation, oldest first. `older` is the place before which it goes on, if it does."""

    session: Session
    passages: Sequence[Passage]
    waiting: Sequence[Line]
    older: tuple[int, int] | None
    running: Turn | None
    pins: Sequence[Pin]
    summaries: Sequence[Summary]
    in_force: str


class Listed(msgspec.Struct, frozen=True):
    """A conversation in the list."""

    session: Session
    running: bool


class Transcripts:
    """Looks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def listed(self, connection: str, updated_at: float, before: str, limit: int) -> Sequence[Listed]:
        """By newest activity, behind (updated_at, id) if there is an id; `connection` empty for all."""
        behind = updated_at if before else math.inf
        found = await views.sessions(self._store, connection, behind, before, limit)
        now = {one.session_id for one in await running(self._store, RUNNING)}
        return [Listed(one, one.id in now) for one in found]

    async def search(self, words: str, before: int, limit: int) -> Sequence[Found]:
        """Messages that hold all words, newest first, behind index place `before` (0: all). Raises BadInput."""
        return await search.find(self._store, words, "", before, limit)

    async def page(self, session_id: str, before: tuple[int, int] = END) -> Transcript:
        """The messages before a place; at the end also what runs and waits. Raises NotFound."""
        store, session = self._store, await sessions.get(self._store, session_id)
        if session is None:
            raise NotFound(f"there is no conversation {session_id}")
        more = await views.messages(store, session.id, *before, MESSAGES + 1)
        stored = more[-MESSAGES:]
        runs = await turns.running(store, session.id)
        known = {one.id: one for one in await views.turns_named(store, {one.turn_id for one in stored})}
        calls = await usage.of_turns(store, [*known, *([runs.id] if runs else [])])
        passages = [
            await self._passage([_line(decode(one.content), one.position, one.part, one.created_at) for one in said],
                                known.get(turn), calls.get(turn, []))
            for turn, said in groupby(stored, lambda one: one.turn_id)
        ]  # fmt: skip
        newest = before == END
        if runs and newest:
            passages.append(await self._passage(await self._under_way(runs), runs, calls.get(runs.id, [])))
        waiting = await inbox.waiting(store, session.id, WAITING) if newest else []
        in_force = await summaries.newest(store, session.id, session.history_from)
        return Transcript(
            session,
            passages,
            [_line(decode(row.content), row.position, 0, row.created_at, row.state) for row in waiting],
            (stored[0].position, stored[0].part) if len(more) > MESSAGES else None,
            runs,
            await pins.of_session(store, session.id, session.history_from),
            await summaries.listed(store, session.id, SUMMARIES),
            in_force.id if in_force else "",
        )

    async def _passage(self, lines: Sequence[Line], turn: Turn | None, calls: Sequence[Settled]) -> Passage:
        if turn is None:
            return Passage(lines)
        store = self._store
        sent = [Sent(one, await outbox.parts_of(store, one.id)) for one in await outbox.of_turn(store, turn.id)]
        return Passage(lines, turn, _spent(calls), await intents.of_turn(store, turn.id), sent)

    async def _under_way(self, turn: Turn) -> list[Line]:
        """What a running turn took, and its steps so far, which become messages when it ends."""
        rows = await inbox.of_turn(self._store, turn.id)
        lines = [_line(decode(row.content), row.position, 0, row.created_at) for row in rows]
        steps = await journal.read(self._store, turn.id)
        said = [_said(steps[name]) for name in sorted(steps, key=_order)]
        return lines + [_line(one, turn.position, n, turn.started_at) for n, one in enumerate(said, 1) if one]


def _line(message: Message, position: int, part: int, created_at: float, state: str = "") -> Line:
    return Line(position, part, str(message.__struct_config__.tag), message, created_at, state)


def _said(step: Step) -> Message | None:
    if isinstance(step, ModelStep):
        return step.answer.message
    return step.result if isinstance(step, ToolStep) else None


def _order(step: str) -> list[int]:
    """`m2` before `m10`, `m1` before `m1.t0`."""
    return [int(number) for number in re.findall(r"\d+", step)]


def _spent(calls: Sequence[Settled]) -> Spent:
    by_currency: dict[str, int] = {}
    for one in calls:
        if one.amount is not None:
            by_currency[one.currency] = by_currency.get(one.currency, 0) + one.amount
    return Spent(
        len(calls),
        sum(one.tokens_in for one in calls),
        sum(one.tokens_out for one in calls),
        money(by_currency),
        sum(one.amount is None for one in calls),
    )
