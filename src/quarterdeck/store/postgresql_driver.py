"""What is used of asyncpg, with types, and how its connections are made.

asyncpg has no types of its own (0.32). Connections are made without its cache of statements where a pgbouncer in
transaction mode hands each transaction to another server (asyncpg.readthedocs.io/en/latest/faq.html), and then without
settings of ours, which pgbouncer refuses at connecting (pgbouncer.org/config.html, ignore_startup_parameters).
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from quarterdeck.base.errors import ConfigRefused
from quarterdeck.store import postgresql_errors as errors
from quarterdeck.store.operations import Value

CONNECT_S: Final = 5.0
STATEMENTS: Final = 512  # texts that stay prepared on a connection
SETTINGS: Final = {
    "application_name": "quarterdeck",
    "statement_timeout": "15s",
    "idle_in_transaction_session_timeout": "10s",  # of whoever is gone without a word
    "jit": "off",
}


class Connection(Protocol):
    """One connection; all times are seconds. Raises what `postgresql_errors` sorts."""

    async def execute(self, query: str, *args: Value, timeout: float | None = None) -> str:
        """Run a statement, or several without arguments; what the server says of it, such as `UPDATE 3`."""
        ...

    async def fetch(self, query: str, *args: Value, timeout: float | None = None) -> Sequence[Sequence[Value]]:
        """The rows of a statement."""
        ...

    async def fetchrow(self, query: str, *arrays: Sequence[Value], timeout: float | None = None) -> Sequence[Any]:
        """The only row of a function that is called with arrays."""
        ...

    async def close(self, *, timeout: float | None = None) -> None:
        """Say good-bye."""
        ...

    def terminate(self) -> None:
        """Close without a word."""
        ...

    @property
    def made_at(self) -> float:
        """When it was made, by the clock of its loop; only those of a pool know."""
        ...

    @property
    def functions(self) -> set[str]:
        """The calls of the functions that were made on it; only those of a pool know."""
        ...


class Pool(Protocol):
    """Connections to one database."""

    async def acquire(self, *, timeout: float | None = None) -> Connection:
        """A connection of one's own. Raises TimeoutError."""
        ...

    async def release(self, connection: Connection, *, timeout: float | None = None) -> None:
        """Give it back."""
        ...

    async def close(self) -> None:
        """Wait for all to be given back, and close them."""
        ...

    def terminate(self) -> None:
        """Close all at once."""
        ...


class Address:
    """`postgresql://...`, and what is ours in it: `pgbouncer=true`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        asked = parse_qsl(parts.query, keep_blank_values=True)
        self.pooled = ("pgbouncer", "true") in asked
        self.dsn = urlunsplit(parts._replace(query=urlencode([one for one in asked if one[0] != "pgbouncer"])))

    @property
    def options(self) -> dict[str, Any]:
        """How to connect."""
        if self.pooled:
            return {"timeout": CONNECT_S, "statement_cache_size": 0}
        prepared = {"statement_cache_size": STATEMENTS, "max_cached_statement_lifetime": 0}
        return {"timeout": CONNECT_S, "server_settings": SETTINGS, **prepared}


async def connect(address: Address) -> Connection:
    """One connection, for whoever needs no more. Raises ConfigRefused for an option or a server that cannot be used."""
    with errors.connecting():
        made = cast(Any, await asyncpg.connect(address.dsn, **address.options))  # pyright: ignore[reportUnknownMemberType]
    try:
        errors.check_server(made.get_server_version().major, str(getattr(made.get_settings(), "server_encoding", "")))
    except ConfigRefused:
        made.terminate()
        raise
    return cast(Connection, made)


async def connect_pool(address: Address, most: int) -> Pool:
    """Up to `most` connections. Their reset is left out: it is a round trip, and nothing that needs it is ever set.

    Raises as `connect` does.
    """
    with errors.connecting():
        made = await asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType]
            address.dsn, min_size=1, max_size=most, reset=_leave, connection_class=_Dated, **address.options
        )
    return cast(Pool, made)


class _Dated(asyncpg.Connection):  # pyright: ignore[reportUntypedBaseClass]
    __slots__ = ("functions", "made_at")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)  # pyright: ignore[reportUnknownMemberType]
        self.made_at = asyncio.get_running_loop().time()
        self.functions = set[str]()


async def _leave(connection: object) -> None:
    return
