"""Both databases, for tests that run on each: empty but migrated, opened as the product does, read back as one file.

`SqliteFile` and `PostgresqlDatabase` answer the same calls. What judges a database (tests/checkers, tests/flow/rest.py,
the audit verifier) reads SQLite; of PostgreSQL it is given a copy, made here without the product's help.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.base.crash import CrashPoints
from quarterdeck.store import migrate_postgresql
from quarterdeck.store.blob_files import FileBlobs
from quarterdeck.store.blob_rows import RowBlobs
from quarterdeck.store.blobs import Blobs
from quarterdeck.store.database import Store
from quarterdeck.store.instruction_folders import FolderInstructions
from quarterdeck.store.instruction_rows import RowInstructions
from quarterdeck.store.instructions import InstructionFiles
from quarterdeck.store.migrate import migrate
from quarterdeck.store.postgresql import PostgresqlStore
from quarterdeck.store.sqlite import SqliteStore
from tests.postgresql import Cluster
from tests.reading import Reader

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

    def blobs(self, store: Store, folder: Path, crash: CrashPoints) -> Blobs:
        """Where bytes are kept beside it."""
        return FileBlobs(folder, crash)

    def instructions(self, store: Store) -> InstructionFiles:
        """Where the instruction files in force are."""
        return FolderInstructions()

    def rows(self, sql: str, params: dict[str, object]) -> list[dict[str, Any]]:
        """What a connection of its own reads."""
        with closing(sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True)) as file:
            file.row_factory = sqlite3.Row
            return [dict(row) for row in file.execute(sql, params).fetchall()]


class PostgresqlDatabase:
    """A database of PostgreSQL; `url` is where."""

    name = "postgresql"

    def __init__(self, folder: Path, reader: Reader) -> None:
        self._folder = folder
        self._reader = reader
        self.url = reader.url

    async def migrate(self) -> None:
        """Bring it to the newest schema."""
        await migrate_postgresql.migrate(self.url)

    async def open(self, crash: CrashPoints | None = None, failed: Failed = nobody_hears) -> Store:
        """A store over it."""
        return await PostgresqlStore.open(self.url, crash or CrashPoints(), failed)

    def blobs(self, store: Store, folder: Path, crash: CrashPoints) -> Blobs:
        """Where bytes are kept in it."""
        return RowBlobs(store, folder, crash)

    def instructions(self, store: Store) -> InstructionFiles:
        """Where the instruction files in force are: in it."""
        return RowInstructions(store)

    @property
    def path(self) -> Path:
        """Its rows as of now, as a file of SQLite."""
        path = self._folder / "copy.db"
        self._reader.copy(path)
        return path

    def rows(self, sql: str, params: dict[str, object]) -> list[dict[str, Any]]:
        """What SQLite would answer."""
        return self._reader.rows(sql, params)


Database = SqliteFile | PostgresqlDatabase


def reading(postgresql: Cluster) -> Generator[Reader]:
    """A migrated database, and who reads it."""
    url = postgresql.create()
    asyncio.run(migrate_postgresql.migrate(url))
    reader = Reader(url)
    yield reader
    reader.close()


@pytest.fixture(scope="session")
def postgresql_reader(postgresql: Cluster) -> Generator[Reader]:
    """A migrated database that tests have one after the other: a new one for each would take far longer."""
    yield from reading(postgresql)


@pytest.fixture(scope="module", name="postgresql_reader")
def own_reader(postgresql: Cluster) -> Generator[Reader]:
    """The same on a module's own server (`tests.postgresql.own_postgresql`)."""
    yield from reading(postgresql)


def new_database(kind: str, folder: Path, request: pytest.FixtureRequest) -> Database:
    """A migrated database of a kind, with nothing in it."""
    if kind == "sqlite":
        file = SqliteFile(folder)
        migrate(file.path)
        return file
    reader: Reader = request.getfixturevalue("postgresql_reader")
    reader.empty()
    return PostgresqlDatabase(folder, reader)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(tmp_path: Path, request: pytest.FixtureRequest) -> Database:
    """Each of the two, migrated."""
    return new_database(str(request.param), tmp_path, request)


@pytest.fixture(name="database")
def only_postgresql(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> PostgresqlDatabase:
    """For tests of PostgreSQL alone: an empty one, migrated."""
    made = new_database("postgresql", tmp_path_factory.mktemp("pg"), request)
    assert isinstance(made, PostgresqlDatabase)
    return made
