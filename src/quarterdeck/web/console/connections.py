"""Connections: is each heard, let in, and sending; try it, pause it, resume it."""

import msgspec

from quarterdeck.actions.connections import Connections
from quarterdeck.web.console.visit import Done, Page, Visit

BACK = "/console/connections"


class Why(msgspec.Struct, frozen=True):
    """A person's own words."""

    reason: str = ""


class ConnectionsPage:
    """All connections on one page."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def show(self, visit: Visit) -> Page:
        """GET /console/connections."""
        found = await self._connections.all()
        wired = [one for one in found if one.state != "built_in"]
        built_in = [one for one in found if one.state == "built_in"]
        data = {"wired": wired, "built_in": built_in, "admin": visit.may("admin")}
        return Page("connections.html", "Connections", data, "/api/v1/connections")

    async def test(self, visit: Visit) -> Done:
        """POST /console/connections/{connection}/test."""
        tried = await self._connections.test(visit.path("connection"), visit.actor, running=True)
        return Done(f"{tried.name}: {tried.state}. {tried.detail}", BACK)

    async def pause(self, visit: Visit) -> Done:
        """POST /console/connections/{connection}/pause."""
        paused = await self._connections.pause(visit.path("connection"), visit.ask(Why).reason, visit.actor)
        return Done(f"{paused.name} is paused: it takes nothing in, and what is to be sent there waits.", BACK)

    async def resume(self, visit: Visit) -> Done:
        """POST /console/connections/{connection}/resume."""
        before = await self._connections.resume(visit.path("connection"), visit.actor)
        sent = f"; {before.waiting} waiting deliveries are sent now" if before.waiting else ""
        return Done(f"{before.name} goes on{sent}.", BACK)
