"""What is committed beside a stop: do the two see the same rows, and does neither wait for the other in turn?"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from quarterdeck.base.crash import CrashPoints
from quarterdeck.flow import stopping
from quarterdeck.store import events, inbox, outbox, sessions
from quarterdeck.store.inbox import NewRow
from quarterdeck.store.operations import Operation, operation
from quarterdeck.store.outbox import Delivery
from quarterdeck.store.postgresql import PostgresqlStore
from quarterdeck.store.sessions import NewSession
from tests.databases import PostgresqlDatabase, nobody_hears, only_postgresql
from tests.flow.world import World
from tests.waiting import until

__all__ = ["only_postgresql"]
GATE = 4711
BEGIN = "UPDATE parts SET state = 'sending' WHERE state = 'ready'"
WAITS = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
async def store(database: PostgresqlDatabase) -> AsyncIterator[PostgresqlStore]:
    store = await PostgresqlStore.open(database.url, CrashPoints(), nobody_hears)
    yield store
    await store.close()


@asynccontextmanager
async def held_up(database: PostgresqlDatabase, change: str, when: str) -> AsyncIterator[asyncpg.Connection]:
    """Whoever makes this change to a row waits in the middle of its operation, until GATE is let go here."""
    test = await asyncpg.connect(database.url, timeout=10)
    await test.execute(
        "CREATE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN PERFORM pg_advisory_xact_lock({GATE}); RETURN NEW; END $$;"
        f"CREATE TRIGGER gate BEFORE {change} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION wait_for_the_test()"
    )
    try:
        await test.execute(f"SELECT pg_advisory_lock({GATE})")
        yield test
    finally:
        await test.execute("DROP FUNCTION wait_for_the_test CASCADE")
        await test.close()


async def waiting(connection: asyncpg.Connection, how_many: int) -> bool:
    return len(await connection.fetch(WAITS)) == how_many


@pytest.mark.proves("M3")
async def test_a_send_that_begins_in_the_middle_of_a_stop_leaves_no_gap_in_the_events(
    store: PostgresqlStore, database: PostgresqlDatabase
) -> None:
    new = NewSession("default", "tg", "room", "idy", "")
    answer = Delivery("dlv_1", new.id, "", "tg", "room", "answer", 1.0)
    await store.commit(
        operation(
            "start",
            sessions.create(new, 1.0),
            outbox.insert_delivery(answer),
            outbox.insert_part(answer, 0, "text", "ready", 1.0),
        )
    )
    sender = await asyncpg.connect(database.url, timeout=10)
    try:
        # The first event is the command's own; whoever raises the head to the second has counted what is held.
        async with held_up(database, "UPDATE ON sessions", "NEW.head = 2 AND OLD.head = 1") as test:
            stop = operation(
                "accept",
                sessions.advance(new.id, 1, 2.0),
                events.insert(new.id, 0, "inbox.accepted", {}, 2.0),
                *stopping.stop(new.id, "inb_1", 2.0),
            )
            stopping_it = asyncio.create_task(store.commit(stop))
            await until(lambda: waiting(test, 1), what="a stop that has counted")
            sending = asyncio.create_task(sender.execute(BEGIN))
            await until(lambda: sending.done() or waiting(test, 2), what="a send that has begun, or has to wait")
            await test.execute(f"SELECT pg_advisory_unlock({GATE})")
            await stopping_it
            await sending
    finally:
        await sender.close()
    (session,) = await store.fetch("SELECT head FROM sessions", {})
    told = [one.seq for one in await events.after(store, new.id, 0, 10)]
    assert told == list(range(1, int(str(session[0])) + 1))
    assert [row["state"] for row in database.rows("SELECT state FROM parts", {})] == ["held"]


ACCEPTED, TAKEN = "inbox.accepted", "turn.started"


def act(session: str) -> NewRow:
    return NewRow("inb_1", "tg", "act", session, "room", "idy", "message", "followup", "", b"", None, 0.0, 9.0, 1.0)


def accepting(session: str) -> Operation:
    return operation(
        "accept",
        sessions.advance(session, 1, 1.0),
        inbox.insert(act(session), 1.0, 9),
        events.insert(session, 0, ACCEPTED, {}, 1.0),
    )


def taking(session: str) -> Operation:
    return operation(
        "take",
        sessions.take(session, 0, 1, 0, 2.0),
        inbox.take(["inb_1"], "turn_1"),
        events.insert(session, 0, TAKEN, {}, 2.0),
    )


@pytest.mark.proves("M3")
@pytest.mark.parametrize(("before", "beside", "ends"), [((), accepting, "stopped"), ((accepting,), taking, None)])
async def test_a_stop_from_outside_counts_what_was_committed_before_it(
    store: PostgresqlStore,
    database: PostgresqlDatabase,
    before: Sequence[Callable[[str], Operation]],
    beside: Callable[[str], Operation],
    ends: str | None,
) -> None:
    """A stop from the console or the API is no act: nothing of its operation has the session before it counts."""
    new = NewSession("default", "tg", "room", "idy", "")
    await store.commit(operation("start", sessions.create(new, 1.0)))
    for one in before:
        await store.commit(one(new.id))
    # Whoever tells of a row that comes in or is taken has the session, and has changed the row.
    async with held_up(database, "INSERT ON events", f"NEW.kind IN ('{ACCEPTED}', '{TAKEN}')") as test:
        first = asyncio.create_task(store.commit(beside(new.id)))
        await until(lambda: waiting(test, 1), what="an operation that has the session")
        stop = asyncio.create_task(store.commit(operation("session", *stopping.stop(new.id, "p", 3.0))))
        await until(lambda: waiting(test, 2), what="a stop that waits for the session")
        await test.execute(f"SELECT pg_advisory_unlock({GATE})")
        await first
        await stop
    (session,) = await store.fetch("SELECT head FROM sessions", {})
    told = [one.seq for one in await events.after(store, new.id, 0, 10)]
    assert told == list(range(1, int(str(session[0])) + 1))
    assert [row["outcome"] for row in database.rows("SELECT outcome FROM inbox", {})] == [ends]


async def test_a_stop_and_the_outcome_of_a_send_do_not_wait_for_each_other(
    tmp_path: Path, database: PostgresqlDatabase
) -> None:
    """The server would find that out after a second and give one of them up: it would be carried out twice."""
    world = World(tmp_path, database)
    await world.start()
    held = world.platform.hold()
    await world.say("one")
    await held.reached()
    async with held_up(database, "UPDATE ON parts", "NEW.state = 'sent'") as test:
        held.release()
        await until(lambda: waiting(test, 1), what="an outcome that has the part")
        stop = asyncio.create_task(world.say("/stop"))
        await until(lambda: waiting(test, 2), what="a stop that waits")
        await test.execute(f"SELECT pg_advisory_unlock({GATE})")
        await stop
        await world.rest()
        carried_out = await test.fetchval("SELECT MAX(operation) FROM commit_marks")
        assert carried_out == len(world.store.committed)
    await world.stop()
