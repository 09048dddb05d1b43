"""Migrations on PostgreSQL: the same files, in one transaction, under a lock that other processes wait for.

Processes of another version may work meanwhile. They are not held up for long by a table that somebody else holds, and
nothing is applied that they cannot work with.
"""

import asyncio
import time
from typing import Final

from quarterdeck import __version__
from quarterdeck.base.errors import Locked
from quarterdeck.base.standing import DEAD_S
from quarterdeck.store import postgresql_errors as errors
from quarterdeck.store import readers
from quarterdeck.store.migrate import known
from quarterdeck.store.postgresql_driver import Address, Connection, connect
from quarterdeck.store.postgresql_marks import FORGET

MIGRATION_S: Final = 600.0
CLOSE_S: Final = 5.0
PROCESSES: Final = 14  # the migration since which processes say that they live
TABLE_LOCK: Final = "3s"  # that long others may wait behind a migration that waits for a table; then it is tried again
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('quarterdeck.migrate'))"
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS schema_migrations"
    " (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at DOUBLE PRECISION NOT NULL)"
)
_OTHERS: Final = (
    "SELECT id, host, version, beat FROM processes WHERE state IN ('live', 'draining') AND version <> $1 ORDER BY id"
)
_NUMBERED: Final = "SELECT 1 FROM pg_class WHERE oid = to_regclass('commit_base')"
_REBASE: Final = (
    "UPDATE commit_base SET added = newest.number + 1 - pg_current_xact_id()::TEXT::BIGINT FROM (SELECT GREATEST("
    "(SELECT MAX(id) FROM events), (SELECT MAX(rowid) FROM audit), 0) >> 16 AS number) newest"
    " WHERE newest.number >= pg_current_xact_id()::TEXT::BIGINT + added"
)
"""On another server (a restored dump) transactions have lower numbers than those of the rows: go on above them.

It comes first, when this transaction has no number yet: later it may see rows of others who began after it, and would
take those for rows from elsewhere.
"""


async def migrate(url: str, *, contract: bool = False) -> list[str]:
    """Bring the database to this version's schema; the names of what was applied.

    `contract`: also what waits to be asked for (see `readers`). Raises NewerSchema when a newer version has written
    what this one cannot work with, Locked when a process lives that cannot work with what is to be applied, Retry when
    the server is not reached, or others hold a table for too long.
    """
    with errors.entering():
        connection = await connect(Address(url))
        try:
            await connection.execute("BEGIN; SET LOCAL statement_timeout = 0")
            applied = await _all(connection, contract)
            await connection.execute("COMMIT")
        finally:
            await connection.close(timeout=CLOSE_S)
    return applied


async def applied(url: str) -> dict[int, float]:
    """Numbers of the migrations that the database has, with the time of each (Unix seconds). Raises as `migrate`."""
    with errors.entering():
        connection = await connect(Address(url))
        try:
            await connection.execute("BEGIN")
            await connection.execute(_TABLE)
            rows = await connection.fetch("SELECT version, applied_at FROM schema_migrations")
            await connection.execute("ROLLBACK")
        finally:
            await connection.close(timeout=CLOSE_S)
    return {int(number or 0): float(at or 0) for number, at in rows}


async def _all(connection: Connection, contract: bool) -> list[str]:
    await connection.execute(_LOCK, timeout=MIGRATION_S)
    if await connection.fetch(_NUMBERED):
        await connection.execute(_REBASE)
    await connection.execute(_TABLE)
    await connection.execute(readers.TABLE)
    applied = {int(number or 0): int(oldest or 0) for number, oldest in await connection.fetch(readers.APPLIED)}
    migrations = known("postgresql")
    readers.check(applied, migrations[-1][0])
    new = readers.to_apply(migrations, applied, contract)
    if PROCESSES in applied and any(readers.oldest_reader(number, sql) for number, _, sql in new):
        await _alone(connection)
    await connection.execute(f"SET LOCAL lock_timeout = '{TABLE_LOCK}'")
    for number, name, sql in new:
        await connection.execute(sql, timeout=MIGRATION_S)
        await connection.execute("INSERT INTO schema_migrations VALUES ($1, $2, $3)", number, name, time.time())
        oldest = readers.oldest_reader(number, sql)
        await connection.execute("INSERT INTO schema_readers VALUES ($1, $2)", number, oldest)
    await connection.execute(FORGET)
    return [f"{number:04d}_{name}" for number, name, _ in new]


async def _alone(connection: Connection) -> None:
    """Raises Locked where a process of another version lives: its heartbeat changes while we look."""
    before = await connection.fetch(_OTHERS, __version__)
    if not before:
        return
    await asyncio.sleep(DEAD_S)
    seen = {str(row[0]): row[3] for row in before}
    for process, host, version, beat in await connection.fetch(_OTHERS, __version__):
        if beat != seen.get(str(process)):
            raise Locked(
                f"process {process} on {host} is of version {version} and may need what this migration takes away;"
                " end it, then try again"
            )
