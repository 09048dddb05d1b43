"""Connections that a person has paused, and what waits to be sent there."""

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, values
from quarterdeck.store.tenancy import TENANT


class PausedRow(msgspec.Struct, frozen=True):
    """One row of `paused_connections`; `paused_at` is Unix seconds, `actor` the id of who did it."""

    connection: str
    paused_at: float
    actor: str
    reason: str


def pause(row: PausedRow) -> Statement:
    """Pause a connection that is not paused."""
    return Statement(
        "connections.pause",
        f"INSERT INTO paused_connections (tenant, {columns(PausedRow)})"
        " VALUES (:tenant, :connection, :paused_at, :actor, :reason) ON CONFLICT (tenant, connection) DO NOTHING",
        {"tenant": TENANT, **msgspec.structs.asdict(row)},
        expect=1,
    )


def resume(connection: str) -> Statement:
    """End the pause of a connection."""
    return Statement(
        "connections.resume",
        "DELETE FROM paused_connections WHERE tenant = :tenant AND connection = :connection",
        {"tenant": TENANT, "connection": connection},
        expect=1,
    )


async def paused(store: Store) -> list[PausedRow]:
    """All pauses."""
    rows = await store.fetch(
        f"SELECT {columns(PausedRow)} FROM paused_connections WHERE tenant = :tenant ORDER BY connection",
        {"tenant": TENANT},
    )
    return values(PausedRow, rows)


async def waiting(store: Store) -> dict[str, int]:
    """How many deliveries wait to be sent, by connection."""
    rows = await store.scan(
        "SELECT connection, COUNT(DISTINCT delivery_id) FROM parts WHERE tenant = :tenant"
        " AND state IN ('ready', 'sending', 'streaming') AND state = 'ready' GROUP BY connection",
        {"tenant": TENANT},
    )
    return {str(connection): int(count or 0) for connection, count in rows}
