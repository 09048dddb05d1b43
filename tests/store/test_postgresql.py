"""PostgreSQL's own troubles: a server that goes and comes back, transactions beside each other, who may not write."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import ConfigRefused, NewerSchema, Retry
from quarterdeck.store import audit, events, sessions, uploads
from quarterdeck.store.migrate import known
from quarterdeck.store.migrate_postgresql import migrate
from quarterdeck.store.operations import Receipt, operation
from quarterdeck.store.postgresql import PostgresqlStore
from quarterdeck.store.sessions import NewSession
from tests.databases import PostgresqlDatabase, nobody_hears, only_postgresql, own_reader
from tests.postgresql import Cluster, own_postgresql
from tests.waiting import until

__all__ = ["only_postgresql", "own_postgresql", "own_reader"]
NEW = NewSession("default", "web", "room", "idy", "")


@pytest.fixture
async def store(database: PostgresqlDatabase) -> AsyncIterator[PostgresqlStore]:
    store = await database.open()
    assert isinstance(store, PostgresqlStore)
    yield store
    await store.close()


async def connected(database: PostgresqlDatabase) -> Any:
    return await asyncpg.connect(database.url, timeout=10)


async def test_what_commits_late_is_not_passed_by_whoever_reads_behind_a_cursor(
    store: PostgresqlStore, database: PostgresqlDatabase
) -> None:
    """A transaction that began first and ends last: its rows have lower numbers than those that are committed."""
    await store.commit(operation("start", sessions.create(NEW, 1.0), audit.insert("aud_0", b"{}", b"h")))
    other = await connected(database)
    insert = "INSERT INTO audit (tenant, id, leaf, leaf_hash) VALUES ('main', 'aud_slow', '', 'slow')"
    event = "INSERT INTO events (tenant, session_id, seq, kind, data, created_at) VALUES ('main', $1, 9, 'slow', '', 1)"
    transaction = other.transaction()
    await transaction.start()
    await other.execute(insert)
    await other.execute(event, NEW.id)
    await store.commit(
        operation(
            "start",
            audit.insert("aud_1", b"{}", b"fast"),
            sessions.advance(NEW.id, 1, 1.0),
            events.insert(NEW.id, 0, "fast", {}, 1.0),
        )
    )
    rows = await audit.unsealed(store, 0, 10)
    assert [row[1] for row in rows] == [b"h"], "what comes behind a running transaction is not settled"
    assert await events.after_any(store, 0, 10) == []
    assert await events.newest(store) == 0
    await transaction.commit()
    await other.close()
    rows = await audit.unsealed(store, 0, 10)
    assert [row[1] for row in rows] == [b"h", b"slow", b"fast"]
    assert [one.kind for one in await events.after_any(store, 0, 10)] == ["slow", "fast"]
    assert await events.newest(store) > 0


async def test_a_server_that_comes_back_is_used_again(store: PostgresqlStore, postgresql: Cluster) -> None:
    """While it is gone, what is asked is told to come again: nothing is said to be kept."""
    await store.commit(operation("blob", uploads.insert("before", "p", 1.0)))
    for how in (signal.SIGINT, signal.SIGQUIT):
        await asyncio.to_thread(postgresql.stop, how)
        with pytest.raises(Retry, match="not reached"):
            await store.commit(operation("blob", uploads.insert("meanwhile", "p", 1.0)))
        with pytest.raises(Retry, match="not reached"):
            await store.fetch("SELECT 1", {})
        await asyncio.to_thread(postgresql.start)

        async def works(digest: str = f"after {how.name}") -> bool:
            try:
                await store.commit(operation("blob", uploads.insert(digest, "p", 1.0)))
            except Retry:
                return False
            return True

        await until(works, 20, "a commit after the server's return")
    rows = await store.fetch("SELECT digest FROM uploads ORDER BY digest", {})
    assert [row[0] for row in rows] == ["after SIGINT", "after SIGQUIT", "before"]


async def test_a_server_that_takes_nothing_is_told_so_and_written_again_when_it_does(
    store: PostgresqlStore, postgresql: Cluster
) -> None:
    """Read-only, as a server whose disk runs full is made, or a standby that has not taken over yet."""
    await store.commit(operation("blob", uploads.insert("before", "p", 1.0)))
    administrator = await asyncpg.connect(postgresql.url("postgres"), timeout=10)

    async def trouble(expected: str) -> bool:
        with contextlib.suppress(Retry):
            await store.commit(operation("blob", uploads.insert("probe", "p", 1.0)))
        return expected in store.trouble if expected else not store.trouble

    await administrator.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    await administrator.execute("SELECT pg_reload_conf()")
    try:
        await until(lambda: trouble("read-only"), 20, "the trouble")
        with pytest.raises(Retry, match="cannot be written now"):
            await store.commit(operation("blob", uploads.insert("meanwhile", "p", 1.0)))
        rows = await store.fetch("SELECT digest FROM uploads WHERE digest <> 'probe'", {})
        assert [row[0] for row in rows] == ["before"], "what is there can be read"
        assert "read-only" in store.trouble, "a read that works says nothing about writing"
    finally:
        await administrator.execute("SET default_transaction_read_only = off")
        await administrator.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await administrator.execute("SELECT pg_reload_conf()")
        await administrator.close()
    await until(lambda: trouble(""), 20, "the end of the trouble")
    await store.commit(operation("blob", uploads.insert("after", "p", 1.0)))
    rows = await store.fetch("SELECT digest FROM uploads WHERE digest <> 'probe' ORDER BY digest", {})
    assert [row[0] for row in rows] == ["after", "before"]


async def test_a_connection_that_is_cut_within_an_operation_keeps_nothing(
    store: PostgresqlStore, database: PostgresqlDatabase
) -> None:
    other = await connected(database)
    lock = other.transaction()
    await lock.start()
    await store.commit(operation("session", sessions.create(NEW, 1.0)))
    await other.execute("UPDATE sessions SET head = head WHERE id = $1", NEW.id)
    waiting = asyncio.create_task(
        store.commit(operation("blob", uploads.insert("cut", "p", 1.0), sessions.advance(NEW.id, 1, 1.0)))
    )
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"

    async def is_cut() -> bool:
        return bool(await other.fetch(cut))

    await until(is_cut, what="an operation that waits for the lock")
    with pytest.raises(Retry, match="not reached"):
        await waiting
    await lock.rollback()
    await other.close()
    assert await store.fetch("SELECT 1 FROM uploads", {}) == []


async def test_a_database_that_may_not_be_written_is_a_retry(
    store: PostgresqlStore, database: PostgresqlDatabase
) -> None:
    name = database.url.rpartition("/")[2]
    other = await connected(database)
    await other.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        read_only = await PostgresqlStore.open(database.url, CrashPoints(), nobody_hears)
        with pytest.raises(Retry, match=r"cannot be written now: cannot execute INSERT in a read-only transaction"):
            await read_only.commit(operation("blob", uploads.insert("x", "p", 1.0)))
        await read_only.close()
    finally:
        await other.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await other.close()


async def test_whoever_is_not_let_in_hears_what_to_correct(database: PostgresqlDatabase) -> None:
    with pytest.raises(ConfigRefused, match=r"database: PostgreSQL refuses: .*nowhere.* does not exist"):
        await PostgresqlStore.open(database.url.rpartition("/")[0] + "/nowhere", CrashPoints(), nobody_hears)


async def test_whoever_was_let_in_and_is_not_any_more_waits_until_it_is(database: PostgresqlDatabase) -> None:
    other, name = await connected(database), database.url.rpartition("/")[2]
    await other.execute(f"CREATE ROLE {name}_guest SUPERUSER LOGIN")
    store = await PostgresqlStore.open(
        database.url.replace("//quarterdeck@", f"//{name}_guest@"), CrashPoints(), nobody_hears
    )
    try:
        await other.execute(f"ALTER ROLE {name}_guest NOLOGIN")
        await other.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{name}_guest'")
        for _ in range(2):  # the first may find a connection that is cut
            with pytest.raises(Retry, match="not reached"):
                await store.fetch("SELECT 1", {})
        with pytest.raises(Retry, match="not permitted to log in"):
            await store.commit(operation("blob", uploads.insert("x", "p", 1.0)))
        assert "not permitted to log in" in store.trouble
        await other.execute(f"ALTER ROLE {name}_guest LOGIN")
        assert list(await store.fetch("SELECT 1", {})) == [(1,)]
    finally:
        await store.close()
        await other.close()


async def test_an_address_without_a_server_is_a_retry() -> None:
    with pytest.raises(Retry, match="not reached"):
        await PostgresqlStore.open("postgresql://nobody@127.0.0.1:9/nothing", CrashPoints(), nobody_hears)


async def test_two_who_migrate_at_once_do_it_once(postgresql: Cluster) -> None:
    url = await asyncio.to_thread(postgresql.create)
    applied = await asyncio.gather(*(migrate(url) for _ in range(4)))
    assert sorted(map(len, applied)) == [0, 0, 0, len(known())]


async def test_a_database_of_a_newer_version_is_refused(database: PostgresqlDatabase) -> None:
    other = await connected(database)
    await other.execute("INSERT INTO schema_migrations VALUES (9999, 'future', 0)")
    try:
        with pytest.raises(NewerSchema, match="install the newer version"):
            await migrate(database.url)
    finally:
        await other.execute("DELETE FROM schema_migrations WHERE version = 9999")
        await other.close()


async def test_numbers_go_on_above_those_of_a_database_that_came_from_elsewhere(
    store: PostgresqlStore, database: PostgresqlDatabase
) -> None:
    """A restored dump has the numbers of a server that had seen more transactions."""
    other = await connected(database)
    far = (10**9 << 16) + 3
    await other.execute("INSERT INTO audit (rowid, tenant, id, leaf, leaf_hash) VALUES ($1, 'main', 'o', '', '')", far)
    await migrate(database.url)
    receipt = await store.commit(operation("start", audit.insert("aud_n", b"{}", b"new")))
    assert isinstance(receipt, Receipt)
    rows = await audit.unsealed(store, far, 10)
    assert [row[1] for row in rows] == [b"new"]
    await other.execute("UPDATE commit_base SET added = 0")
    await other.close()
