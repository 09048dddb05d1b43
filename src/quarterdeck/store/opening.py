"""Which database is it, and how is it opened? `database` of the configuration is the only thing that says."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from pathlib import Path
from typing import TypeVar

from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import ConfigRefused, Retry
from quarterdeck.store import migrate as migrate_sqlite
from quarterdeck.store.blob_files import FileBlobs
from quarterdeck.store.blobs import Blobs
from quarterdeck.store.database import Store
from quarterdeck.store.datadir import DataDir
from quarterdeck.store.instruction_folders import FolderInstructions
from quarterdeck.store.instructions import InstructionFiles
from quarterdeck.store.sqlite import SqliteStore

SQLITE = "sqlite"
WAIT_S = 30.0  # for a server that is starting, or is not reached yet
AGAIN_S = 0.5

T = TypeVar("T")


async def open_store(
    database: str,
    data: DataDir,
    crash: CrashPoints,
    on_failure: Callable[[BaseException], None],
    waiting: Callable[[str], None],
) -> tuple[Store, list[str]]:
    """The store, at this version's schema, and the names of the migrations that this took.

    `on_failure` hears of a commit whose fate is unknown, `waiting` why a server is waited for. Raises NewerSchema,
    ConfigRefused, Locked where a process lives that cannot work with this schema, or Retry where a server was not
    reached in WAIT_S.
    """
    applied = await migrate(database, data, waiting)
    if database == SQLITE:
        return SqliteStore(data.database, crash, on_failure), applied
    with _driver():
        from quarterdeck.store.postgresql import PostgresqlStore
    return await _patiently(lambda: PostgresqlStore.open(database, crash, on_failure), waiting), applied


async def open_blobs(database: str, data: DataDir, store: Store, crash: CrashPoints) -> Blobs:
    """Where bytes are kept: every process on a database has them. Raises Retry where that is not reached any more."""
    if database == SQLITE:
        return FileBlobs(data.blobs, crash)
    from quarterdeck.store.blob_rows import RowBlobs

    rows = RowBlobs(store, data.blobs, crash)
    await rows.bring_in()
    return rows


def open_instructions(database: str, store: Store) -> InstructionFiles:
    """Where the instruction files are that are in force: every process on a database has the same."""
    if database == SQLITE:
        return FolderInstructions()
    from quarterdeck.store.instruction_rows import RowInstructions

    return RowInstructions(store)


async def migrate(database: str, data: DataDir, waiting: Callable[[str], None], *, contract: bool = False) -> list[str]:
    """Bring the database to this version's schema; the names of what that took. Raises as `open_store` does.

    `waiting` as there; `contract`: also take away what only older versions need.
    """
    if database == SQLITE:
        return migrate_sqlite.migrate(data.database, contract=contract)
    with _driver():
        from quarterdeck.store import migrate_postgresql
    return await _patiently(lambda: migrate_postgresql.migrate(database, contract=contract), waiting)


async def applied_migrations(database: str, data: DataDir) -> dict[int, float]:
    """Numbers of the migrations that the database has, with the time of each (Unix seconds); it is not changed."""
    if database == SQLITE:
        return migrate_sqlite.applied(data.database)
    with _driver():
        from quarterdeck.store import migrate_postgresql
    return await migrate_postgresql.applied(database)


async def copy_record(url: str, path: Path) -> bool:
    """The audit record of a PostgreSQL as a new file of SQLite; whether there is one. Raises Retry, ConfigRefused."""
    with _driver():
        from quarterdeck.store import postgresql_record
    return await postgresql_record.copy_record(url, path)


def copying(database: str) -> Callable[[Path], Awaitable[bool]] | None:
    """Makes a file of SQLite of the record; nothing where it is one already."""
    return None if database == SQLITE else partial(copy_record, database)


@contextlib.contextmanager
def _driver() -> Generator[None]:
    try:
        yield
    except ImportError as error:
        fix = "Install it: pip install 'quarterdeck[postgresql]'"
        raise ConfigRefused("database", f"PostgreSQL needs a package that is not here ({error.name})", fix) from error


async def _patiently(step: Callable[[], Awaitable[T]], waiting: Callable[[str], None]) -> T:
    loop = asyncio.get_running_loop()
    until, told = loop.time() + WAIT_S, False
    while True:
        try:
            return await step()
        except Retry as error:
            if loop.time() >= until:
                raise
            if not told:
                waiting(str(error))
            told = True
            await asyncio.sleep(AGAIN_S)
