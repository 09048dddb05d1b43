"""A database of the tour's own on a PostgreSQL server that somebody has: made for a scene, and dropped behind it."""

import asyncio
import secrets
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

from quarterdeck.base.errors import QuarterdeckError
from quarterdeck.cli.tour.messenger import StageFailed
from quarterdeck.store import postgresql_errors as errors
from quarterdeck.store.operations import Value
from quarterdeck.store.postgresql_driver import Address, connect

ASK_S = 5.0
HOLDER = "SELECT p.pid FROM leases l JOIN processes p ON p.id = l.process WHERE l.name = 'connection:messenger'"

T = TypeVar("T")


@contextmanager
def own_database(server: str) -> Generator[str]:
    """The address of a new database beside the one that is named. Raises StageFailed."""
    name = f"quarterdeck_tour_{secrets.token_hex(6)}"
    _run(_execute(server, f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"))
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        _run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


def holder(database: str) -> int:
    """The process id of the gateway that receives for the messenger; 0 while none does. Raises StageFailed."""
    rows = _run(_fetch(database, HOLDER))
    return int(rows[0] or 0) if rows else 0


async def _execute(url: str, sql: str) -> None:
    connection = await connect(Address(url))
    try:
        await connection.execute(sql, timeout=60.0)
    finally:
        await connection.close(timeout=ASK_S)


async def _fetch(url: str, sql: str) -> list[Value]:
    connection = await connect(Address(url))
    try:
        return [row[0] for row in await connection.fetch(sql, timeout=ASK_S)]
    finally:
        await connection.close(timeout=ASK_S)


def _run(asked: Coroutine[None, None, T]) -> T:
    try:
        with errors.told():
            return asyncio.run(asked)
    except (QuarterdeckError, errors.SAID) as error:
        raise StageFailed(f"the database does not do what the scene needs: {error}") from error
