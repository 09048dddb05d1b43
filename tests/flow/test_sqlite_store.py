"""The store: all or nothing, durable before it is told, and honest when it cannot be."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import NewerSchema, Retry
from quarterdeck.store.committing import ADMITTED
from quarterdeck.store.migrate import known, migrate
from quarterdeck.store.operations import ExpectationFailed, Operation, Receipt, Statement, Value, operation
from quarterdeck.store.sqlite import SqliteStore, connect
from tests.standins import ROOT
from tests.waiting import until


class Gates(CrashPoints):
    """Stops the writer thread around its COMMIT."""

    def __init__(self) -> None:
        super().__init__()
        self.at = ""
        self.reached = threading.Event()
        self.go = threading.Event()

    def reach(self, point: str) -> None:
        if point == self.at:
            self.at = ""
            self.reached.set()
            assert self.go.wait(10), "nobody opened the gate"

    @contextlib.contextmanager
    def stop_at(self, point: str) -> Generator[None]:
        self.reached.clear()
        self.go.clear()
        self.at = point
        try:
            yield
        finally:
            self.go.set()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "test.db"
    with contextlib.closing(connect(file)) as connection:
        connection.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, word TEXT UNIQUE)")
    return file


@pytest.fixture
def gates() -> Gates:
    return Gates()


@pytest.fixture
async def store(path: Path, gates: Gates) -> AsyncIterator[SqliteStore]:
    failures: list[BaseException] = []
    store = SqliteStore(path, gates, failures.append)
    yield store
    gates.go.set()
    await store.close()
    assert failures == []


def put(word: Value, *, expect: int | None = 1) -> Statement:
    return Statement("put", "INSERT INTO things (word) VALUES (:word)", {"word": word}, expect)


def rename(source: str, target: str) -> Statement:
    return Statement("rename", "UPDATE things SET word = :t WHERE word = :s", {"s": source, "t": target}, 1)


def op(*statements: Statement) -> Operation:
    return operation("accept", statements)


def words(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as other:
        return [row[0] for row in other.execute("SELECT word FROM things ORDER BY id")]


async def full_group(store: SqliteStore, gates: Gates, *operations: Operation) -> list[object]:
    """Commit these in one group."""
    with gates.stop_at("group.before_commit"):
        first = asyncio.create_task(store.commit(op(put("the group before"))))
        await until(gates.reached.is_set)
        tasks = [asyncio.create_task(store.commit(one)) for one in operations]
        await until(lambda: store.waiting == len(operations))
    await first
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def test_an_operation_is_kept_whole(store: SqliteStore, path: Path) -> None:
    receipt = await store.commit(op(put("a"), put("b")))
    assert receipt.touched == {"put": 2}
    assert words(path) == ["a", "b"]


async def test_an_operation_whose_expectation_fails_is_not_kept_at_all(store: SqliteStore, path: Path) -> None:
    with pytest.raises(ExpectationFailed) as failed:
        await store.commit(op(put("a"), rename("nothing", "b"), put("c")))
    assert (failed.value.statement, failed.value.touched) == ("rename", 0)
    assert words(path) == []


async def test_an_error_of_the_database_keeps_nothing(store: SqliteStore, path: Path) -> None:
    await store.commit(op(put("a")))
    with pytest.raises(sqlite3.IntegrityError):
        await store.commit(op(put("b"), put("a")))
    assert words(path) == ["a"]


async def test_what_a_statement_returns_is_in_the_receipt(store: SqliteStore) -> None:
    returning = Statement("new", "INSERT INTO things (word) VALUES ('x') RETURNING id, word", {}, 1)
    receipt = await store.commit(op(returning))
    assert receipt.one("new") == (1, "x")
    with pytest.raises(KeyError):
        receipt.one("other")


async def test_a_failed_operation_leaves_the_others_of_its_group(store: SqliteStore, gates: Gates, path: Path) -> None:
    results = await full_group(
        store, gates, op(put("a")), op(put("b"), rename("no", "no")), op(put("c"), put("a")), op(put("d"))
    )
    assert [type(result).__name__ for result in results] == [
        "Receipt",
        "ExpectationFailed",
        "IntegrityError",
        "Receipt",
    ]
    assert words(path) == ["the group before", "a", "d"]


async def test_later_operations_of_a_group_see_the_earlier_ones(store: SqliteStore, gates: Gates, path: Path) -> None:
    results = await full_group(store, gates, op(put("a")), op(rename("a", "b")))
    assert [type(result).__name__ for result in results] == ["Receipt", "Receipt"]
    assert words(path)[1:] == ["b"]


async def test_nothing_is_told_before_commit_returned(store: SqliteStore, gates: Gates, path: Path) -> None:
    with gates.stop_at("group.before_commit"):
        commit = asyncio.create_task(store.commit(op(put("a"))))
        await until(gates.reached.is_set)
        assert words(path) == []
        assert not commit.done()
    await commit
    assert words(path) == ["a"]


async def test_what_is_told_is_on_disk(store: SqliteStore, gates: Gates, path: Path) -> None:
    with gates.stop_at("group.after_commit"):
        commit = asyncio.create_task(store.commit(op(put("a"))))
        await until(gates.reached.is_set)
        assert words(path) == ["a"]
        assert not commit.done()
    await commit


async def test_the_disk_is_waited_for(path: Path) -> None:
    with contextlib.closing(connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


async def test_a_reader_sees_what_was_told(store: SqliteStore) -> None:
    for n in range(50):
        await store.commit(op(put(f"w{n}")))
        rows = await store.fetch("SELECT COUNT(*) FROM things", {})
        assert rows[0][0] == n + 1
        assert (await store.scan("SELECT COUNT(*) FROM things", {}))[0][0] == n + 1


async def test_readers_cannot_write(store: SqliteStore) -> None:
    for read in (store.fetch, store.scan):
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await read("INSERT INTO things (word) VALUES ('x')", {})


async def test_a_full_queue_says_so_and_keeps_what_it_admitted(store: SqliteStore, gates: Gates, path: Path) -> None:
    with gates.stop_at("group.before_commit"):
        first = asyncio.create_task(store.commit(op(put("first"))))
        await until(gates.reached.is_set)
        tasks = [asyncio.create_task(store.commit(op(put(f"w{n}")))) for n in range(ADMITTED)]
        await until(lambda: store.waiting == ADMITTED)
        with pytest.raises(Retry):
            await store.commit(op(put("one too many")))
    await asyncio.gather(first, *tasks)
    assert len(words(path)) == ADMITTED + 1


async def test_a_cancelled_caller_does_not_cut_its_commit(store: SqliteStore, gates: Gates, path: Path) -> None:
    kept: list[Receipt] = []
    with gates.stop_at("group.before_commit"):
        commit = asyncio.create_task(store.commit(op(put("a")), kept.append))
        await until(gates.reached.is_set)
        commit.cancel()
        done, _ = await asyncio.wait((commit,), timeout=0.05)
        assert not done, "it waits for the end of its commit"
        commit.cancel()  # once more changes nothing
    with pytest.raises(asyncio.CancelledError):
        await commit
    assert words(path) == ["a"]
    assert [receipt.touched for receipt in kept] == [{"put": 1}]


async def test_a_cancelled_caller_of_a_failing_commit_is_cancelled(store: SqliteStore, gates: Gates) -> None:
    with gates.stop_at("group.before_commit"):
        commit = asyncio.create_task(store.commit(op(rename("no", "no"))))
        await until(gates.reached.is_set)
        commit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await commit


async def test_a_slow_scan_is_interrupted_and_the_next_one_works(store: SqliteStore) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
    with pytest.raises(Retry):
        await store.scan(endless, {})
    assert list(await store.scan("SELECT 1", {})) == [(1,)]


async def test_closing_commits_what_was_admitted_and_admits_no_more(path: Path) -> None:
    store = SqliteStore(path, CrashPoints(), lambda error: None)
    tasks = [asyncio.create_task(store.commit(op(put(f"w{n}")))) for n in range(300)]
    await until(lambda: store.waiting or any(task.done() for task in tasks))
    closing = asyncio.create_task(store.close())
    await asyncio.gather(*tasks)
    await closing
    with pytest.raises(Retry):
        await store.commit(op(put("late")))
    await store.close()
    assert len(words(path)) == 300


async def test_a_value_that_the_database_cannot_take_fails_its_operation_alone(store: SqliteStore, path: Path) -> None:
    """Half of a surrogate pair has no UTF-8; 2**70 no column; an object no type."""
    for value in ("\ud800", 2**70, object()):
        with pytest.raises((ValueError, OverflowError, sqlite3.Error)):
            async with asyncio.timeout(10):
                await store.commit(op(put("before"), put(value)))  # type: ignore[arg-type]
    await store.commit(op(put("a")))
    assert words(path) == ["a"]


async def test_a_locked_database_is_a_retry(store: SqliteStore, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Retry):
            await store.commit(op(put("a")))
        other.execute("ROLLBACK")
    await store.commit(op(put("b")))
    assert words(path) == ["b"]


# --- the disk -------------------------------------------------------------------------------------------------

CHILD = """
import asyncio, os, resource, signal, sys
from pathlib import Path
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import Retry, StoreFailed
from quarterdeck.store.operations import Statement, operation
from quarterdeck.store.sqlite import SqliteStore

