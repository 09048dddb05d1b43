"""SQLite behind the store: one writer thread with group commit, readers on connections of their own.

Ownership: the writer connection belongs to the writer thread alone; `fetch` uses one connection on the event
loop's thread (autocommit, so it never holds a snapshot); `scan` uses connections of a small thread pool.
Durability: WAL with synchronous=FULL; no result is released before COMMIT returned. A failed COMMIT means that
the fate is unknown: the whole group fails with StoreFailed, nothing more is admitted, the process must end.

One failure is known: no space (SQLITE_FULL). Of a group, the frame that commits it is written last, and with powersafe
overwrite (sqlite.org/psow.html, the default) nothing behind it: a refused write means that this frame is not whole, and
no start-up finds the group. A sync that fails is SQLITE_IOERR, also for lack of space, and stays unknown.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import Retry, StoreFailed
from quarterdeck.store.committing import ADMITTED, Commit
from quarterdeck.store.database import Kept, Row
from quarterdeck.store.operations import ExpectationFailed, Operation, Receipt, Value
from quarterdeck.store.reach import Reach

GROUP = 256  # operations in one COMMIT
BUSY_MS = 5_000  # how long a reader waits for the file lock
SLOW_SCAN_S = 1.0  # readers hold no snapshot longer than this
UNAVAILABLE = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    )
)

_UNDO_ONE = ("ROLLBACK TO operation", "RELEASE operation")
_UNDO_ALL = ("ROLLBACK", "BEGIN")  # what is committed then is empty


_Result = Receipt | BaseException
_Job = tuple[Operation, Commit]


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open with the rules of this store. The caller owns the connection and the thread that it is used on."""
    uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=512)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = OFF")  # expectations check what matters, once
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute("PRAGMA cache_size = -8000")
    connection.execute("PRAGMA temp_store = MEMORY")  # else every savepoint has a journal file of its own
    return connection


