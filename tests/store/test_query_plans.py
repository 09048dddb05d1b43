"""Does what every turn asks the database go through an index, so that a turn costs the same with a long history?

SQLite uses the index of a part of a table only where the query repeats the index's condition word for word.
"""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from quarterdeck.store import events, holding, inbox, intents, outbox, people, turns, usage
from quarterdeck.store.database import Kept, Store
from quarterdeck.store.migrate import migrate
from quarterdeck.store.operations import Operation, Receipt, Statement, Value

pytestmark = pytest.mark.proves("S6")

Rows = list[tuple[Value, ...]]
Ask = Callable[[Store], Awaitable[object]]


class Explained:
    """A store that notes how each query would be answered."""

    trouble = ""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.plans: list[str] = []

    def troubled(self) -> str:
        return ""

    async def commit(self, operation: Operation, kept: Kept | None = None) -> Receipt:
        for statement in operation.statements:
            self.explain(statement.sql, statement.params)
        return Receipt(operation.name, {}, {})

    async def fetch(self, sql: str, params: Mapping[str, Value]) -> Rows:
        self.explain(sql, params)
        return [(0,)] if sql.startswith("SELECT COUNT(*)") else []

    async def scan(self, sql: str, params: Mapping[str, Value]) -> Rows:
        return await self.fetch(sql, params)

    async def close(self) -> None:
        self._database.close()

    def explain(self, sql: str, params: Mapping[str, Value]) -> None:
        found = self._database.execute(f"EXPLAIN QUERY PLAN {sql}", dict(params)).fetchall()
        self.plans += [str(row[3]) for row in found]


@pytest.fixture
async def explained(tmp_path: Path) -> AsyncIterator[Explained]:
    path = tmp_path / "empty.db"
    migrate(path)
    store = Explained(sqlite3.connect(path))
    yield store
    await store.close()


def listed(state: str) -> Ask:
    return lambda store: outbox.listed(store, state, 50, "")


def told(found: events.Found) -> Statement:
    """The statement that writes what a stop or an edit tells; it asks twice."""
    return events.insert_found("s", found, 0.0)[1]


ROW = inbox.NewRow("i", "c", "a", "s", "r", "p", "edit", "followup", "m", b"", None, 0.0, 0.0, 0.0)


async def _all(found: AsyncIterator[object]) -> list[object]:
    return [one async for one in found]


ASKED: list[tuple[str, Ask]] = [
    ("inbox_lane", lambda store: inbox.waiting(store, "s", 50)),
    ("inbox_lane", lambda store: inbox.waiting_steer_first(store, "s", 50)),
    ("inbox_lane", lambda store: inbox.count_waiting(store, "s")),
    ("inbox_open", lambda store: inbox.lanes(store, "", 500)),
    ("inbox_turn", lambda store: inbox.of_turn(store, "t")),
    ("parts_open", lambda store: outbox.next_of_room(store, "c", "r")),
    ("parts_open", lambda store: outbox.rooms_with_ready(store, 500, 0)),
    *(("parts_trouble", listed(state)) for state in ("unknown", "failed", "refused", "held")),
    *(("parts_open", listed(state)) for state in ("ready", "sending", "streaming")),
    ("sessions_room", lambda store: people.speakers(store, "c", "r", 50)),
    ("deliveries_turn", lambda store: outbox.of_turn(store, "t")),
    ("intents_open", lambda store: intents.opened(store, ("send",), 200)),
    ("intents_turn", lambda store: intents.of_turn(store, "t")),
    ("turns_session", lambda store: turns.listed(store, "s", 50, "")),
    ("ledger_settled", lambda store: _all(usage.summed(store, usage.Range(0.0, 9.0), ("route",), 1))),
    ("intents_turn", lambda store: usage.of_turns(store, ["t"])),
    ("turns_running", lambda store: turns.running(store, "s")),
    ("turns_running", lambda store: turns.stopped(store, "p")),
    ("INTEGER PRIMARY KEY", lambda store: events.after_any(store, 0, 100)),
]


@pytest.mark.parametrize(("index", "ask"), ASKED)
async def test_a_query_uses_its_index(index: str, ask: Ask, explained: Explained) -> None:
    await ask(explained)
    assert any(index in plan for plan in explained.plans), explained.plans


CHANGES: list[tuple[str, Statement]] = [
    ("inbox_lane", inbox.stop_waiting("s", "b", 0.0)),
    ("inbox_lane", inbox.quieten("s", 0.0)),
    ("inbox_lane", told(inbox.stopped_told("s", "b"))),
    ("inbox_ref", told(inbox.edited_told(ROW))),
    ("inbox_ref", inbox.supersede_edited(ROW, 0.0)),
    ("inbox_turn", inbox.progressed("t")),
    ("parts_open", holding.keep_answers("s")),
    ("parts_open", holding.hold_answers("s", 0.0)),
    ("parts_open", told(holding.held_told())),
    (
        "parts_open",
        intents.insert(
            intents.IntentRow("i", "send", "s", "t", "send", 1, "d", 0, "r", "", 0, "open", 0.0), None, riding=True
        ),
    ),
]


@pytest.mark.parametrize(("index", "statement"), CHANGES)
async def test_a_change_uses_its_index(index: str, statement: Statement, explained: Explained) -> None:
    await explained.commit(Operation("one", (statement,)))
    assert any(index in plan for plan in explained.plans), explained.plans
