"""Search: what is found, what a query may hold, and an index that a kill neither tears nor doubles."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.errors import BadInput, QuarterdeckError
from quarterdeck.base.supervise import Life, Service
from quarterdeck.flow.indexing import BYTES, MESSAGES, Indexer, words
from quarterdeck.model.message import AssistantMessage, Message, SystemEvent, ToolCall, ToolResult, UserMessage
from quarterdeck.observe.metrics import Metrics
from quarterdeck.store import events, messages, search, sessions
from quarterdeck.store.database import Store
from quarterdeck.store.messages import NewMessage
from quarterdeck.store.operations import operation
from quarterdeck.store.sessions import NewSession
from tests.databases import Database, SqliteFile
from tests.flow.doubles import Log
from tests.store.mortal import Killed, Mortal
from tests.store.seeding import Vocabulary, seed


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Mortal]:
    store = Mortal(await database.open())
    yield store
    await store.close()


def indexer(store: Store, metrics: Metrics | None = None) -> Indexer:
    return Indexer(store, SystemClock(), metrics or Metrics(), Log())


async def end_turn(store: Store, room: str, *said: Message) -> str:
    """A turn ended with these messages."""
    new = NewSession("default", "web", room, "idy", f"About {room}")
    await store.commit(
        operation(
            "end_turn",
            sessions.create(new, 1.0),
            sessions.advance(new.id, 2, 2.0),
            events.insert(new.id, 1, "delivery", {}, 2.0),
            messages.insert(new.id, "turn_1", 1, [NewMessage(one) for one in said], 2.0),
            events.insert(new.id, 0, "turn.ended", {"turn": "turn_1"}, 2.0),
        )
    )
    return new.id


async def all_read(store: Store) -> None:
    one = indexer(store)
    while await one.slice():
        pass


async def found(store: Store, said: str, session: str = "", limit: int = 50) -> list[str]:
    return [one.snippet for one in await search.find(store, said, session, 0, limit)]


async def test_every_kind_of_message_is_found_by_its_words(store: Mortal) -> None:
    session = await end_turn(
        store,
        "r1",
        UserMessage("Where is the Käsekuchen?"),
        AssistantMessage("Let me look", (ToolCall("c1", "look", '{"for":"secretargument"}'),), reasoning="hidden"),
        ToolResult("c1", "look", "in the fridge"),
        SystemEvent("the fridge was opened"),
        AssistantMessage("In the fridge."),
    )
    assert await found(store, "fridge") == []  # behind the fact
    await all_read(store)
    assert await found(store, "kasekuchen where") == ["Where is the Käsekuchen?"]
    assert await found(store, "FRIDGE") == ["In the fridge.", "the fridge was opened", "in the fridge"]
    assert await found(store, "the fri") == await found(store, "fridge")
    assert await found(store, "fri the") == []  # only the last word may be a beginning
    assert await found(store, "look secretargument") == ["Let me look look for secretargument"]
    assert await found(store, "hidden") == []
    (one,) = await search.find(store, "opened", "", 0, 5)
    assert (one.session_id, one.position, one.part, one.role, one.title) == (session, 2, 3, "event", "About r1")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"to": "Gr\\u00fc\\u00dfe", "n": [1, {"deep": true}], "no": null}', "post to Grüße n 1 deep True no"),
        ("{}", "post"),
        ("not JSON", "post not JSON"),
        ("[" * 2_000, "post " + "[" * 2_000),
    ],
)
def test_what_can_be_found_of_a_call(arguments: str, text: str) -> None:
    assert words(AssistantMessage("", (ToolCall("c", "post", arguments),))) == ("assistant", f" {text}")


async def test_a_session_can_be_named_and_pages_go_on(store: Mortal) -> None:
    first = await end_turn(store, "r1", *(UserMessage(f"apple {n}") for n in range(5)))
    other = await end_turn(store, "r2", UserMessage("apple pie"))
    await all_read(store)
    assert await found(store, "apple", other) == ["apple pie"]
    assert await found(store, "apple", "ses_nothing") == await found(store, "apple", '" OR text:"') == []
    page = await search.find(store, "apple", first, 0, 2)
    rest = await search.find(store, "apple", first, page[-1].id, 50)
    assert [one.snippet for one in (*page, *rest)] == [f"apple {n}" for n in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("said", ["", "  ", '"', "* -", "\x00", "!?"])
async def test_a_query_without_a_word_is_refused(store: Mortal, said: str) -> None:
    with pytest.raises(BadInput, match="no word"):
        await search.find(store, said, "", 0, 5)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(said=st.text(max_size=40), session=st.text(max_size=20))
async def test_nothing_that_is_typed_is_an_operator(said: str, session: str, store: Mortal) -> None:
    with contextlib.suppress(BadInput):
        await search.find(store, said, session, 0, 5)


@pytest.mark.parametrize("said", ['pear" OR "apple', "pear OR apple", "NOT apple", "text:apple", "app*le"])
async def test_operators_are_words(store: Mortal, said: str) -> None:
    await end_turn(store, "r1", UserMessage("apple"))
    await all_read(store)
    assert await found(store, said) == []
    assert await found(store, "apple") == ["apple"]


async def test_a_kill_anywhere_loses_nothing_and_has_nothing_twice(store: Mortal, database: Database) -> None:
    for n in range(7):  # some turns are larger than a slice, in number and in size
        await end_turn(store, f"r{n}", *(UserMessage(f"word{n}m{k} " + "x" * (n * 700)) for k in range(MESSAGES + 3)))
    everything = [f"word{n}m{k}" for n in range(7) for k in range(MESSAGES + 3)]
    deaths = 0
    for side in ("before", "after") * 20:
        store.dies_in, store.side = 1 + deaths % 3, side
        try:
            await all_read(store)
        except Killed:
            deaths += 1
    store.dies_in = 0
    await all_read(store)
    assert deaths > 10
    with contextlib.closing(sqlite3.connect(database.path)) as file:
        texts = [row[0].split()[0] for row in file.execute("SELECT text FROM search ORDER BY rowid")]
    assert texts == everything


async def test_two_readers_do_not_read_the_same(store: Mortal) -> None:
    await end_turn(store, "r1", *(UserMessage(f"plum {n}") for n in range(3)))
    old = await search.cursor(store)
    await all_read(store)
    with pytest.raises(QuarterdeckError):
        await store.commit(operation("search", search.add([], old, search.Cursor(99, 0))))
    assert len(await found(store, "plum")) == 3


async def test_what_waits_is_a_gauge(store: Mortal) -> None:
    metrics = Metrics()
    one = indexer(store, metrics)
    await end_turn(store, "r1", *(UserMessage("x" * BYTES) for _ in range(2)))
    assert await one.slice()
    name = "quarterdeck_search_lag_seconds"
    assert (metrics.registry.get_sample_value(name) or 0) > 1e9  # said in 1970
    while await one.slice():
        pass
    assert metrics.registry.get_sample_value(name) == 0
    life = Life(Service(name="search", run=one.run), lambda error: None, Log())
    life.stopping.set()
    await one.run(life)  # which ends, because another process reads now
    assert metrics.registry.get_sample_value(name) is None


async def test_a_database_of_an_earlier_version_is_caught_up_with(tmp_path: Path) -> None:
    vocabulary = Vocabulary()
    file = SqliteFile(tmp_path)
    seed(file.path, 3, 40, vocabulary)
    store = await file.open()
    await all_read(store)
    rows = await store.fetch("SELECT COUNT(*), COUNT(DISTINCT session_id) FROM search", {})
    await store.close()
    assert rows[0] == (240, 3)
