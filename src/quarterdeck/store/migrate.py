"""Migrations: numbered SQL files, applied in order, each in one transaction with its number. Forward only."""

import sqlite3
import time
from contextlib import closing
from importlib import resources
from pathlib import Path

from quarterdeck.store import readers
from quarterdeck.store.dialect import Dialect, migration
from quarterdeck.store.sqlite import connect


def known(dialect: Dialect = "sqlite") -> list[tuple[int, str, str]]:
    """(number, name, SQL) of every migration that this version has, in order."""
    folder = resources.files("quarterdeck.store") / "migrations"
    files = sorted(f.name for f in folder.iterdir() if f.name.endswith(".sql"))
    return [(int(name[:4]), name[5:-4], migration((folder / name).read_text("utf-8"), dialect)) for name in files]


def migrate(path: Path, *, contract: bool = False) -> list[str]:
    """Bring the database at `path` to this version's schema; the names of what was applied.

    `contract`: also what waits to be asked for (see `readers`). Raises NewerSchema when a newer version has written
    what this one cannot work with.
    """
    connection = connect(path)
    try:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL,"
            " applied_at REAL NOT NULL)"
        )
        connection.execute(readers.TABLE)
        rows = connection.execute(readers.APPLIED).fetchall()
        applied = {int(number): int(oldest) for number, oldest in rows}
        migrations = known()
        readers.check(applied, migrations[-1][0])
        new = readers.to_apply(migrations, applied, contract)
        for number, name, sql in new:
            _apply(connection, number, name, sql)
        return [f"{number:04d}_{name}" for number, name, _ in new]
    finally:
        connection.close()


def applied(path: Path) -> dict[int, float]:
    """Numbers of the migrations that the database at `path` has, with the time of each (Unix seconds)."""
    if not path.exists():
        return {}
    with closing(connect(path, read_only=True)) as connection:
        try:
            rows = connection.execute("SELECT version, applied_at FROM schema_migrations").fetchall()
        except sqlite3.OperationalError:  # it has no table yet
            return {}
    return {int(number): float(at) for number, at in rows}


def _apply(connection: sqlite3.Connection, number: int, name: str, sql: str) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{sql}")
        connection.execute("INSERT INTO schema_migrations VALUES (?, ?, ?)", (number, name, time.time()))
        connection.execute("INSERT INTO schema_readers VALUES (?, ?)", (number, readers.oldest_reader(number, sql)))
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
