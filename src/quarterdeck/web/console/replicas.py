"""Replicas: the processes on a database, what each does, and which died."""

import msgspec

from quarterdeck.actions.replicas import Replicas
from quarterdeck.web.console import lists
from quarterdeck.web.console.visit import Page, Visit

HERE = "/console/settings/replicas"


class Behind(msgspec.Struct, frozen=True):
    """A page of them."""

    before: str = ""


class ReplicasPage:
    """Those that live first, then those that are gone, the newest first."""

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas

    async def show(self, visit: Visit) -> Page:
        """GET /console/settings/replicas."""
        before = visit.ask(Behind).before
        page = await self._replicas.listed("", lists.PAGE, before)
        data: dict[str, object] = {
            "living": [one for one in page if one.process.lives],
            "gone": [one for one in page if not one.process.lives],
            "older": lists.older(HERE, page),
        }
        return Page("replicas.html", "Replicas", data, "/api/v1/replicas")
