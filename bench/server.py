"""What does a PostgreSQL server do for a turn? Its statements, its CPU, the size of a database."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from tests.postgresql import Cluster, running

from bench.gateway import Failed
from bench.machine import cpu_of

COUNTING = "shared_preload_libraries=pg_stat_statements"
ASK_SECONDS = 30
STATEMENTS = """
SELECT COALESCE(SUM(calls), 0)::float8
FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = $1
"""
SIZE = "SELECT pg_database_size($1)::float8"
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class Server:
    """A server of the benchmark's own."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    async def create(self) -> str:
        """A new database with nothing in it; its address."""
        return await asyncio.to_thread(self.cluster.create)

    async def statements(self, url: str) -> float:
        """How many statements it has run in this database, BEGIN and COMMIT among them."""
        return float((await self.ask("postgres", STATEMENTS, database(url)))[0][0])

    async def size(self, url: str) -> float:
        """Bytes of a database on the disk, indexes included, its write-ahead log not."""
        return float((await self.ask("postgres", SIZE, database(url)))[0][0])

    async def compact(self, url: str) -> None:
        """Leave out what is dead; nobody is connected."""
        await self.ask(database(url), "VACUUM FULL")

    async def ask(self, name: str, sql: str, *arguments: object) -> Sequence[Sequence[Any]]:
        """The rows of a statement."""
        async with _connected(self.cluster.url(name)) as connection:
            return await connection.fetch(sql, *arguments, timeout=ASK_SECONDS)

    async def durability(self) -> Iterator[str]:
        """Whether a commit is on the disk."""
        said = {name: (await self.ask("postgres", f"SHOW {name}"))[0][0] for name in DURABLE}
        return (f"{name} is {value}" for name, value in said.items() if value != "on")

    def cpu(self) -> Mapping[int, float]:
        """CPU seconds by process, of those that there are now."""
        parent = self.cluster.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        used: dict[int, float] = {}
        for pid in (parent, *map(int, children)):
            with contextlib.suppress(FileNotFoundError):  # it ended a moment ago
                used[pid] = cpu_of(pid).total
        return used


def database(url: str) -> str:
    """The database's name."""
    return url.rpartition("/")[2]


def spent(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """CPU seconds between two looks at a server; what ended meanwhile takes its time with it."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    """A server that counts statements, on the loopback. Raises Failed when a commit would not be on the disk."""
    with contextlib.ExitStack() as stack:
        server = Server(await asyncio.to_thread(stack.enter_context, running([COUNTING])))
        await server.ask("postgres", "CREATE EXTENSION pg_stat_statements")
        if found := list(await server.durability()):
            raise Failed("\n".join(found))
        yield server


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url, timeout=ASK_SECONDS)
    try:
        yield connection
    finally:
        await connection.close()
