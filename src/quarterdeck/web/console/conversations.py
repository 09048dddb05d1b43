"""Conversations: the list with its search, and one with all that was said, done, permitted, spent and sent in it."""

from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta

from quarterdeck.actions.resets import Resets
from quarterdeck.actions.transcripts import END, Listed, Transcripts
from quarterdeck.base.errors import BadInput
from quarterdeck.web.console import lists
from quarterdeck.web.console.visit import Done, Page, Visit

HERE = "/console/conversations"


Whole = Annotated[int, Meta(ge=0, le=2**62)]


class Shown(msgspec.Struct, frozen=True):
    """Words to search for, or which conversations; and behind what the page begins."""

    q: str = ""
    connection: str = ""
    updated: float = 0.0
    before: str = ""
    found: Whole = 0


class Place(msgspec.Struct, frozen=True):
    """Before which message a page of the transcript ends."""

    position: Whole = END[0]
    part: Whole = END[1]


class Change(msgspec.Struct, frozen=True):
    """What is done, and why."""

    change: Literal["stop", "reset"]
    reason: str = ""


class ConversationsPage:
    """The list and the transcript. `connections` are the names of all."""

    def __init__(self, transcripts: Transcripts, resets: Resets, connections: Sequence[str]) -> None:
        self._transcripts = transcripts
        self._resets = resets
        self._connections = connections

    async def show(self, visit: Visit) -> Page:
        """GET /console/conversations."""
        ask = visit.ask(Shown)
        if ask.q.strip():
            return await self._search(ask)
        found = await self._transcripts.listed(ask.connection, ask.updated, ask.before, lists.PAGE)
        names = ("", *self._connections)
        data: dict[str, object] = {
            "q": "",
            "found": found,
            "connection": ask.connection,
            "tabs": lists.tabs(HERE, "connection", names, ask.connection, {}),
            "older": _older(found, ask.connection),
        }
        json = lists.address("/api/v1/sessions", connection=ask.connection)
        return Page("conversations.html", "Conversations", data, json)

    async def one(self, visit: Visit) -> Page:
        """GET /console/conversations/{id}."""
        name, ask = visit.path("id"), visit.ask(Place)
        found = await self._transcripts.page(name, (ask.position, ask.part))
        older = found.older
        here = f"{HERE}/{quote(name)}"
        data: dict[str, object] = {
            "found": found,
            "one": found.session,
            "link": here,
            "json_of": f"/api/v1/sessions/{quote(name)}",
            "newest": (ask.position, ask.part) == END,
            "older": lists.address(here, position=str(older[0]), part=str(older[1])) if older else "",
        }
        title = found.session.title or "Untitled conversation"
        return Page("conversation.html", title, data, f"/api/v1/sessions/{quote(name)}")

    async def change(self, visit: Visit) -> Done:
        """POST /console/conversations/{id}."""
        name, ask = visit.path("id"), visit.ask(Change)
        if ask.change == "stop":
            await self._resets.stop(name, visit.actor, ask.reason)
            return Done("Stopped: what ran, what waited, and answers that were not sent yet.", f"{HERE}/{quote(name)}")
        await self._resets.reset(name, visit.actor, ask.reason)
        told = "Begun anew: the assistant sees nothing of what was said before. You still do."
        return Done(told, f"{HERE}/{quote(name)}")

    async def _search(self, ask: Shown) -> Page:
        try:
            found, refused = await self._transcripts.search(ask.q, ask.found, lists.PAGE), ""
        except BadInput as error:
            found, refused = (), f"The search {error.reason}. {error.fix}"
        older = lists.address(HERE, q=ask.q, found=str(found[-1].id)) if len(found) == lists.PAGE else ""
        data = {"q": ask.q, "found": found, "refused": refused, "older": older}
        return Page("conversations.html", "Conversations", data, lists.address("/api/v1/search", q=ask.q))


def _older(found: Sequence[Listed], connection: str) -> str:
    if len(found) < lists.PAGE:
        return ""
    last = found[-1].session
    return lists.address(HERE, connection=connection, updated=repr(last.updated_at), before=last.id)
