"""PostgreSQL behind the store: a pool of connections that hold no state, one transaction an operation.

An operation runs at READ COMMITTED, statement by statement, so that each sees what was committed before it waited for
a row. A caller's cancellation does not cut it: it is carried out by a task of the store, of which there are as many
as `commit` admits. Through pgbouncer in transaction mode (`?pgbouncer=true` in the address) no statement stays
prepared, and a read is a transaction, too, because the two messages of an unprepared statement must reach one server.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Final

from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import Retry, StoreFailed
from quarterdeck.store import postgresql_errors as errors
from quarterdeck.store.committing import ADMITTED, Commit
from quarterdeck.store.database import Kept, Row
from quarterdeck.store.dialect import LOCKS, translate
from quarterdeck.store.operations import ExpectationFailed, Operation, Receipt, Statement, Value
from quarterdeck.store.postgresql_driver import CONNECT_S, Address, Connection, Pool, connect_pool

CONNECTIONS: Final = 10
STATEMENT_S: Final = 10.0
COMMIT_S: Final = 30.0
SLOW_SCAN_S: Final = 1.0  # readers hold no snapshot longer than this
ATTEMPTS: Final = 3  # of an operation that the server gave up in favour of another one


class PostgresqlStore:
    """One database; `open` it, and `close` it."""

    def __init__(
        self, pool: Pool, crash: CrashPoints, on_failure: Callable[[BaseException], None], *, pooled: bool
    ) -> None:
        self._pool = pool
        self._pooled = pooled
        self._crash = crash
        self._on_failure = on_failure
        self._failed: BaseException | None = None
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._running: set[asyncio.Task[None]] = set()  # bounded by `commit`, its only door

    @classmethod
    async def open(cls, url: str, crash: CrashPoints, on_failure: Callable[[BaseException], None]) -> "PostgresqlStore":
        """Connect. Raises Retry when the server is not reached, ConfigRefused when it lets nobody in."""
        address = Address(url)
        with errors.told():
            pool = await connect_pool(address, CONNECTIONS)
        return cls(pool, crash, on_failure, pooled=address.pooled)

    @property
    def waiting(self) -> int:
        """Operations admitted and not yet ended."""
        return len(self._running)

    async def commit(self, operation: Operation, kept: Kept | None = None) -> Receipt:
        """See Store.commit. The caller's cancellation does not cut a commit: its end is awaited first."""
        if self._failed is not None:
            raise StoreFailed("the store has failed; the process is ending") from self._failed
        if self._closing:
            raise Retry("the store is closing", 1.0)
        self._crash.reach(f"op.{operation.name}.before")
        if len(self._running) >= ADMITTED:
            raise Retry("too many operations are waiting for the database", 1.0)
        done = Commit(loop=self._loop)
        task = self._loop.create_task(self._carry_out(operation, done))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            receipt = await done
        finally:
            if kept is not None and done.done() and done.exception() is None:
                kept(done.result())
        self._crash.reach(f"op.{operation.name}.after")
        return receipt

    async def fetch(self, sql: str, params: Mapping[str, Value]) -> Sequence[Row]:
        """See Store.fetch. Raises Retry when the database is not reached."""
        return await self._read(sql, params, STATEMENT_S, "the database did not answer in time")

    async def scan(self, sql: str, params: Mapping[str, Value]) -> Sequence[Row]:
        """See Store.scan; cancelled with Retry when it takes longer than a snapshot may be held."""
        return await self._read(sql, params, SLOW_SCAN_S, "the read took too long; narrow it or page through it")

    async def close(self) -> None:
        """Commit what was admitted, then close; safe to call after a failure."""
        if self._closing:
            return
        self._closing = True
        if self._running:
            await asyncio.wait(self._running, timeout=COMMIT_S)
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._pool.close()
        except (TimeoutError, *errors.LOST):
            self._pool.terminate()

    # --- reading ----------------------------------------------------------------------------------------------

    async def _read(self, sql: str, params: Mapping[str, Value], seconds: float, slow: str) -> Sequence[Row]:
        said = translate(sql, params)
        arguments = said.arguments(params)
        with errors.told(slow):
            async with self._connection() as connection:
                if self._pooled:
                    rows = await _read_whole(connection, said.text, arguments, seconds)
                else:
                    rows = await connection.fetch(said.text, *arguments, timeout=seconds)
        return [tuple(row) for row in rows]

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncGenerator[Connection]:
        try:
            connection = await self._pool.acquire(timeout=CONNECT_S)
        except TimeoutError as error:
            raise Retry("no connection to the database is free", 1.0) from error
        try:
            yield connection
        finally:
            await self._pool.release(connection, timeout=CONNECT_S)

    # --- committing -------------------------------------------------------------------------------------------

    async def _carry_out(self, operation: Operation, done: Commit) -> None:
        try:
            receipt = await self._committed(operation)
        except asyncio.CancelledError:  # the loop ends: nobody will know
            done.set_exception(StoreFailed("the process ended before its commit did"))
            raise
        except Exception as error:  # whatever it is belongs to whoever asked for this operation
            done.set_exception(error)
        else:
            done.set_result(receipt)

    async def _committed(self, operation: Operation) -> Receipt:
        for _ in range(ATTEMPTS - 1):
            with contextlib.suppress(*errors.AGAIN):
                return await self._attempt(operation)
        try:
            return await self._attempt(operation)
        except errors.AGAIN as error:
            raise Retry("the operation stood in the way of others too often", 0.5) from error

    async def _attempt(self, operation: Operation) -> Receipt:
        with errors.told(f"the database did not answer {operation.name} in time"):
            async with self._connection() as connection:
                await connection.execute("BEGIN", timeout=STATEMENT_S)
                try:
                    receipt = await _run(connection, operation)
                except BaseException:
                    await _undo(connection)
                    raise
                self._crash.reach("group.before_commit")
                await self._end(connection)
                self._crash.reach("group.after_commit")
                return receipt

    async def _end(self, connection: Connection) -> None:
        """COMMIT. An answer that does not come leaves its fate open: the process must end, and the next one reads."""
        try:
            said = await connection.execute("COMMIT", timeout=COMMIT_S)
        except (TimeoutError, *errors.LOST) as error:
            self._failed = error
            self._on_failure(error)
            raise StoreFailed(f"COMMIT was not answered, its fate is unknown: {error!r}") from error
        if said != "COMMIT":  # what the server answers where it rolls back
            raise Retry("the database rolled the operation back", 1.0)


