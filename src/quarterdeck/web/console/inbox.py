"""Inbox: what was taken in and what became of it; what was put aside or failed can be tried again."""

from typing import Literal

import msgspec

from quarterdeck.actions.inbox import Inbox
from quarterdeck.model.turn import InboxOutcome
from quarterdeck.web.console import lists
from quarterdeck.web.console.visit import Done, Page, Visit

HERE = "/console/inbox"
STATES = ("", "dead_lettered", "failed", "waiting", "taken", "answered", "stopped", "refused")
State = Literal["", "waiting", "taken", "ended", InboxOutcome]


class Shown(msgspec.Struct, frozen=True):
    """Which ones, and behind which one the page begins."""

    state: State = ""
    before: str = ""


class Retry(msgspec.Struct, frozen=True):
    """Why it is tried again."""

    reason: str = ""


class InboxPage:
    """The list, and bringing back."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def show(self, visit: Visit) -> Page:
        """GET /console/inbox."""
        ask = visit.ask(Shown)
        found = await self._inbox.listed(ask.state, lists.PAGE, ask.before)
        data: dict[str, object] = {
            "found": found,
            "state": ask.state,
            "tabs": lists.tabs(HERE, "state", STATES, ask.state, {}),
            "older": lists.older(HERE, found, state=ask.state),
        }
        return Page("inbox.html", "Inbox", data, lists.address("/api/v1/inbox", state=ask.state))

    async def retry(self, visit: Visit) -> Done:
        """POST /console/inbox/{id}/retry."""
        await self._inbox.retry(visit.path("id"), visit.actor, visit.ask(Retry).reason)
        return Done("The message waits again and is taken as soon as its conversation is free.", HERE)
