"""Home: what is wrong, what waits for a person, what runs, what today was like."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from quarterdeck.actions.activity import Activity
from quarterdeck.actions.alerts import Alerts
from quarterdeck.actions.pairing import Pairings
from quarterdeck.actions.problems import Problem, Problems
from quarterdeck.actions.setup.course import Setup
from quarterdeck.actions.waiting import Waiting
from quarterdeck.model.alert import runbook
from quarterdeck.web.console.visit import Done, Page, Visit

LINKS: Mapping[str, str] = {
    "connection": "/console/connections#{}",
    "delivery": "/console/deliveries?state={}",
    "inbox": "/console/inbox?state={}",
}
"""What a problem is about -> the page where it is mended."""

MOST = 50  # alerts that are shown


class Shown(msgspec.Struct, frozen=True):
    """A problem as it is listed: what, who is affected, the next step, and where to go (empty: no page yet)."""

    what: str
    affected: str
    next_step: str
    link: str


class Decision(msgspec.Struct, frozen=True):
    """What becomes of a stranger."""

    decision: Literal["approve", "deny"]


class HomePage:
    """The first page, and what is decided on it."""

    def __init__(
        self,
        alerts: Alerts,
        problems: Problems,
        waiting: Waiting,
        activity: Activity,
        pairings: Pairings,
        setup: Setup,
    ) -> None:
        self._alerts = alerts
        self._problems = problems
        self._waiting = waiting
        self._activity = activity
        self._pairings = pairings
        self._setup = setup

    async def show(self, visit: Visit) -> Page:
        """GET /console."""
        alerts = await self._alerts.listed("firing", MOST, "")
        told = {alert.subject for alert in alerts}
        data: dict[str, object] = {
            "alerts": alerts,
            "runbook": runbook,
            "problems": [_shown(one) for one in await self._problems.now() if one.subject not in told],
            "waiting": await self._waiting.newest(),
            "today": await self._activity.today(),
            "connect": visit.may("admin") and self._setup.placeholder,
        }
        return Page("home.html", "Home", data, "/api/v1/status")

    async def take_on(self, visit: Visit) -> Done:
        """POST /console/alerts/{id}/acknowledge."""
        alert = await self._alerts.acknowledge(visit.path("id"), visit.actor)
        return Done(f"You have taken this on: {alert.cause}.", "/console")

    async def decide(self, visit: Visit) -> Done:
        """POST /console/pairings/{code}."""
        code = visit.path("code")
        if visit.ask(Decision).decision == "approve":
            who = await self._pairings.approve(code, visit.actor)
            return Done(f"{who.name or who.native_id} is let in and was greeted on {who.connection}.", "/console")
        who = await self._pairings.deny(code, visit.actor)
        return Done(f"{who.name or who.native_id} stays out; nothing was said.", "/console")


def _shown(problem: Problem) -> Shown:
    link = LINKS.get(problem.about, "").format(problem.subject)
    return Shown(problem.what, problem.affected, problem.next_step, link)
