"""The list of a hot operation travels in one trip, and does what it does when it goes statement by statement."""

import asyncio
from typing import Any

import asyncpg
import pytest

from quarterdeck.base.crash import CrashPoints
from quarterdeck.store import events, sessions, uploads
from quarterdeck.store.operations import OPERATIONS, ExpectationFailed, Operation, Statement, Value, operation
from quarterdeck.store.postgresql import PostgresqlStore
from quarterdeck.store.postgresql_lists import HOT, SHAPES
from quarterdeck.store.sessions import NewSession
from tests.databases import PostgresqlDatabase, nobody_hears, only_postgresql, own_reader
from tests.postgresql import Cluster, own_postgresql
from tests.standins.proxy import Proxy
from tests.store.behind_a_proxy import failures, network, store
from tests.waiting import until

__all__ = ["failures", "network", "only_postgresql", "own_postgresql", "own_reader", "store"]
pytestmark = pytest.mark.proves("S2")
NEW = NewSession("default", "web", "room", "idy", "")
APART = "start"  # an operation that goes statement by statement
TRIPS = 3  # BEGIN with the mark, the list, COMMIT


def told(name: str, session: NewSession, *kinds: str) -> Operation:
    """An event for each of `kinds`, numbered from the head that the same list raises."""
    return operation(
        name,
        sessions.advance(session.id, len(kinds), 2.0),
        *(events.insert(session.id, len(kinds) - n, kind, {"n": n}, 2.0) for n, kind in enumerate(kinds, 1)),
        uploads.insert(session.room_id, "p", 2.0),
        uploads.insert(session.room_id, "p", 2.0),
    )


async def seqs(store: PostgresqlStore, session: NewSession) -> list[tuple[int, str]]:
    return [(one.seq, one.kind) for one in await events.after(store, session.id, 0, 100)]


async def test_a_list_in_one_trip_leaves_and_answers_what_single_statements_do(store: PostgresqlStore) -> None:
    """Each statement sees what those before it wrote; one that repeats another touches nothing, and is counted so."""
    answers: dict[str, object] = {}
    for name in (APART, "accept"):
        session = NewSession("default", "web", f"room of {name}", "idy", "")
        await store.commit(operation(APART, sessions.create(session, 1.0)))
        receipt = await store.commit(told(name, session, "one", "two", "three"))
        answers[name] = receipt.touched, receipt.returned, await seqs(store, session)
    assert answers["accept"] == answers[APART]
    assert answers["accept"] == (
        {"sessions.advance": 1, "events.insert": 3, "uploads.insert": 1},
        {"sessions.advance": [(3,)]},
        [(1, "one"), (2, "two"), (3, "three")],
    )


async def test_it_takes_three_trips_however_long_it_is(store: PostgresqlStore, network: Proxy) -> None:
    await store.commit(operation(APART, sessions.create(NEW, 1.0)))
    trips: list[int] = []
    for kinds in (("one",), ("one", "two", "three", "four")):
        await store.commit(told("accept", NEW, *kinds))
        before = network.questions
        await store.commit(told("accept", NEW, *kinds))
        trips.append(network.questions - before)
    assert trips == [TRIPS, TRIPS]


async def test_a_failed_expectation_says_which_statement_it_was_and_keeps_nothing(store: PostgresqlStore) -> None:
    await store.commit(operation(APART, sessions.create(NEW, 1.0)))
    gone = "UPDATE uploads SET principal = :by WHERE tenant = 'main' AND principal = :by"
    failing = Operation(
        "accept", (*told("accept", NEW, "one").statements, Statement("uploads.move", gone, {"by": "p"}, expect=2))
    )
    with pytest.raises(ExpectationFailed) as failed:
        await store.commit(failing)
    assert (failed.value.operation, failed.value.statement, failed.value.touched) == ("accept", "uploads.move", 1)
    assert await seqs(store, NEW) == []
    await store.commit(told("accept", NEW, "after"))
    assert await seqs(store, NEW) == [(1, "after")], "the connection works on"


