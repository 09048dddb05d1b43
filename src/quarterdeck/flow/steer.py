"""Messages that steer a running turn: taken in where every call has its result, recorded in the same operation."""

import msgspec

from quarterdeck.base.errors import NotFound
from quarterdeck.flow.context import Taken
from quarterdeck.flow.services import Services
from quarterdeck.flow.state import TurnState, taken_of
from quarterdeck.model.message import UserMessage
from quarterdeck.model.turn import SteerStep, steer_step
from quarterdeck.store import inbox, journal, turns
from quarterdeck.store.inbox import InboxRow
from quarterdeck.store.operations import Statement

AT_ONCE = 50


class Steer:
    """Takes steering messages into turns."""

    def __init__(self, services: Services) -> None:
        self._s = services

    async def waiting(self, state: TurnState) -> list[InboxRow]:
        """Steering messages that wait in the turn's lane."""
        rows = await inbox.waiting_steer_first(
            self._s.store, state.session.id, AT_ONCE
        )  # a message may override the mode
        return [row for row in rows if row.mode == "steer"]

    def take(self, state: TurnState, n: int, rows: list[InboxRow]) -> list[Statement]:
        """Take `rows` in after answer n; the session's count is lowered by the caller's `hold`."""
        if not rows:
            return []
        ids = tuple(row.id for row in rows)
        step = SteerStep(ids)
        state.steered += rows
        state.taken.update({row.id: steering(row) for row in rows})
        state.journal[steer_step(n)] = step
        state.position = max(state.position, *(row.position for row in rows))
        self._follow(state)
        return [
            inbox.take(ids, state.turn_id),
            journal.insert(state.turn_id, steer_step(n), step, self._s.clock.now()),
            turns.extend(state.turn_id, state.position),
        ]

    def undo(self, state: TurnState, n: int, rows: list[InboxRow]) -> None:
        """The operation with `take` was not kept."""
        if not rows:
            return
        del state.journal[steer_step(n)]
        for row in rows:
            state.steered.remove(row)
            del state.taken[row.id]
        state.position = max(row.position for row in (*state.rows, *state.steered))
        self._follow(state)

    def _follow(self, state: TurnState) -> None:
        """The answer goes to the connection of the newest row; one that a reload took away is not gone to."""
        try:
            state.rules = self._s.directory.connection(state.newest.connection)
        except NotFound:
            self._s.log.warning("turn.connection_gone", turn=state.turn_id, connection=state.newest.connection)


def steering(row: InboxRow) -> Taken:
    """A steering message as its turn sees it. Files are fetched before a turn's first answer; these are not."""
    taken = taken_of(row)
    if not isinstance(taken.message, UserMessage):
        return taken
    attachments = tuple(
        a if a.blob else msgspec.structs.replace(a, error="it came while an answer was being made; send it again")
        for a in taken.attachments
    )
    return msgspec.structs.replace(taken, message=msgspec.structs.replace(taken.message, attachments=attachments))
