"""How far each polling connection's feed was accepted."""

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.tenancy import TENANT


def save_cursor(connection: str, cursor: str, now: float) -> Statement:
    """Remember the cursor; it never matters for correctness, only for how much is brought again."""
    return Statement(
        "cursors.save",
        "INSERT INTO cursors (tenant, connection, cursor, updated_at) VALUES (:tenant, :connection, :cursor, :now)"
        " ON CONFLICT (tenant, connection) DO UPDATE SET cursor = excluded.cursor, updated_at = excluded.updated_at",
        {"tenant": TENANT, "connection": connection, "cursor": cursor, "now": now},
    )


async def cursor(store: Store, connection: str) -> str:
    """The stored cursor, empty at first."""
    rows = await store.fetch(
        "SELECT cursor FROM cursors WHERE tenant = :tenant AND connection = :connection",
        {"tenant": TENANT, "connection": connection},
    )
    return str(rows[0][0]) if rows else ""
