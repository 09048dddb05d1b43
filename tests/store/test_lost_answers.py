"""A connection that is lost, delayed or half open, at the worst moments: nobody hears anything that is not so.

The network between store and server is a proxy that fails when it is told to. Afterwards the rows are read without it.
"""

import asyncio
import time
from itertools import count

import asyncpg
import pytest

from quarterdeck.base.errors import Retry, StoreFailed
from quarterdeck.store import postgresql, uploads
from quarterdeck.store.operations import Receipt, operation
from quarterdeck.store.postgresql import PostgresqlStore
from tests.databases import PostgresqlDatabase, only_postgresql, own_reader
from tests.postgresql import Cluster, own_postgresql
from tests.standins.proxy import Line, Proxy
from tests.store.behind_a_proxy import failures, network, store
from tests.waiting import until

__all__ = ["failures", "network", "only_postgresql", "own_postgresql", "own_reader", "store"]
pytestmark = [pytest.mark.timeout(90), pytest.mark.proves("M1")]
LOSSES = 12
DEADLINE = postgresql.CONNECT_S + postgresql.STATEMENT_S + 1.0  # of whoever asks a database that does not answer


async def put(store: PostgresqlStore, digest: str) -> Receipt:
    return await store.commit(operation("blob", uploads.insert(digest, "p", 1.0)))


async def works(store: PostgresqlStore) -> bool:
    try:
        await store.fetch("SELECT 1", {})
        await put(store, f"again {time.monotonic()}")
    except Retry:
        return False
    return True


def kept(database: PostgresqlDatabase, digest: str) -> bool:
    return bool(database.rows("SELECT 1 FROM uploads WHERE digest = :digest", {"digest": digest}))


@pytest.mark.parametrize(
    ("known", "silently"),
    [(False, False), (True, False), (False, True)],
    ids=["reset, a new row of marks", "reset, an old row", "silence, a new row"],
)
async def test_an_operation_that_was_committed_is_told_as_committed(
    store: PostgresqlStore,
    network: Proxy,
    database: PostgresqlDatabase,
    failures: list[BaseException],
    known: bool,
    silently: bool,
) -> None:
    """The server has committed, and its answer is lost."""
    if known:
        await put(store, "before")
    network.lose(b"COMMIT", "answer", silently=silently)
    receipt = await put(store, "x")
    assert receipt.touched == {"uploads.insert": 1}
    assert network.lost == 1
    assert kept(database, "x")
    assert await works(store)
    assert failures == []


@pytest.mark.parametrize(
    ("known", "silently"),
    [(False, False), (True, False), (False, True)],
    ids=["reset, a new row of marks", "reset, an old row", "silence, a new row"],
)
async def test_an_operation_that_was_not_committed_is_told_so_and_never_will_be(
    store: PostgresqlStore,
    network: Proxy,
    database: PostgresqlDatabase,
    failures: list[BaseException],
    known: bool,
    silently: bool,
) -> None:
    """COMMIT never came there. Silently: the server still holds the transaction when it is asked for."""
    if known:
        await put(store, "before")
    network.lose(b"COMMIT", "question", silently=silently)
    with pytest.raises(Retry, match="the operation with it"):
        await put(store, "x")
    assert network.lost == 1
    assert not kept(database, "x")
    assert await works(store)
    assert not kept(database, "x")
    assert failures == []


async def test_a_commit_that_comes_late_is_waited_for(
    store: PostgresqlStore, network: Proxy, database: PostgresqlDatabase
) -> None:
    """It is asked for before it has come: nobody may say that it was not committed, as it still can be."""
    network.lose(b"COMMIT", "question", silently=True)
    asked = asyncio.create_task(put(store, "x"))
    other = await asyncpg.connect(database.url, timeout=10)
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO commit_marks%'"

    async def is_asked() -> bool:
        return bool(await other.fetch(waits))

    await until(is_asked, what="the question for its fate")
    await other.close()
    network.one(0, Line.deliver)
    assert (await asked).touched == {"uploads.insert": 1}
    assert kept(database, "x")


