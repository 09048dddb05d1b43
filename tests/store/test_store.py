"""What every store promises, on both databases: all or nothing, seen by whoever reads next, cut by nobody."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from quarterdeck.base.errors import Retry
from quarterdeck.store import events, persons, sessions, tokens, uploads
from quarterdeck.store.database import Store
from quarterdeck.store.operations import ExpectationFailed, Operation, Receipt, Statement, Value, operation
from quarterdeck.store.people import Identity
from quarterdeck.store.sessions import NewSession
from tests.databases import Database, SqliteFile

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
NEW = NewSession("default", "web", "room", "idy", "a title")


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    failures: list[BaseException] = []
    store = await database.open(failed=failures.append)
    yield store
    await store.close()
    assert failures == []


def put(word: str, *, expect: int | None = 1) -> Statement:
    """A row that is there once; a second time touches none."""
    return Statement("put", uploads.insert(word, "p", 1.0).sql, uploads.insert(word, "p", 1.0).params, expect)


def put_hard(word: Value) -> Statement:
    """A row that is an error the second time."""
    sql = "INSERT INTO uploads (tenant, digest, principal, created_at) VALUES ('main', :word, 'p', 1)"
    return Statement("put", sql, {"word": word}, 1)


def rename(source: str, target: str) -> Statement:
    sql = "UPDATE uploads SET digest = :target WHERE digest = :source"
    return Statement("rename", sql, {"source": source, "target": target}, 1)


def op(*statements: Statement) -> Operation:
    return operation("accept", statements)


async def words(store: Store) -> list[Value]:
    return [row[0] for row in await store.fetch("SELECT digest FROM uploads ORDER BY digest", {})]


async def test_an_operation_is_kept_whole(store: Store) -> None:
    receipt = await store.commit(op(put("a"), put("b")))
    assert receipt.touched == {"put": 2}
    assert await words(store) == ["a", "b"]


async def test_an_unmet_expectation_keeps_nothing_and_names_its_statement(store: Store) -> None:
    with pytest.raises(ExpectationFailed) as failed:
        await store.commit(op(put("a"), rename("nothing", "b"), put("c")))
    assert (failed.value.statement, failed.value.touched) == ("rename", 0)
    assert await words(store) == []


async def test_a_row_that_is_there_already_keeps_nothing(store: Store) -> None:
    await store.commit(op(put_hard("a")))
    with pytest.raises((ExpectationFailed, sqlite3.IntegrityError)):
        await store.commit(op(put_hard("b"), put_hard("a")))
    assert await words(store) == ["a"]


async def test_a_value_that_no_column_takes_fails_its_operation_alone(store: Store) -> None:
    """Half of a surrogate pair has no UTF-8; 2**70 no column; an object no type."""
    for value in ("\ud800", 2**70, object()):
        with pytest.raises(Exception, match=r"surrogates|too large|not supported|range|object"):
            async with asyncio.timeout(20):
                await store.commit(op(put("before"), put_hard(value)))  # type: ignore[arg-type]
    await store.commit(op(put("a")))
    assert await words(store) == ["a"]


async def test_statements_see_what_those_before_them_did(store: Store) -> None:
    receipt = await store.commit(
        op(
            sessions.create(NEW, 1.0),
            sessions.advance(NEW.id, 2, 2.0),
            events.insert(NEW.id, 1, "one", {}, 2.0),
            events.insert(NEW.id, 0, "two", {}, 2.0),
        )
    )
    assert receipt.one("sessions.advance") == (2,)
    found = await events.after(store, NEW.id, 0, 10)
    assert [(one.seq, one.kind, one.data) for one in found] == [(1, "one", b"{}"), (2, "two", b"{}")]


async def test_whoever_waited_for_a_row_sees_what_was_done_to_it(store: Store) -> None:
    """Fifty at once raise one head: each has numbers of its own."""
    await store.commit(op(sessions.create(NEW, 1.0)))
    taken = [
        store.commit(op(sessions.advance(NEW.id, 1, 2.0), events.insert(NEW.id, 0, "e", {}, 2.0))) for _ in range(50)
    ]
    heads = [receipt.one("sessions.advance")[0] for receipt in await asyncio.gather(*taken)]
    assert sorted(heads, key=str) == sorted(range(1, 51), key=str)
    assert [one.seq for one in await events.after(store, NEW.id, 0, 100)] == list(range(1, 51))


async def test_of_many_who_expect_the_same_fence_one_has_it(store: Store) -> None:
    await store.commit(op(sessions.create(NEW, 1.0)))
    takes = [store.commit(op(put(f"w{n}"), sessions.take(NEW.id, 0, 1, 0, 2.0))) for n in range(20)]
    results = await asyncio.gather(*takes, return_exceptions=True)
    assert sum(isinstance(one, Receipt) for one in results) == 1
    assert sum(isinstance(one, ExpectationFailed) for one in results) == 19
    assert len(await words(store)) == 1


async def test_operations_that_lock_crosswise_all_end(store: Store) -> None:
    """A database that gives one up in favour of another gives it back to be tried again."""
    other = NewSession("default", "web", "room2", "idy")
    await store.commit(op(sessions.create(NEW, 1.0), sessions.create(other, 1.0)))
    pairs = [(NEW.id, other.id), (other.id, NEW.id)] * 2
    commits = [store.commit(op(*(sessions.advance(one, 1, 2.0) for one in pair))) for pair in pairs]
    results = await asyncio.gather(*commits, return_exceptions=True)
    kept = sum(isinstance(one, Receipt) for one in results)
    assert {type(one) for one in results} <= {Receipt, Retry}
    assert kept >= 1
    for one in (NEW.id, other.id):
        session = await sessions.get(store, one)
        assert session is not None
        assert session.head == kept


async def test_a_reader_sees_what_was_told(store: Store) -> None:
    for n in range(30):
        await store.commit(op(put(f"w{n}")))
        assert (await store.fetch("SELECT COUNT(*) FROM uploads", {}))[0][0] == n + 1
        assert (await store.scan("SELECT COUNT(*) FROM uploads", {}))[0][0] == n + 1


async def test_values_come_back_as_they_went(store: Store) -> None:
    row = tokens.TokenRow("tok_1", "naïve 漢 \N{GRINNING FACE}", b"\x00\xff", "", 0.1 + 0.2, None, None)
    await store.commit(op(tokens.insert(row)))
    assert await tokens.get(store, "tok_1") == row
    identity = Identity("idy_1", "web", "n", "name", None, "unknown", 1.0)
    missing = Statement(*_belongs(identity))
    with pytest.raises(ExpectationFailed):
        await store.commit(op(missing))


def _belongs(identity: Identity) -> tuple[str, str, dict[str, Value], int | None]:
    one = persons.belongs(identity, "per_1")
    return one.name, one.sql, one.params, one.expect


async def test_text_with_a_null_character_has_its_row_again(store: Store) -> None:
    """SQLite keeps it, PostgreSQL cannot; whoever asks with the same text finds the row in both."""
    await store.commit(op(put("a\0b")))
    assert await uploads.is_of(store, "a\0b", "p")


async def test_the_use_of_tokens_is_written(store: Store) -> None:
    for n in (1, 2):
        await store.commit(op(tokens.insert(tokens.TokenRow(f"tok_{n}", "", bytes([n]), "", 1.0, None, None))))
    await store.commit(op(tokens.used({"tok_1": 7.5, "tok_9": 8.0})))
    found = [await tokens.get(store, f"tok_{n}") for n in (1, 2)]
    assert [one.used_at for one in found if one is not None] == [7.5, None]


async def test_a_cancelled_caller_does_not_cut_its_commit(store: Store) -> None:
    kept: list[Receipt] = []
    commit = asyncio.create_task(store.commit(op(*(put(f"w{n}") for n in range(50))), kept.append))
    done, _ = await asyncio.wait((commit,), timeout=0)  # it has begun
    assert not done
    commit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await commit
    assert [receipt.touched for receipt in kept] == [{"put": 50}]
    assert len(await words(store)) == 50


async def test_a_slow_scan_is_ended_and_the_next_one_works(store: Store) -> None:
    with pytest.raises(Retry):
        await store.scan(ENDLESS, {})
    assert list(await store.scan("SELECT 1", {})) == [(1,)]


async def test_a_slow_scan_holds_up_no_commit(store: Store) -> None:
    beside: list[bool] = []
    for n in range(3):  # a disk may take as long as a scan
        scan = asyncio.create_task(store.scan(ENDLESS, {}))
        await store.commit(op(put(f"w{n}")))
        beside.append(not scan.done())
        with pytest.raises(Retry):
            await scan
    assert any(beside)
    assert await words(store) == ["w0", "w1", "w2"]


async def test_closing_commits_what_was_admitted_and_admits_no_more(database: Database) -> None:
    store = await database.open()
    many = 300 if isinstance(database, SqliteFile) else 100  # more than a group; no more than connections are there for
    tasks = [asyncio.create_task(store.commit(op(put(f"w{n:03}")))) for n in range(many)]
    await asyncio.wait(tasks, timeout=0)  # all have begun
    closing_it = asyncio.create_task(store.close())
    await asyncio.gather(*tasks)
    await closing_it
    with pytest.raises(Retry):
        await store.commit(op(put("late")))
    await store.close()
    with closing(sqlite3.connect(database.path)) as file:
        assert file.execute("SELECT COUNT(*) FROM uploads").fetchone() == (many,)
