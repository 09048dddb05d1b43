"""Processes that share the database, and what each of them holds."""

from quarterdeck.actions.replicas import Replicas
from quarterdeck.api.control.lists import Page
from quarterdeck.api.control.parts import Caller, Parts, Rows
from quarterdeck.api.shown import moment, moment_or_none


async def list_replicas(parts: Parts, caller: Caller, ask: Page) -> Rows:
    """Processes, the newest first. On SQLite there is one, which is not listed: `status` shows it."""
    for one in await Replicas(parts.store).listed(ask.state, ask.limit, ask.cursor):
        process = one.process
        yield {
            "id": process.id,
            "state": process.state,
            "created_at": moment(process.started_at),
            "ended_at": moment_or_none(process.ended_at),
            "died": bool(process.died),
            "host": process.host,
            "pid": process.pid,
            "version": process.version,
            "configuration": process.configuration,
            "drift": process.drift,
            "roles": process.roles.split(","),
            "leases": list(one.leases),
        }
