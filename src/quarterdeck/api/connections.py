"""Connections: how they are, whether they work, pausing and resuming."""

from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from quarterdeck.actions import connections
from quarterdeck.api import asked, shown
from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.store.operations import Statement


class PauseAsk(asked.Ask, frozen=True):
    """Why a connection is paused."""

    reason: Annotated[str, Meta(max_length=connections.REASON_LENGTH)] = ""


class Pause(msgspec.Struct, frozen=True):
    """Since when a connection is paused, by whom, and why."""

    since: shown.Moment
    by: str
    reason: str


class Connection(msgspec.Struct, frozen=True):
    """One configured account. `waiting`: deliveries that wait to be sent. `back_off`: seconds until the next try.

    `last_inbound` and `last_outbound` are the last that was taken in, and confirmed, since the process began.
    """

    id: str
    state: connections.State
    channel: str
    assistant: str
    alive: bool
    authenticated: bool
    last_inbound: shown.Moment | None
    last_outbound: shown.Moment | None
    detail: str
    waiting: int
    back_off: float
    paused: Pause | None


class Tried(msgspec.Struct, frozen=True):
    """What came of trying a connection."""

    id: str
    state: Literal["ok", "failed", "paused", "stopped"]
    detail: str


class ConnectionsDoor:
    """Connections for whoever operates the gateway."""

    def __init__(self, doors: Doors) -> None:
        self._connections = doors.connections

    async def list_connections(self, call: Call, ask: asked.Paged) -> shown.Page[Connection]:
        """GET /api/v1/connections, by name."""
        found = [one for one in await self._connections.all() if one.name > ask.cursor]
        page = [_shown(one) for one in found[: ask.limit]]
        return shown.Page(page, page[-1].id if len(found) > ask.limit else None)

    async def get_connection(self, call: Call, ask: Nothing) -> Connection:
        """GET /api/v1/connections/{connection}."""
        return _shown(await self._connections.get(call.path("connection")))

    async def test_connection(self, call: Call, ask: Nothing) -> Tried:
        """POST /api/v1/connections/{connection}/test."""

        def riding(tried: connections.Tried) -> list[Statement]:
            return call.keep(Tried(tried.name, tried.state, tried.detail))

        name, actor = call.path("connection"), call.principal.actor
        tried = await self._connections.test(name, actor, running=True, riding=riding)
        return Tried(tried.name, tried.state, tried.detail)

    async def pause_connection(self, call: Call, ask: PauseAsk) -> Connection:
        """POST /api/v1/connections/{connection}/pause."""
        name, riding = call.path("connection"), partial(_kept, call)
        return _shown(await self._connections.pause(name, ask.reason, call.principal.actor, riding))

    async def resume_connection(self, call: Call, ask: Nothing) -> Connection:
        """POST /api/v1/connections/{connection}/resume."""
        name, riding = call.path("connection"), partial(_kept, call)
        return _shown(await self._connections.resume(name, call.principal.actor, riding))


def _shown(one: connections.Connection) -> Connection:
    pause = one.pause
    return Connection(
        id=one.name,
        state=one.state,
        channel=one.channel,
        assistant=one.assistant,
        alive=one.alive,
        authenticated=one.authenticated,
        last_inbound=shown.moment_or_none(one.last_inbound),
        last_outbound=shown.moment_or_none(one.last_outbound),
        detail=one.detail,
        waiting=one.waiting,
        back_off=round(one.back_off, 1),
        paused=Pause(shown.moment(pause.since), pause.by, pause.reason) if pause else None,
    )


def _kept(call: Call, one: connections.Connection) -> list[Statement]:
    return call.keep(_shown(one))
