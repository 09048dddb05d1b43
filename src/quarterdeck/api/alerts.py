"""Alerts over HTTP: what is wrong, and who has taken it on."""

from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from quarterdeck.actions.alerts import Alerts
from quarterdeck.api import asked, shown
from quarterdeck.api.call import Call
from quarterdeck.api.doors import Doors
from quarterdeck.model.alert import runbook
from quarterdeck.store.alerts import Alert
from quarterdeck.store.operations import Statement


class AlertsAsk(asked.Paged, frozen=True):
    """Of one state, or of all."""

    state: Literal["", "firing", "resolved"] = ""


class AcknowledgeAsk(asked.Ask, frozen=True):
    """Why it is taken on; it goes on the record."""

    reason: Annotated[str, Meta(max_length=500)] = ""


class ShownAlert(msgspec.Struct, frozen=True):
    """Something that is wrong, or was. `owner` names who is answerable; `times` counts how often it fired; `runbook` is
    a page of the documentation.
    """

    id: str
    state: str
    rule: str
    subject: str
    cause: str
    affected: str
    next_step: str
    owner: str
    runbook: str
    times: int
    created_at: shown.Moment
    resolved_at: shown.Moment | None
    acknowledged_at: shown.Moment | None
    acknowledged_by: str | None


class AlertsDoor:
    """Looks, and takes on."""

    def __init__(self, doors: Doors) -> None:
        self._alerts = Alerts(doors.store, doors.auditor, doors.clock)

    async def list_alerts(self, call: Call, ask: AlertsAsk) -> shown.Page[ShownAlert]:
        """GET /api/v1/alerts."""
        found = await self._alerts.listed(ask.state, ask.limit, ask.cursor)
        return shown.Page([show(one) for one in found], found[-1].id if len(found) == ask.limit else None)

    async def acknowledge_alert(self, call: Call, ask: AcknowledgeAsk) -> ShownAlert:
        """POST /api/v1/alerts/{id}/acknowledge."""
        who, riding = call.principal.actor, partial(_kept, call)
        return show(await self._alerts.acknowledge(call.path("id"), who, ask.reason, riding))


def show(alert: Alert) -> ShownAlert:
    """An alert as doors show it; one that is taken on fires still, and its state says both."""
    state = "acknowledged" if alert.state == "firing" and alert.acknowledged_by else alert.state
    return ShownAlert(
        alert.id, state, alert.rule, alert.subject, alert.cause, alert.affected, alert.next_step,
        alert.owner, runbook(alert.rule), alert.times, shown.moment(alert.fired_at),
        shown.moment_or_none(alert.resolved_at), shown.moment_or_none(alert.acknowledged_at), alert.acknowledged_by,
    )  # fmt: skip


def _kept(call: Call, alert: Alert) -> list[Statement]:
    return call.keep(show(alert))
