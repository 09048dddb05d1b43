"""Reads a database of PostgreSQL for whoever knows SQLite: tables are copied as they are, and asked there.

It works from any thread, also while a loop runs in it: a thread of its own has the connection.
"""

import asyncio
import re
import sqlite3
import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

T = TypeVar("T")
WAIT_S = 30.0
CLEARED = 50  # after so many times that it was emptied, a database is rid of what was: servers of tests do not do it
NAMED = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)", re.IGNORECASE)


class Reader:
    """One connection to one database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._connection: Any = None
        self._tables: dict[str, list[str]] = {}
        self._emptied = 0

    def rows(self, sql: str, params: Mapping[str, object] | Sequence[object]) -> list[dict[str, Any]]:
        """What SQLite answers to a query, if its tables had the rows that they have now."""
        with closing(sqlite3.connect(":memory:", check_same_thread=False)) as file:
            file.row_factory = sqlite3.Row
            self._run(self._copy(file, {name.lower() for name in NAMED.findall(sql)}))
            return [dict(row) for row in file.execute(sql, params).fetchall()]

    def copy(self, path: Path) -> None:
        """Everything as a file of SQLite, as of one moment."""
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path, check_same_thread=False)) as file, file:
            self._run(self._copy(file, None))

    def empty(self) -> None:
        """Let nobody else be connected, and take all rows out."""
        self._run(self._empty())

    def close(self) -> None:
        """End the thread."""
        if self._connection is not None:
            self._run(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()

    def _run(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(WAIT_S)

    async def _connected(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            if self._connection is not None:
                self._connection.terminate()
            self._connection = await asyncpg.connect(self.url, timeout=10)
            await self._look(self._connection)
        return self._connection

    async def _look(self, connection: Any) -> None:
        columns = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND data_type <> 'tsvector' ORDER BY table_name, ordinal_position"
        )
        self._tables = {}
        for table, column in columns:
            self._tables.setdefault(table, []).append(column)

    async def _copy(self, file: sqlite3.Connection, wanted: set[str] | None) -> None:
        connection = await self._connected()
        if not set(wanted or ()) <= set(self._tables):
            await self._look(connection)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for table in self._chosen(wanted):
                listed = ", ".join(f'"{name}"' for name in self._tables[table])
                file.execute(f'CREATE TABLE "{table}" ({listed})')
                first = ", ".join(str(n + 1) for n in range(min(4, len(self._tables[table]))))
                rows = await connection.fetch(f'SELECT {listed} FROM "{table}" ORDER BY {first}')
                marks = ", ".join("?" * len(self._tables[table]))
                file.executemany(f'INSERT INTO "{table}" VALUES ({marks})', [tuple(row) for row in rows])

    def _chosen(self, wanted: set[str] | None) -> Iterable[str]:
        return [name for name in self._tables if wanted is None or name in wanted]

    async def _empty(self) -> None:
        connection = await self._connected()
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        kept = ("schema_migrations", "schema_readers", "commit_base")
        await connection.execute("; ".join(f'DELETE FROM "{name}"' for name in self._tables if name not in kept))
        self._emptied += 1
        if self._emptied % CLEARED == 0:
            await connection.execute("VACUUM")
