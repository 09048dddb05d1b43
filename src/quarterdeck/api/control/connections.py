"""Connections: their facts, whether they work, pausing and resuming."""

from quarterdeck.actions.connections import Connection
from quarterdeck.api.control.changes import Because
from quarterdeck.api.control.parts import Caller, Chosen, Nothing, Parts, Rows
from quarterdeck.api.control.shows import One
from quarterdeck.api.control.wire import Row
from quarterdeck.api.shown import moment, moment_or_none
from quarterdeck.base.errors import NotFound


async def list_connections(parts: Parts, caller: Caller, ask: Nothing) -> Rows:
    """Connections with their four facts."""
    for one in await parts.connections.all():
        yield _row(parts, one)


async def test_connections(parts: Parts, caller: Caller, ask: Chosen) -> Rows:
    """What is wrong with a connection."""
    names = [rules.name for rules in parts.directory.connections if not rules.rows]
    if ask.id and ask.id not in names:
        raise NotFound(f"there is no connection {ask.id} to test; there are: {', '.join(names) or 'none'}")
    for name in names:
        if ask.id not in ("", name):
            continue
        tried = await parts.connections.test(name, caller.actor, running=bool(parts.url))
        yield {"id": name, "state": tried.state, "created_at": None, "detail": tried.detail}


async def pause_connection(parts: Parts, caller: Caller, ask: Because) -> Rows:
    """It receives nothing, and what is to be sent waits."""
    yield _row(parts, await parts.connections.pause(ask.id, ask.reason, caller.actor))


async def resume_connection(parts: Parts, caller: Caller, ask: One) -> Rows:
    """It receives and sends again."""
    yield _row(parts, await parts.connections.resume(ask.id, caller.actor))


def _row(parts: Parts, one: Connection) -> Row:
    row: Row = {
        "id": one.name,
        "state": one.state if parts.url or one.pause else "stopped",
        "created_at": None,
        "channel": one.channel,
        "assistant": one.assistant,
        "alive": one.alive,
        "authenticated": one.authenticated,
        "last_inbound": moment_or_none(one.last_inbound),
        "last_outbound": moment_or_none(one.last_outbound),
        "waiting": one.waiting,
        "detail": one.detail,
    }
    if one.pause:
        row |= {"paused_at": moment(one.pause.since), "paused_by": one.pause.by, "reason": one.pause.reason}
    return row
