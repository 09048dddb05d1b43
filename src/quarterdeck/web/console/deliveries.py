"""Deliveries: what was sent or is to be, by state; where one is in trouble, a person decides what becomes of it."""

from typing import Literal

import msgspec

from quarterdeck.actions.deliveries import Deliveries
from quarterdeck.web.console import lists, words
from quarterdeck.web.console.visit import Done, Page, Visit

HERE = "/console/deliveries"
STATES = ("", "unknown", "failed", "refused", "held", "ready", "sent", "dismissed")
State = Literal["", "unknown", "failed", "refused", "held", "ready", "sending", "streaming", "sent", "dismissed"]


class Shown(msgspec.Struct, frozen=True):
    """Which ones, and behind which one the page begins."""

    state: State = ""
    before: str = ""


class Decision(msgspec.Struct, frozen=True):
    """What became of it, that it is sent once more, or that it is left; and how that is known, or why."""

    decision: Literal["sent", "failed", "again", "leave"]
    reason: str = ""


class DeliveriesPage:
    """The list, one delivery, and what is decided about it."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    async def show(self, visit: Visit) -> Page:
        """GET /console/deliveries."""
        ask = visit.ask(Shown)
        found = await self._deliveries.listed(ask.state, lists.PAGE, ask.before)
        data: dict[str, object] = {
            "found": found,
            "state": ask.state,
            "tabs": lists.tabs(HERE, "state", STATES, ask.state, await self._deliveries.troubled()),
            "older": lists.older(HERE, found, state=ask.state),
        }
        return Page("deliveries.html", "Deliveries", data, lists.address("/api/v1/deliveries", state=ask.state))

    async def one(self, visit: Visit) -> Page:
        """GET /console/deliveries/{id}."""
        return Page("delivery.html", "Delivery", {"sent": await self._deliveries.one(visit.path("id"))})

    async def decide(self, visit: Visit) -> Done:
        """POST /console/deliveries/{id}."""
        one, ask = visit.path("id"), visit.ask(Decision)
        if ask.decision == "again":
            count = await self._deliveries.resend(one, visit.actor, ask.reason)
            return Done(f"{words.count(count, 'part')} will be sent again.", f"{HERE}/{one}")
        if ask.decision == "leave":
            count = await self._deliveries.dismiss(one, visit.actor, ask.reason)
            return Done(f"{words.count(count, 'part')} left as it is.", f"{HERE}/{one}")
        count = await self._deliveries.settle(one, ask.decision, visit.actor, ask.reason)
        arrived = "arrived" if ask.decision == "sent" else "not arrived"
        return Done(f"{words.count(count, 'part')} noted as {arrived}.", f"{HERE}/{one}")
