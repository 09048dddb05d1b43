"""Both databases, for tests that run on each: empty but migrated, opened as the product does, read back as one file.

`SqliteFile` and `PostgresqlDatabase` answer the same calls. What judges a database (tests/checkers, tests/flow/rest.py,
the audit verifier) reads SQLite; of PostgreSQL it is given a copy, made here without the product's help.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from quarterdeck.base.crash import CrashPoints
from quarterdeck.store import migrate_postgresql
from quarterdeck.store.database import Store
from quarterdeck.store.migrate import migrate
from quarterdeck.store.postgresql import PostgresqlStore
from quarterdeck.store.sqlite import SqliteStore
from tests.postgresql import Cluster

COPY_S = 30.0

Failed = Callable[[BaseException], None]


def nobody_hears(error: BaseException) -> None:
    """For tests in which the store does not fail."""


class SqliteFile:
    """A database of SQLite."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "quarterdeck.db"

    async def migrate(self) -> None:
        """Bring it to the newest schema."""
        await asyncio.to_thread(migrate, self.path)

    async def open(self, crash: CrashPoints | None = None, failed: Failed = nobody_hears) -> Store:
        """A store over it."""
        return SqliteStore(self.path, crash or CrashPoints(), failed)


class PostgresqlDatabase:
    """A database of PostgreSQL; `url` is where."""

    name = "postgresql"

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self.url = url

    async def migrate(self) -> None:
        """Bring it to the newest schema."""
        await migrate_postgresql.migrate(self.url)

    async def open(self, crash: CrashPoints | None = None, failed: Failed = nobody_hears) -> Store:
        """A store over it."""
        return await PostgresqlStore.open(self.url, crash or CrashPoints(), failed)

    @property
    def path(self) -> Path:
        """Its rows as of now, as a file of SQLite; made by a thread, because a loop may be running here."""
        path = self._folder / "copy.db"
        path.unlink(missing_ok=True)
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, copy(self.url, path)).result(COPY_S)
        return path


Database = SqliteFile | PostgresqlDatabase


async def copy(url: str, path: Path) -> None:
    """Every table of a database of PostgreSQL as one of SQLite, with the same names and values, as of one moment."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            columns = await connection.fetch(
                "SELECT table_name, column_name, data_type FROM information_schema.columns"
                " WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
            )
            tables: dict[str, list[str]] = {}
            for table, column, kind in columns:
                if kind != "tsvector":
                    tables.setdefault(table, []).append(column)
            with closing(sqlite3.connect(path)) as file, file:
                for table, names in tables.items():
                    listed = ", ".join(f'"{name}"' for name in names)
                    file.execute(f'CREATE TABLE "{table}" ({listed})')
                    rows = await connection.fetch(f'SELECT {listed} FROM "{table}" ORDER BY 1')
                    marks = ", ".join("?" * len(names))
                    file.executemany(f'INSERT INTO "{table}" VALUES ({marks})', [tuple(row) for row in rows])
    finally:
        await connection.close()


async def empty(url: str) -> None:
    """Let nobody be connected to a migrated database, and take all rows out of it."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename NOT IN ('schema_migrations', 'commit_base')"
        )
        await connection.execute("; ".join(f'DELETE FROM "{name}"' for (name,) in tables))
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def postgresql_url(postgresql: Cluster) -> str:
    """A migrated database that tests have one after the other: a new one for each would take far longer."""
    url = postgresql.create()
    asyncio.run(migrate_postgresql.migrate(url))
    return url


def new_database(kind: str, folder: Path, request: pytest.FixtureRequest) -> Database:
    """A migrated database of a kind, with nothing in it."""
    if kind == "sqlite":
        file = SqliteFile(folder)
        migrate(file.path)
        return file
    url: str = request.getfixturevalue("postgresql_url")
    asyncio.run(empty(url))
    return PostgresqlDatabase(folder, url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(tmp_path: Path, request: pytest.FixtureRequest) -> Database:
    """Each of the two, migrated."""
    return new_database(str(request.param), tmp_path, request)