class SqliteStore:
    """One database file, opened by one process."""

    def __init__(self, path: Path, crash: CrashPoints, on_failure: Callable[[BaseException], None]) -> None:
        self._path = path
        self._crash = crash
        self._on_failure = on_failure
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()  # bounded by `commit`, its only door
        self._reader = connect(path, read_only=True)
        self._scanners = ThreadPoolExecutor(2, "store-scan")
        self._local = threading.local()
        self._failed: BaseException | None = None
        self._closing = False
        self._reach = Reach()
        self._loop = asyncio.get_running_loop()
        self._writer = threading.Thread(target=self._write, name="store-writer", daemon=True)
        self._writer.start()

    @property
    def waiting(self) -> int:
        """Operations admitted and not yet in a group."""
        return self._jobs.qsize()

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
        if self._jobs.qsize() >= ADMITTED:
            raise Retry("too many operations are waiting for the disk", 1.0)
        done = Commit(loop=self._loop)
        self._jobs.put((operation, done))
        try:
            receipt = await done
        finally:
            if kept is not None and done.done() and done.exception() is None:
                kept(done.result())
        self._crash.reach(f"op.{operation.name}.after")
        return receipt

    async def fetch(self, sql: str, params: Mapping[str, Value]) -> Sequence[Row]:
        """See Store.fetch; runs on the event loop's thread, so keep it to a few rows by an index."""
        return self._reader.execute(sql, params).fetchall()

    async def scan(self, sql: str, params: Mapping[str, Value]) -> Sequence[Row]:
        """See Store.scan; interrupted with Retry when it takes longer than a snapshot may be held."""
        return await self._loop.run_in_executor(self._scanners, self._scan, sql, params)

    async def close(self) -> None:
        """Commit what was admitted, then close; safe to call after a failure."""
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
            await asyncio.to_thread(self._writer.join, 30.0)
            self._scanners.shutdown(wait=True)
            self._reader.close()

    def _scan(self, sql: str, params: Mapping[str, Value]) -> list[Row]:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self._path, read_only=True)
            self._local.connection = connection
        watchdog = threading.Timer(SLOW_SCAN_S, connection.interrupt)
        watchdog.start()
        try:
            return connection.execute(sql, params).fetchall()
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise Retry("the read took too long; narrow it or page through it", 1.0) from error
            raise
        finally:
            watchdog.cancel()

    # --- the writer thread ------------------------------------------------------------------------------------

    def _write(self) -> None:
        connection = connect(self._path)
        try:
            while (group := self._next_group()) is not None:
                if self._failed is not None:
                    self._release(group, [StoreFailed("the store has failed")] * len(group))
                    continue
                self._release(group, self._run_group(connection, group))
        finally:
            connection.close()

    def _next_group(self) -> list[_Job] | None:
        first = self._jobs.get()
        if first is None:
            return None
        group = [first]
        while len(group) < GROUP and not self._jobs.empty():
            job = self._jobs.get()
            if job is None:  # closing: this group first, then the end
                self._jobs.put(None)
                break
            group.append(job)
        return group

    def _run_group(self, connection: sqlite3.Connection, group: list[_Job]) -> list[_Result]:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            return [_unavailable(error)] * len(group)
        alone = len(group) == 1
        results: list[_Result] = []
        for operation, _ in group:
            results.append(_run_one(connection, operation, alone=alone))
            if not connection.in_transaction:  # the error took the transaction with it: nothing was kept
                return [Retry("the database rolled the group back", 1.0)] * len(group)
        self._crash.reach("group.before_commit")
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            return [self._not_committed(connection, error)] * len(group)
        self._crash.reach("group.after_commit")
        return results

    def _not_committed(self, connection: sqlite3.Connection, error: sqlite3.Error) -> BaseException:
        """What a failed COMMIT means: no space, so that nothing is kept; anything else is unknown and the end."""
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL and _rolled_back(connection):
            return _unavailable(error)
        self._failed = error
        self._loop.call_soon_threadsafe(self._on_failure, error)
        return StoreFailed(f"COMMIT failed, its fate is unknown: {error}")

    def _release(self, group: list[_Job], results: Sequence[_Result]) -> None:
        self._note(results)
        done = [(future, result) for (_, future), result in zip(group, results, strict=True)]
        self._loop.call_soon_threadsafe(_resolve, done)

    def _note(self, results: Sequence[_Result]) -> None:
        """What this group says about the disk."""
        for result in results:
            if isinstance(result, Receipt):
                self._reach.written()
            elif isinstance(result, Retry):
                self._reach.refused(str(result))


def _resolve(done: list[tuple[Commit, _Result]]) -> None:
    for future, result in done:
        if isinstance(result, Receipt):
            future.set_result(result)
        else:
            future.set_exception(result)


def _run_one(connection: sqlite3.Connection, operation: Operation, *, alone: bool) -> _Result:
    """All of an operation or nothing of it. One that is alone in its transaction needs no savepoint in it."""
    if not alone:
        connection.execute("SAVEPOINT operation")
    touched: dict[str, int] = {}
    returned: dict[str, list[Row]] = {}
    try:
        for statement in operation.statements:
            cursor = connection.execute(statement.sql, statement.params)
            if cursor.description is not None:
                rows = cursor.fetchall()
                returned[statement.name] = rows
                count = len(rows)
            else:
                count = max(cursor.rowcount, 0)
            touched[statement.name] = touched.get(statement.name, 0) + count
            if statement.expect is not None and count != statement.expect:
                raise ExpectationFailed(operation.name, statement.name, count)
    except Exception as error:  # whatever it is belongs to this operation, not to the writer
        if connection.in_transaction:
            for undo in _UNDO_ALL if alone else _UNDO_ONE:
                connection.execute(undo)
        return _unavailable(error)
    if not alone:
        connection.execute("RELEASE operation")
    return Receipt(operation.name, touched, returned)


def _rolled_back(connection: sqlite3.Connection) -> bool:
    """End what COMMIT has left open, if it has."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        return False
    return True


def _unavailable(error: BaseException) -> BaseException:
    """Full disk, read-only file, lock held: not kept, and may work later. Anything else is what it is."""
    if isinstance(error, sqlite3.Error) and (getattr(error, "sqlite_errorcode", 0) & 0xFF) in UNAVAILABLE:
        return Retry(f"the database cannot be written now: {error}", 5.0)
    return error
