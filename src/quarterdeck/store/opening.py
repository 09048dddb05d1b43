"""Which database is it, and how is it opened? `database` of the configuration is the only thing that says."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import ConfigRefused, Retry
from quarterdeck.store.database import Store
from quarterdeck.store.datadir import DataDir
from quarterdeck.store.migrate import migrate
from quarterdeck.store.sqlite import SqliteStore

SQLITE = "sqlite"
WAIT_S = 30.0  # for a server that is starting, or is not reached yet
AGAIN_S = 0.5

T = TypeVar("T")


async def open_store(
    database: str, data: DataDir, crash: CrashPoints, on_failure: Callable[[BaseException], None]
) -> tuple[Store, list[str]]:
    """The store, at this version's schema, and the names of the migrations that this took.

    `on_failure` hears of a commit whose fate is unknown. Raises NewerSchema, ConfigRefused, or Retry where a server
    was not reached in WAIT_S.
    """
    if database == SQLITE:
        applied = migrate(data.database)
        return SqliteStore(data.database, crash, on_failure), applied
    try:
        from quarterdeck.store import migrate_postgresql, postgresql
    except ImportError as error:
        fix = "Install it: pip install 'quarterdeck[postgresql]'"
        raise ConfigRefused("database", f"PostgreSQL needs a package that is not here ({error.name})", fix) from error
    applied = await _patiently(lambda: migrate_postgresql.migrate(database))
    return await _patiently(lambda: postgresql.PostgresqlStore.open(database, crash, on_failure)), applied


async def _patiently(step: Callable[[], Awaitable[T]]) -> T:
    loop = asyncio.get_running_loop()
    until = loop.time() + WAIT_S
    while True:
        try:
            return await step()
        except Retry:
            if loop.time() >= until:
                raise
            await asyncio.sleep(AGAIN_S)
