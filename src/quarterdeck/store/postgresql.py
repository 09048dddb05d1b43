"""PostgreSQL behind the store: a pool of connections that hold no state but what is prepared on them, one transaction
an operation.

An operation runs at READ COMMITTED, so that each statement sees what was committed before it waited for a row. The list
of a hot one travels in one trip (`postgresql_lists`), that of any other statement by statement. A caller's
cancellation does not cut it: it is carried out by a task of the store, of which there are as many as `commit` admits.
Through pgbouncer in transaction mode (`?pgbouncer=true` in the address) no statement and no list stays prepared, and a
read is a transaction, too, because the two messages of an unprepared statement must reach one server.

An operation whose COMMIT is not answered waits until the database says what became of it (`postgresql_marks`). Its
caller may go meanwhile, and anybody else's operation goes on as soon as the database is back.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Final

from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import QuarterdeckError, Retry, StoreFailed
from quarterdeck.store import postgresql_errors as errors
from quarterdeck.store.committing import ADMITTED, Commit
from quarterdeck.store.database import Kept, Row
from quarterdeck.store.dialect import LOCKS, translate
from quarterdeck.store.operations import ExpectationFailed, Operation, Receipt, Statement, Value
from quarterdeck.store.postgresql_driver import CONNECT_S, Address, Connection, Pool, connect_pool
from quarterdeck.store.postgresql_lists import FAILED, SHAPES, Listed, Shape, listed
from quarterdeck.store.postgresql_marks import Mark, Marks, committed
from quarterdeck.store.reach import Reach

CONNECTIONS: Final = 10
STATEMENT_S: Final = 5.0
COMMIT_S: Final = 5.0  # then the operation's fate is asked for
ASK_S: Final = 0.5  # between two tries to learn an operation's fate
CLOSE_S: Final = 15.0
SLOW_SCAN_S: Final = 1.0  # readers hold no snapshot longer than this
ATTEMPTS: Final = 3  # of an operation that the server gave up in favour of another one


class PostgresqlStore:
    """One database; `open` it, and `close` it."""

    def __init__(
        self, pool: Pool, crash: CrashPoints, on_failure: Callable[[BaseException], None], *, pooled: bool
    ) -> None:
        self._pool = pool
        self._pooled = pooled
        self._functions = True  # until the server says that none may be made
        self._crash = crash
        self._on_failure = on_failure
        self._failed: BaseException | None = None
        self._closing = False
        self._marks = Marks()
        self._reach = Reach()
        self._lost_at = 0.0  # connections from before it are not trusted any more
        self._loop = asyncio.get_running_loop()
        self._running: set[asyncio.Task[None]] = set()  # bounded by `commit`, its only door

    @classmethod
    async def open(cls, url: str, crash: CrashPoints, on_failure: Callable[[BaseException], None]) -> "PostgresqlStore":
        """Connect. Raises Retry when the server is not reached, ConfigRefused when it lets nobody in."""
        address = Address(url)
        with errors.entering():
            pool = await connect_pool(address, CONNECTIONS)
        return cls(pool, crash, on_failure, pooled=address.pooled)

    @property
    def waiting(self) -> int:
        """Operations admitted and not yet ended."""
        return len(self._running)

    @property
    def trouble(self) -> str:
        """See Store.trouble."""
        return self._reach.trouble

    def troubled(self) -> str:
        """See Store.troubled."""
        return self._reach.troubled()

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
        task = self._loop.create_task(self._carry_out(operation, done, kept))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            receipt = await done
        finally:
            if kept is not None and done.done() and not done.cancelled() and done.exception() is None:
                kept(done.result())
        self._crash.reach(f"op.{operation.name}.after")
        return receipt

    async def fetch(self, sql: str, params: Mapping[str, Value]) -> Sequence[Row]:
        """See Store.fetch. Raises Retry when the database is not reached."""
        return await self._read(sql, params, STATEMENT_S, "the database did not answer in time", hasty=False)

    async def scan(self, sql: str, params: Mapping[str, Value]) -> Sequence[Row]:
        """See Store.scan; cancelled with Retry when it takes longer than a snapshot may be held."""
        slow = "the read took too long; narrow it or page through it"
        return await self._read(sql, params, SLOW_SCAN_S, slow, hasty=True)

    async def close(self) -> None:
        """Commit what was admitted, then close; safe to call after a failure."""
        if self._closing:
            return
        self._closing = True
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_S)
        for task in self._running:
            task.cancel()
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._pool.close()
        except (TimeoutError, *errors.LOST):
            self._pool.terminate()

    # --- reading ----------------------------------------------------------------------------------------------

    async def _read(
        self, sql: str, params: Mapping[str, Value], seconds: float, slow: str, *, hasty: bool
    ) -> Sequence[Row]:
        said = translate(sql, params)
        arguments = said.arguments(params)
        async with self._connection(slow, hasty=hasty) as connection:
            if self._pooled:
                rows = await _read_whole(connection, said.text, arguments, seconds)
            else:
                rows = await connection.fetch(said.text, *arguments, timeout=seconds)
        self._reach.read()
        return [tuple(row) for row in rows]

    @contextlib.asynccontextmanager
    async def _connection(self, slow: str, *, hasty: bool = False) -> AsyncGenerator[Connection]:
        """A connection, and what its errors mean. Once one was lost, none that is older is trusted any more.

        `hasty`: who asks waits so shortly that a late answer says nothing about the database.
        """
        try:
            with errors.told(slow):
                connection = await self._acquired()
                try:
                    yield connection
                except (TimeoutError, errors.Unanswered, *errors.LOST) as error:
                    if not (hasty and isinstance(error, TimeoutError)):
                        _end(connection)
                    raise
                finally:
                    await self._pool.release(connection, timeout=CONNECT_S)
        except errors.Unwritable as error:
            self._reach.refused(str(error))
            raise
        except errors.Unreached as error:
            if not (hasty and isinstance(error.__cause__, TimeoutError)):
                self._reach.lost(str(error))
                self._lost_at = self._loop.time()
            raise

    async def _acquired(self) -> Connection:
        try:
            while True:
                connection = await self._pool.acquire(timeout=CONNECT_S)
                if connection.made_at > self._lost_at:
                    return connection
                connection.terminate()
                await self._pool.release(connection, timeout=CONNECT_S)
        except TimeoutError as error:
            raise errors.Unreached("no connection to the database is free, or none can be made", 1.0) from error

    # --- committing -------------------------------------------------------------------------------------------

    async def _carry_out(self, operation: Operation, done: Commit, kept: Kept | None) -> None:
        try:
            end: Receipt | BaseException = await self._committed(operation, done)
        except asyncio.CancelledError:  # the loop ends: nobody will know
            done.settle(StoreFailed("the process ended before its commit did"), kept)
            raise
        except Exception as error:  # whatever it is belongs to whoever asked for this operation
            end = error
        done.settle(end, kept)

    async def _committed(self, operation: Operation, done: Commit) -> Receipt:
        whole = None if self._pooled else listed(operation)
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._attempt(operation, whole, done)
            except errors.AGAIN:
                continue
            except errors.TAKEN:  # by which statement, only the list says when it goes statement by statement
                whole = None
        try:
            return await self._attempt(operation, None, done)
        except errors.AGAIN as error:
            raise Retry("the operation stood in the way of others too often", 0.5) from error

    async def _attempt(self, operation: Operation, whole: Listed | None, done: Commit) -> Receipt:
        """Once. A mark is not used again where a transaction that nobody answers for may still hold its row."""
        mark = self._marks.take()
        try:
            receipt = await self._transaction(operation, whole, mark)
        except errors.Unanswered as lost:
            done.lose()
            if not await self._was_committed(operation, mark):
                self._marks.give_back(mark)
                raise Retry("the connection was lost at COMMIT, and the operation with it", 1.0) from lost
            receipt = lost.receipt
        except (ExpectationFailed, errors.TAKEN, *errors.AGAIN):
            self._marks.give_back(mark)
            raise
        self._marks.give_back(mark)
        self._reach.written()
        return receipt

    async def _transaction(self, operation: Operation, whole: Listed | None, mark: Mark) -> Receipt:
        async with self._connection(f"the database did not answer {operation.name} in time") as connection:
            if whole is not None and not await self._has(connection, whole.shape):
                whole = None
            try:
                await connection.execute(mark.begin, timeout=STATEMENT_S)
                receipt = await (_run(connection, operation) if whole is None else _run_whole(connection, whole))
            except (TimeoutError, *errors.LOST):
                raise
            except BaseException:
                await _undo(connection)
                raise
            self._crash.reach("group.before_commit")
            try:
                said = await connection.execute("COMMIT", timeout=COMMIT_S)
            except (TimeoutError, *errors.LOST) as error:
                raise errors.Unanswered(receipt, repr(error)) from error
            self._crash.reach("group.after_commit")
            if said != "COMMIT":  # what the server answers where it rolls back
                raise Retry("the database rolled the operation back", 1.0)
            return receipt

    async def _has(self, connection: Connection, shape: Shape) -> bool:
        """Make the function of a list, once on each connection; False where there are too many, or none may be made."""
        if shape.call in connection.functions:
            return True
        if not self._functions or len(connection.functions) >= SHAPES:
            return False
        try:
            await connection.execute(shape.make, timeout=STATEMENT_S)
        except errors.FORBIDDEN:
            self._functions = False
            return False
        connection.functions.add(shape.call)
        return True

    async def _was_committed(self, operation: Operation, mark: Mark) -> bool:
        """Ask what became of an operation until the database says it. Raises StoreFailed where it cannot be asked."""
        while True:
            try:
                async with self._connection(
                    f"nobody says yet what became of {operation.name}", hasty=True
                ) as connection:
                    return await committed(connection, mark, STATEMENT_S)
            except Retry:
                await asyncio.sleep(ASK_S)
            except (QuarterdeckError, errors.SAID) as error:
                self._failed = error
                self._on_failure(error)
                raise StoreFailed(f"COMMIT was not answered, its fate cannot be learned: {error!r}") from error


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


async def _run_whole(connection: Connection, whole: Listed) -> Receipt:
    try:
        touched, returned = await connection.fetchrow(whole.shape.call, *whole.values, timeout=STATEMENT_S)
    except errors.SAID as error:
        if errors.state(error) != FAILED:
            raise
        place, count = map(int, str(error).split())
        raise ExpectationFailed(whole.operation.name, whole.operation.statements[place].name, count) from error
    return whole.receipt(touched, returned)


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
        _end(connection)


def _end(connection: Connection) -> None:
    """Give a connection up, which may have ended already."""
    with contextlib.suppress(*errors.LOST):
        connection.terminate()