def put(size):
    sql = "INSERT INTO things (word) VALUES (randomblob(:size))"
    return operation("accept", Statement("put", sql, {"size": size}, 1))

async def outcome(commit):
    try:
        await commit
    except (Retry, StoreFailed) as error:
        return type(error).__name__
    return "kept"

async def full(path):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    failures = []
    store = SqliteStore(path, CrashPoints(), failures.append)
    print(await outcome(store.commit(put(100))))
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    group = [store.commit(put(60_000)) for _ in range(4)]
    print(*(await asyncio.gather(*map(outcome, group))))
    print(await outcome(store.commit(put(1))))
    print(len(failures))
    await store.close()

async def readonly(path):
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    store = SqliteStore(path, CrashPoints(), lambda error: None)
    async with asyncio.timeout(5):
        print(await outcome(store.commit(put(1))))
    await store.close()

asyncio.run({"full": full, "readonly": readonly}[sys.argv[1]](Path(sys.argv[2])))
"""


async def child(what: str, path: Path) -> list[str]:
    command = [sys.executable, "-c", CHILD, what, str(path)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


async def test_a_failed_commit_fails_its_group_and_everything_after_it(path: Path) -> None:
    first, group, after, failures = await child("full", path)
    assert first == "kept"
    assert set(group.split()) == {"StoreFailed"}
    assert after == "StoreFailed"
    assert failures == "1"
    assert len(words(path)) == 1, "nothing of the group is there after start-up"


async def test_a_file_that_cannot_be_written_is_a_retry(store: SqliteStore, path: Path) -> None:
    """The folder is for everybody to read, so that the child may be another user than root."""
    await store.commit(op(put("a")))  # the log and its index are there, for whoever may only read
    open_folder(path)
    for file in path.parent.glob(f"{path.name}*"):
        file.chmod(0o444)
    path.parent.chmod(0o555)
    assert await child("readonly", path) == ["Retry"]
    path.parent.chmod(0o755)


def open_folder(path: Path) -> None:
    """Let any user look below the folders of this test."""
    folder = path.parent
    while folder != Path("/tmp") and folder != folder.parent:
        with contextlib.suppress(PermissionError):
            folder.chmod(folder.stat().st_mode | 0o055)
        folder = folder.parent


# --- migrations -----------------------------------------------------------------------------------------------


def test_migrations_are_numbered_without_gaps() -> None:
    assert [number for number, _, _ in known()] == list(range(1, len(known()) + 1))


def test_a_database_is_migrated_once(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    assert migrate(file) == [f"{n:04d}_{name}" for n, name, _ in known()]
    assert migrate(file) == []


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    migrate(file)
    with contextlib.closing(connect(file)) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (9999, 'future', 0)")
    with pytest.raises(NewerSchema):
        migrate(file)
