"""Migrations on PostgreSQL: the same files, in one transaction, under a lock that other processes wait for."""

import time
from typing import Final

from quarterdeck.base.errors import NewerSchema
from quarterdeck.store import postgresql_errors as errors
from quarterdeck.store.migrate import known
from quarterdeck.store.postgresql_driver import Address, Connection, connect
from quarterdeck.store.postgresql_marks import FORGET

MIGRATION_S: Final = 600.0
CLOSE_S: Final = 5.0
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('quarterdeck.migrate'))"
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS schema_migrations"
    " (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at DOUBLE PRECISION NOT NULL)"
)
_REBASE: Final = (
    "UPDATE commit_base SET added = newest.number + 1 - pg_current_xact_id()::TEXT::BIGINT FROM (SELECT GREATEST("
    "(SELECT MAX(id) FROM events), (SELECT MAX(rowid) FROM audit), 0) >> 16 AS number) newest"
    " WHERE newest.number >= pg_current_xact_id()::TEXT::BIGINT + added"
)
"""On another server (a restored dump) transactions have lower numbers than those of the rows: go on above them."""


async def migrate(url: str) -> list[str]:
    """Bring the database to this version's schema; the names of what was applied.

    Raises NewerSchema when a newer version has written it, Retry when the server is not reached.
    """
    with errors.told():
        connection = await connect(Address(url))
        try:
            await connection.execute("BEGIN; SET LOCAL statement_timeout = 0")
            applied = await _all(connection)
            await connection.execute("COMMIT")
        finally:
            await connection.close(timeout=CLOSE_S)
    return applied


async def applied(url: str) -> dict[int, float]:
    """Numbers of the migrations that the database has, with the time of each (Unix seconds). Raises as `migrate`."""
    with errors.told():
        connection = await connect(Address(url))
        try:
            await connection.execute("BEGIN")
            await connection.execute(_TABLE)
            rows = await connection.fetch("SELECT version, applied_at FROM schema_migrations")
            await connection.execute("ROLLBACK")
        finally:
            await connection.close(timeout=CLOSE_S)
    return {int(number or 0): float(at or 0) for number, at in rows}


async def _all(connection: Connection) -> list[str]:
    await connection.execute(_LOCK, timeout=MIGRATION_S)
    await connection.execute(_TABLE)
    applied = {int(row[0] or 0) for row in await connection.fetch("SELECT version FROM schema_migrations")}
    migrations = known("postgresql")
    newest = migrations[-1][0]
    if applied and max(applied) > newest:
        raise NewerSchema(
            f"the database has schema {max(applied)}, this version knows {newest}; install the newer version"
        )
    new = [one for one in migrations if one[0] not in applied]
    for number, name, sql in new:
        await connection.execute(sql, timeout=MIGRATION_S)
        await connection.execute("INSERT INTO schema_migrations VALUES ($1, $2, $3)", number, name, time.time())
    await connection.execute(_REBASE)
    await connection.execute(FORGET)
    return [f"{number:04d}_{name}" for number, name, _ in new]