@pytest.mark.parametrize("what", ["answer", "question"])
async def test_a_fate_is_learned_from_a_server_that_has_crashed_meanwhile(
    store: PostgresqlStore, network: Proxy, database: PostgresqlDatabase, postgresql: Cluster, what: str
) -> None:
    await put(store, "before")
    network.lose(b"COMMIT", "answer" if what == "answer" else "question")
    asked = asyncio.create_task(put(store, "x"))
    await until(lambda: network.lost == 1, what="the loss")
    await asyncio.to_thread(postgresql.crash)
    network.cut()
    await asyncio.to_thread(postgresql.start)
    network.heal()
    said = await asyncio.wait_for(asyncio.gather(asked, return_exceptions=True), 40)
    assert isinstance(said[0], Receipt if what == "answer" else Retry), said
    assert kept(database, "x") == (what == "answer")


async def test_whoever_waits_for_a_fate_may_go_and_is_told_of_it_all_the_same(
    store: PostgresqlStore, network: Proxy, database: PostgresqlDatabase
) -> None:
    """The answer is lost and the database is away: a request's deadline holds, and its hint is not lost."""
    hints: list[Receipt] = []
    network.lose(b"COMMIT", "answer", silently=True)
    change = operation("blob", uploads.insert("x", "p", 1.0))
    asked = asyncio.create_task(_within(store.commit(change, hints.append), 1.0))
    await until(lambda: network.lost == 1, what="the loss")
    network.cut()
    with pytest.raises(TimeoutError):
        await asked
    assert hints == []
    network.heal()
    await until(lambda: hints, 20, "the hint")
    assert kept(database, "x")


async def _within(work: object, seconds: float) -> object:
    async with asyncio.timeout(seconds):
        return await work  # type: ignore[misc]


async def test_a_fate_that_cannot_be_learned_ends_the_store(
    store: PostgresqlStore, network: Proxy, database: PostgresqlDatabase, failures: list[BaseException]
) -> None:
    """Somebody has taken the table away: nothing more is admitted."""
    other = await asyncpg.connect(database.url, timeout=10)
    network.lose(b"COMMIT", "answer", silently=True)
    asked = asyncio.create_task(put(store, "x"))
    await until(lambda: network.lost == 1, what="the loss")
    await other.execute("ALTER TABLE commit_marks RENAME TO elsewhere")
    try:
        with pytest.raises(StoreFailed, match="cannot be learned"):
            await asked
        assert len(failures) == 1
        with pytest.raises(StoreFailed):
            await put(store, "y")
    finally:
        await other.execute("ALTER TABLE elsewhere RENAME TO commit_marks")
        await other.close()


async def test_half_open_connections_hold_nobody_beyond_a_deadline_and_work_soon_after(
    store: PostgresqlStore, network: Proxy
) -> None:
    await asyncio.gather(*(put(store, f"before {n}") for n in range(30)))  # all connections are made
    assert len(network.lines) == postgresql.CONNECTIONS
    network.hang()
    begun = time.monotonic()
    said = await asyncio.gather(
        put(store, "x"),
        store.fetch("SELECT 1", {}),
        return_exceptions=True,
    )
    assert all(isinstance(one, Retry) for one in said), said
    assert time.monotonic() - begun < DEADLINE
    assert store.trouble
    network.heal()
    await asyncio.gather(*(put(store, f"after {n}") for n in range(30)))  # one that is still trusted would fail
    assert store.trouble == ""


async def test_a_network_that_fails_at_random_never_makes_it_lie(
    store: PostgresqlStore, network: Proxy, database: PostgresqlDatabase
) -> None:
    """Many operations while lines are reset and answers lost: what was said is what is there."""
    said: dict[str, bool] = {}

    async def one(n: int) -> None:
        for round_ in count():
            if network.lost >= LOSSES:
                return
            digest = f"{n}/{round_}"
            try:
                await put(store, digest)
                said[digest] = True
            except Retry:
                said[digest] = False

    async def trouble() -> None:
        for n in range(LOSSES):
            network.lose(b"COMMIT", "answer" if n % 2 else "question")
            await until(lambda: network.lost == n + 1, 30, "a loss")  # noqa: B023
            if n % 3 == 0:
                network.reset()

    network.delay_s = 0.001
    async with asyncio.timeout(60):
        async with asyncio.TaskGroup() as group:  # where one fails nobody goes on without end
            group.create_task(trouble())
            for n in range(20):
                group.create_task(one(n))
    there = {str(row["digest"]) for row in database.rows("SELECT digest FROM uploads", {})}
    assert {digest for digest, kept_ in said.items() if kept_} == there
    assert not all(said.values())
