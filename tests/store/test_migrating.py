"""PostgreSQL is migrated while others work with it: are they harmed, or held up for long?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from quarterdeck.base.errors import Retry
from quarterdeck.store.migrate import known
from quarterdeck.store.migrate_postgresql import migrate
from tests.postgresql import Cluster
from tests.waiting import until

NUMBER = 15
AGAIN = "; ".join(
    (
        "DROP TABLE commit_marks",
        *(f"DELETE FROM schema_{one} WHERE version = {NUMBER}" for one in ("migrations", "readers")),
    )
)
"""One migration is yet to come. It waits where somebody else makes the same table."""
WAITS = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
WRITE = "INSERT INTO audit (tenant, id, leaf, leaf_hash) VALUES ('main', $1, '', '')"
CRASHED = (
    "INSERT INTO processes (id, home, host, pid, version, roles, state, beat, started_at)"
    " VALUES ('old', '', 'elsewhere', 1, '0.0.1', 'worker', 'live', 7, 1.0)"
)


@pytest.fixture
async def url(postgresql: Cluster) -> str:
    """A database in use, with one migration to come."""
    url = await asyncio.to_thread(postgresql.create)
    await migrate(url)
    async with connected(url) as connection:
        await connection.execute(AGAIN)
    return url


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        yield connection
    finally:
        await connection.close()


async def test_what_is_written_meanwhile_is_not_taken_for_rows_from_elsewhere(url: str) -> None:
    """Else the numbers in the order of commits jump, and readers pass what is yet to be committed below."""
    async with connected(url) as slow, connected(url) as busy:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("CREATE TABLE commit_marks (slot TEXT)")
        migrating = asyncio.create_task(migrate(url))
        await until(lambda: busy.fetchval(WAITS))
        for n in range(3):
            await busy.execute(WRITE, f"aud_{n}")
        await transaction.rollback()
        assert await migrating == [f"{number:04d}_{name}" for number, name, _ in known() if number == NUMBER]
        assert await busy.fetchval("SELECT added FROM commit_base") == 0


async def test_whoever_holds_a_table_holds_nobody_else_up(url: str) -> None:
    """What waits for a table makes all others wait behind it: so it gives up soon, to try again."""
    async with connected(url) as slow, slow.transaction():
        await slow.execute("CREATE TABLE commit_marks (slot TEXT)")
        with pytest.raises(Retry, match="lock timeout"):
            await asyncio.wait_for(migrate(url), 30)


async def test_a_row_of_a_process_that_crashed_holds_nothing_up(url: str) -> None:
    async with connected(url) as connection:
        await connection.execute(CRASHED)
        assert len(await migrate(url)) == 1