async def _read_whole(connection: Connection, text: str, arguments: Sequence[Value], seconds: float) -> Sequence[Row]:
    """Read in a transaction: what is not prepared takes two messages, and they must come to the same server."""
    await connection.execute("BEGIN READ ONLY", timeout=seconds)
    try:
        rows = await connection.fetch(text, *arguments, timeout=seconds)
    except BaseException:
        await _undo(connection)
        raise
    await connection.execute("COMMIT", timeout=seconds)
    return [tuple(row) for row in rows]


async def _run(connection: Connection, operation: Operation) -> Receipt:
    touched: dict[str, int] = {}
    returned: dict[str, list[Row]] = {}
    locked: set[object] = set()
    for statement in operation.statements:
        if statement.name in LOCKS:
            await _lock(connection, statement, locked)
        said = translate(statement.sql, statement.params)
        arguments = said.arguments(statement.params)
        try:
            if said.returns:
                rows = [tuple(row) for row in await connection.fetch(said.text, *arguments, timeout=STATEMENT_S)]
                returned[statement.name] = rows
                count = len(rows)
            else:
                count = _count(await connection.execute(said.text, *arguments, timeout=STATEMENT_S))
        except errors.TAKEN as error:
            raise ExpectationFailed(operation.name, statement.name, 0) from error
        touched[statement.name] = touched.get(statement.name, 0) + count
        if statement.expect is not None and count != statement.expect:
            raise ExpectationFailed(operation.name, statement.name, count)
    return Receipt(operation.name, touched, returned)


async def _lock(connection: Connection, statement: Statement, locked: set[object]) -> None:
    said = translate(LOCKS[statement.name], statement.params)
    arguments = said.arguments(statement.params)
    if (key := tuple(arguments)) not in locked:
        locked.add(key)
        await connection.execute(said.text, *arguments, timeout=STATEMENT_S)


def _count(status: str) -> int:
    """`INSERT 0 1`, `UPDATE 3`, `DELETE 0`: the rows that a statement touched."""
    return int(status.rpartition(" ")[2])


async def _undo(connection: Connection) -> None:
    """End what was begun; a connection that cannot do even that is given up, which ends it, too."""
    try:
        await connection.execute("ROLLBACK", timeout=CONNECT_S)
    except (TimeoutError, errors.SAID, *errors.LOST):
        connection.terminate()
