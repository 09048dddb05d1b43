"""Processes that share the database, and what each of them holds."""

from quarterdeck.api.control.lists import Page
from quarterdeck.api.control.parts import Caller, Parts, Rows
from quarterdeck.api.shown import moment, moment_or_none
from quarterdeck.store import leases, processes


async def list_replicas(parts: Parts, caller: Caller, ask: Page) -> Rows:
    """Processes, the newest first. On SQLite there is one, which is not listed: `status` shows it."""
    held: dict[str, list[str]] = {}
    for lease in await leases.all_of(parts.store):
        held.setdefault(lease.process, []).append(lease.name)
    for one in await processes.listed(parts.store, ask.state, ask.limit, ask.cursor):
        yield {
            "id": one.id,
            "state": one.state,
            "created_at": moment(one.started_at),
            "ended_at": moment_or_none(one.ended_at),
            "host": one.host,
            "pid": one.pid,
            "version": one.version,
            "configuration": one.configuration,
            "drift": one.drift,
            "roles": one.roles.split(","),
            "leases": held.get(one.id, []),
        }
