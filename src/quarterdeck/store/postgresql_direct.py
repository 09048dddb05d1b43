"""The one connection to PostgreSQL that holds something: it sends heartbeats, and hears what others say.

What is said (NOTIFY) is a hint and may be lost: whenever the connection was made anew, `again` is called, so that
whoever listens reads the rows.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from quarterdeck.base.errors import Retry
from quarterdeck.store import postgresql_errors as errors
from quarterdeck.store.dialect import translate
from quarterdeck.store.operations import Value
from quarterdeck.store.postgresql_driver import Address, Connection, connect

CHANNEL: Final = "quarterdeck"
CALL_S: Final = 1.0
LONGEST: Final = 7_900  # bytes of one NOTIFY: fewer than 8,000 (postgresql.org/docs/current/sql-notify.html)


class Direct:
    """Made anew by the next call whenever it was lost. Calls wait for each other."""

    def __init__(self, url: str, hear: Callable[[str], None], again: Callable[[], None]) -> None:
        self._address = Address(url)
        self._hear = hear
        self._again = again
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()

    @property
    def deaf(self) -> bool:
        """Whether nothing is ever heard here: a pgbouncer in transaction mode has nobody who listens."""
        return self._address.pooled

    async def fetch(self, sql: str, params: dict[str, Value]) -> Sequence[Sequence[Value]]:
        """The rows of a statement, committed at once. Raises Retry when the database is not reached in CALL_S."""
        said = translate(sql, params)
        return await self._call(said.text, said.arguments(params))

    async def tell(self, text: str) -> None:
        """Say something to all who listen, this process among them. Raises as `fetch` does."""
        await self._call("SELECT pg_notify($1, $2)", [CHANNEL, text])

    async def close(self) -> None:
        """Good-bye."""
        async with self._turn:
            if self._connection is not None:
                self._connection.terminate()
                self._connection = None

    async def _call(self, text: str, arguments: Sequence[Value]) -> Sequence[Sequence[Value]]:
        async with self._turn:
            with errors.told():
                connection = self._connection or await self._made()
                try:
                    return await connection.fetch(text, *arguments, timeout=CALL_S)
                except BaseException:
                    connection.terminate()
                    self._connection = None
                    raise

    async def _made(self) -> Connection:
        connection = None
        try:
            async with asyncio.timeout(CALL_S):
                connection = await connect(self._address)
                if not self.deaf:
                    await cast(Any, connection).add_listener(CHANNEL, self._heard)
        except BaseException as error:
            if connection is not None:
                connection.terminate()
            if isinstance(error, TimeoutError):
                raise Retry("the database does not take a connection in time", 1.0) from error
            raise
        self._connection = connection
        self._again()
        return connection

    def _heard(self, connection: object, pid: int, channel: str, text: str) -> None:
        self._hear(text)