async def test_a_key_that_is_taken_says_which_statement_it_was(store: PostgresqlStore) -> None:
    await store.commit(operation(APART, sessions.create(NEW, 1.0)))
    twice = "INSERT INTO uploads (tenant, digest, principal, created_at) VALUES ('main', :digest, 'p', 1)"
    add = Statement("uploads.add", twice, {"digest": "a"}, expect=1)
    with pytest.raises(ExpectationFailed, match=r"uploads\.again touched 0 rows"):
        await store.commit(Operation("accept", (add, Statement("uploads.again", twice, {"digest": "a"}, expect=1))))
    assert await store.fetch("SELECT 1 FROM uploads", {}) == []


async def test_what_was_committed_while_it_waited_for_a_row_is_seen(
    store: PostgresqlStore, database: PostgresqlDatabase
) -> None:
    """A list as one statement would number its events from the head of before the wait."""
    await store.commit(operation(APART, sessions.create(NEW, 1.0)))
    other: Any = await asyncpg.connect(database.url, timeout=10)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("UPDATE sessions SET head = head + 5")
    waiting = asyncio.create_task(store.commit(told("accept", NEW, "one", "two")))

    async def waits() -> bool:
        return bool(await other.fetch("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))

    await until(waits, what="an operation that waits for the row")
    await transaction.commit()
    await other.close()
    assert (await waiting).one("sessions.advance") == (7,)
    assert await seqs(store, NEW) == [(6, "one"), (7, "two")]


async def test_every_value_arrives_as_it_was(store: PostgresqlStore) -> None:
    """Of each type, with what quotes would break, and nothing at all."""
    given: dict[str, Value] = {
        "quoted": "it's {a} $1::text \\ %s \N{SNOWMAN}",
        "nul": "a\0b",
        "most": 2**63 - 1,
        "half": 0.1 + 0.2,
        "none": None,
        "whole": True,
    }
    asked = "SELECT " + ", ".join(f":{name} AS {name}" for name in given)
    bytes_back = "SELECT encode(:bytes, 'hex') AS hexed"
    receipt = await store.commit(
        Operation(
            "accept",
            (
                Statement("all", asked, given, expect=1),
                Statement("bytes", bytes_back, {"bytes": b"\0\xff'"}),
                Statement("nothing", "SELECT 1 AS one WHERE :never = 1", {"never": 0}),
            ),
        )
    )
    expected = {**given, "nul": "a\N{REPLACEMENT CHARACTER}b", "whole": 1}
    assert receipt.returned == {"all": [tuple(expected.values())], "bytes": [("00ff27",)], "nothing": []}
    assert receipt.touched == {"all": 1, "bytes": 1, "nothing": 0}


async def test_a_connection_keeps_a_bounded_number_of_lists(store: PostgresqlStore) -> None:
    """What comes behind the bound is carried out all the same."""
    for n in range(SHAPES + 3):
        receipt = await store.commit(Operation("accept", (Statement("one", f"SELECT {n} AS n", {}, expect=1),)))
        assert receipt.one("one") == (n,)
    kept = await store.fetch("SELECT COUNT(*) FROM pg_proc WHERE pronamespace = pg_my_temp_schema()", {})
    assert [tuple(row) for row in kept] == [(SHAPES,)]


def test_hot_operations_are_operations() -> None:
    assert OPERATIONS.keys() >= HOT


async def test_where_no_functions_may_be_made_a_list_goes_statement_by_statement(
    database: PostgresqlDatabase, postgresql: Cluster
) -> None:
    name = database.url.rpartition("/")[2]
    owner = await asyncpg.connect(database.url)
    await owner.execute(
        f"CREATE ROLE plain LOGIN; REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC;"
        " GRANT ALL ON ALL TABLES IN SCHEMA public TO plain; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO plain"
    )
    await owner.close()
    store = await PostgresqlStore.open(database.url.replace("//quarterdeck@", "//plain@"), CrashPoints(), nobody_hears)
    try:
        session = NewSession("default", "web", "a room", "idy", "")
        await store.commit(operation(APART, sessions.create(session, 1.0)))
        for kind in ("one", "two"):
            await store.commit(
                operation("accept", sessions.advance(session.id, 1, 2.0), events.insert(session.id, 0, kind, {}, 2.0))
            )
        assert [kind for _, kind in await seqs(store, session)] == ["one", "two"]
    finally:
        await store.close()
