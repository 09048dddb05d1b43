"""What a returned commit means: on disk, all or nothing, whoever shares the group."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quarterdeck.base.crash import CrashPoints
from quarterdeck.store.operations import ExpectationFailed, Statement, operation
from quarterdeck.store.sqlite import SqliteStore, connect
from tests.waiting import until

SECONDS = 10.0


class HeldCommits(CrashPoints):
    """Holds the writer right before each COMMIT while `holding` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.holding = False
        self.reached = threading.Event()
        self.go = threading.Event()

    def reach(self, point: str) -> None:
        if point == "group.before_commit" and self.holding:
            self.reached.set()
            self.go.wait(SECONDS)


@pytest.fixture
def commits() -> HeldCommits:
    return HeldCommits()


@pytest.fixture
async def store(tmp_path: Path, commits: HeldCommits) -> AsyncIterator[SqliteStore]:
    connection = connect(tmp_path / "test.db")
    connection.execute("CREATE TABLE rows (name TEXT PRIMARY KEY)")
    connection.close()
    store = SqliteStore(tmp_path / "test.db", commits, lambda error: None)
    yield store
    commits.go.set()
    await store.close()


def put(name: str) -> Statement:
    return Statement("put", "INSERT INTO rows (name) VALUES (:name)", {"name": name}, expect=1)


def missing() -> Statement:
    return Statement("change", "UPDATE rows SET name = 'x' WHERE name = 'not there'", {}, expect=1)


def on_disk(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [name for (name,) in connection.execute("SELECT name FROM rows ORDER BY name")]
    finally:
        connection.close()


async def test_no_commit_returns_before_its_group_is_on_disk(
    store: SqliteStore, commits: HeldCommits, tmp_path: Path
) -> None:
    commits.holding = True
    async with asyncio.TaskGroup() as group:
        first = group.create_task(store.commit(operation("first", put("a"))))
        await until(commits.reached.is_set, what="the COMMIT")
        second = group.create_task(store.commit(operation("second", put("b"))))
        # A receipt that came too early would be here after a read on another thread and a few rounds of the loop.
        await store.scan("SELECT 1", {})
        done = (first.done(), second.done())
        stored = on_disk(tmp_path / "test.db")
        commits.holding = False
        commits.go.set()
    assert done == (False, False)
    assert stored == []
    assert on_disk(tmp_path / "test.db") == ["a", "b"]


async def test_an_operation_that_fails_leaves_nothing_behind_and_its_neighbours_alone(
    store: SqliteStore, tmp_path: Path
) -> None:
    results = await asyncio.gather(
        store.commit(operation("before", put("a"))),
        store.commit(operation("fails", put("b"), missing())),
        store.commit(operation("behind", put("c"))),
        return_exceptions=True,
    )
    assert [isinstance(result, ExpectationFailed) for result in results] == [False, True, False]
    assert on_disk(tmp_path / "test.db") == ["a", "c"]


async def test_an_unmet_expectation_names_its_statement(store: SqliteStore) -> None:
    with pytest.raises(ExpectationFailed) as failed:
        await store.commit(operation("fails", missing()))
    assert (failed.value.operation, failed.value.statement, failed.value.touched) == ("fails", "change", 0)


def test_a_commit_is_written_through_to_the_disk(tmp_path: Path) -> None:
    connection = connect(tmp_path / "test.db")
    full, wal = 2, "wal"
    assert connection.execute("PRAGMA synchronous").fetchone() == (full,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == (wal,)
    connection.close()
