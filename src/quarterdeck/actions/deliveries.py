"""What was sent or is to be; and what only a person can know: whether it arrived, whether to send it once more."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Conflict, NotFound
from quarterdeck.flow.live import Live
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.sending import Outgoing
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store import events, outbox, sessions
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Riding, Statement, nothing_rides, operation
from quarterdeck.store.outbox import Delivery, ListedDelivery, PartRow
from quarterdeck.store.overview import trouble

Found = Literal["sent", "failed"]


class Sent(msgspec.Struct, frozen=True):
    """A delivery with its parts, in order."""

    delivery: Delivery
    parts: Sequence[PartRow]

    def any(self, *states: str) -> bool:
        """Whether a part is in one of these states."""
        return any(part.state in states for part in self.parts)


class Deliveries:
    """Deliveries for people, and the use cases of those in trouble. `reason` is the person's own words."""

    def __init__(self, store: Store, auditor: Auditor, outbox: Outbox, live: Live, clock: Clock) -> None:
        self._store = store
        self._auditor = auditor
        self._outbox = outbox
        self._live = live
        self._clock = clock

    async def listed(self, state: str, limit: int, before: str) -> Sequence[ListedDelivery]:
        """Newest first, behind id `before`; `state` is what the parts add up to, empty for all."""
        return await outbox.listed(self._store, state, limit, before)

    async def troubled(self) -> Mapping[str, int]:
        """How many are in each state that needs a person; states without any are left out."""
        counts: dict[str, int] = {}
        for one in await trouble(self._store):
            counts[one.state] = counts.get(one.state, 0) + one.deliveries
        return counts

    async def one(self, delivery_id: str) -> Sent:
        """One with its parts. Raises NotFound."""
        delivery = await outbox.get(self._store, delivery_id)
        if delivery is None:
            raise NotFound(f"there is no delivery {delivery_id}")
        return Sent(delivery, await outbox.parts_of(self._store, delivery_id))

    async def settle(
        self, delivery_id: str, found: Found, actor: Actor, reason: str = "", riding: Riding[int] = nothing_rides
    ) -> int:
        """Say what became of the parts whose fate is unknown; how many there were. Raises NotFound, Conflict."""
        delivery, parts = await self._parts(delivery_id, ("unknown",))
        now = self._clock.now()
        moves = [
            outbox.move(delivery.id, part.n, "unknown", found, now, error="" if found == "sent" else part.error)
            for part in parts
        ]
        record = self._record("change.delivery.settle", actor, delivery, found, reason)
        shown = self._events(delivery, parts, found, now)
        await self._store.commit(operation("settle", shown, moves, record, riding(len(parts))))
        self._live.committed(delivery.session_id)
        return len(parts)

    async def resend(
        self, delivery_id: str, actor: Actor, reason: str = "", riding: Riding[int] = nothing_rides
    ) -> int:
        """Send the parts whose fate is unknown, that failed, or that a stop held; how many there were.

        What may have arrived before gets a visible mark. Raises NotFound, Conflict.
        """
        delivery, parts = await self._parts(delivery_id, ("unknown", "failed", "held"))
        now = self._clock.now()
        moves = [outbox.move(delivery.id, part.n, part.state, "ready", now, resend=part.attempts > 0) for part in parts]
        record = self._record("change.delivery.resend", actor, delivery, "ready", reason)
        shown = self._events(delivery, parts, "ready", now)
        await self._store.commit(operation("settle", shown, moves, record, riding(len(parts))))
        self._outbox.enqueued(Outgoing(delivery, (), (), {}, wired=True))
        self._live.committed(delivery.session_id)
        return len(parts)

    async def dismiss(
        self, delivery_id: str, actor: Actor, reason: str = "", riding: Riding[int] = nothing_rides
    ) -> int:
        """Leave the parts that failed, were refused or that a stop held: nobody is asked about them any more.

        How many there were. Raises NotFound, Conflict.
        """
        delivery, parts = await self._parts(delivery_id, ("failed", "refused", "held"))
        now = self._clock.now()
        moves = [outbox.move(delivery.id, part.n, part.state, "dismissed", now, error=part.error) for part in parts]
        record = self._record("change.delivery.dismiss", actor, delivery, "dismissed", reason)
        shown = self._events(delivery, parts, "dismissed", now)
        await self._store.commit(operation("settle", shown, moves, record, riding(len(parts))))
        self._live.committed(delivery.session_id)
        return len(parts)

    async def _parts(self, delivery_id: str, states: Sequence[str]) -> tuple[Delivery, list[PartRow]]:
        found = await self.one(delivery_id)
        parts = [part for part in found.parts if part.state in states]
        if not parts:
            now = ", ".join(dict.fromkeys(part.state for part in found.parts))
            raise Conflict(f"no part of {delivery_id} is {' or '.join(states)}; it is {now}")
        return found.delivery, parts

    def _record(self, kind: str, actor: Actor, delivery: Delivery, outcome: str, reason: str) -> list[Statement]:
        about = Subject(
            connection=delivery.connection,
            session=delivery.session_id,
            turn=delivery.turn_id,
            resource=delivery.id,
        )
        return self._auditor.record(kind, actor, about, outcome=outcome, content=reason.encode())

    def _events(self, delivery: Delivery, parts: Sequence[PartRow], state: str, now: float) -> list[Statement]:
        if not delivery.session_id:
            return []
        statements = [sessions.advance(delivery.session_id, len(parts), now)]
        for back, part in enumerate(reversed(parts)):
            data: dict[str, object] = {
                "delivery": delivery.id,
                "turn": delivery.turn_id,
                "part": part.n,
                "state": state,
            }
            statements.append(events.insert(delivery.session_id, back, "delivery.state", data, now))
        return statements
