"""How people are told: the words, the delivery to the room, and the event of a change."""

from collections.abc import Sequence

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.flow.sending import Outgoing, Sending
from quarterdeck.model.alert import Finding, runbook
from quarterdeck.model.inbound import Room
from quarterdeck.store import events, people
from quarterdeck.store.alerts import Alert
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.words.book import quoted


class ToldRoom(msgspec.Struct, frozen=True):
    """Where people are told: a connection, and the platform's id of a room there."""

    connection: str
    native_id: str


class Telling:
    """Makes the statements by which a change of an alert is told; without a room only the event."""

    def __init__(self, store: Store, sending: Sending, room: ToldRoom | None, clock: Clock) -> None:
        self._store = store
        self._sending = sending
        self._room = room
        self._clock = clock

    def event(self, alert_id: str, kind: str, found: Finding) -> Statement:
        """What whoever follows the events of all sessions sees."""
        data: dict[str, object] = {"alert": alert_id, **msgspec.to_builtins(found), "runbook": runbook(found.rule)}
        return events.insert_apart(kind, data, self._clock.now())

    async def message(self, text: str) -> tuple[Sequence[Statement], Outgoing | None]:
        """A delivery to the room, in the operation of the alert; through the outbox and its gate like any other."""
        if self._room is None:
            return (), None
        where, now = self._room, self._clock.now()
        room_id = people.room_id(where.connection, where.native_id)
        outgoing = await self._sending.compose(where.connection, room_id, quoted(text), kind="notice", language="en")
        known = await people.room(self._store, room_id)
        made = [] if known else [people.know_room(where.connection, Room(where.native_id), now)]
        return [*made, *outgoing.statements], outgoing


def fired(found: Finding) -> str:
    """What the room is told when it fires."""
    return (
        f"ALERT {found.rule}: {found.cause}\nAffected: {found.affected}\nNext: {found.next_step}\n"
        f"Answerable: {found.owner}\nRunbook: {runbook(found.rule)}"
    )


def resolved(alert: Alert, now: float) -> str:
    """What the room is told when it is over."""
    return f"RESOLVED {alert.rule} ({alert.subject}) after {max(now - alert.fired_at, 0) / 60:.0f} min: {alert.cause}"
