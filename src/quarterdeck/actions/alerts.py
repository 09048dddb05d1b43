"""What is wrong and what was: alerts for people, and taking one on."""

from collections.abc import Sequence

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Conflict, NotFound
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store import alerts
from quarterdeck.store.alerts import Alert
from quarterdeck.store.database import Store
from quarterdeck.store.operations import ExpectationFailed, Riding, nothing_rides, operation


class Alerts:
    """The use cases of alerts. Nobody but the watcher fires or resolves one."""

    def __init__(self, store: Store, auditor: Auditor, clock: Clock) -> None:
        self._store = store
        self._auditor = auditor
        self._clock = clock

    async def listed(self, state: str, limit: int, before: str) -> Sequence[Alert]:
        """Newest first; of one state (firing, resolved), or of all when it is empty."""
        return await alerts.listed(self._store, state, limit, before)

    async def acknowledge(
        self, alert_id: str, actor: Actor, reason: str = "", riding: Riding[Alert] = nothing_rides
    ) -> Alert:
        """Take an alert on: it goes on firing, and says who has it. Raises NotFound, Conflict."""
        alert = await alerts.get(self._store, alert_id)
        if alert is None:
            raise NotFound(f"there is no alert {alert_id}; `quarterdeck alerts list` shows them")
        about = Subject(resource=alert.id)
        record = self._auditor.record(
            "change.alert.acknowledge", actor, about, outcome="acknowledged", content=reason.encode()
        )
        now = self._clock.now()
        taken = msgspec.structs.replace(alert, acknowledged_at=now, acknowledged_by=actor.id)
        change = alerts.acknowledge(alert.id, actor.id, now)
        try:
            await self._store.commit(operation("alert", change, record, riding(taken)))
        except ExpectationFailed as error:
            is_now = f"taken on by {alert.acknowledged_by}" if alert.acknowledged_by else alert.state
            raise Conflict(f"{alert_id} is {is_now}; only what fires and nobody has taken on can be") from error
        return taken
