"""How does a database with a long past come about? Rows as the product writes them, while no gateway runs."""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from quarterdeck.model.inbound import Room, Sender
from quarterdeck.model.message import AssistantMessage, UserMessage, encode
from quarterdeck.store import people, sessions
from quarterdeck.store.migrate import migrate
from quarterdeck.store.operations import Statement
from quarterdeck.store.sessions import NewSession
from quarterdeck.store.sqlite import connect
from quarterdeck.store.tenancy import TENANT

QUESTION = encode(UserMessage("And what did we say about the beans last week?", sender="Ada", sent_at=1.0))
ANSWER = encode(AssistantMessage("That nobody wants them, and that there is a tin left."))
EVENT = msgspec.json.encode({"inbox": "inb_", "text": "And what did we say about the beans last week?"})


def seed(database: Path, stored: Mapping[int, int]) -> None:
    """Make a database in which room `r<N>` of the loopback connection has so many stored messages, by N."""
    database.parent.mkdir(parents=True, exist_ok=True)
    migrate(database)
    now = time.time() - 3600
    with closing(connect(database)) as connection:
        connection.execute("BEGIN")
        for room, count in stored.items():
            session = _session(connection, room, now)
            _history(connection, session, count, now)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _session(connection: sqlite3.Connection, room: int, now: float) -> str:
    native, person = Room(f"r{room}"), Sender(f"u{room}", "Ada")
    new = NewSession(
        "default",
        "loopback",
        people.room_id("loopback", native.native_id),
        people.identity_id("loopback", person.native_id),
    )
    known = (people.know_room("loopback", native, now), people.know_identity("loopback", person, now))
    for statement in (*known, sessions.create(new, now)):
        _execute(connection, statement)
    return new.id


def _history(connection: sqlite3.Connection, session: str, count: int, now: float) -> None:
    """Questions and answers by turns, each with an event."""

    def messages() -> Iterator[tuple[object, ...]]:
        for n in range(1, count + 1):
            yield TENANT, session, n, 0, QUESTION if n % 2 else ANSWER, f"turn_{(n + 1) // 2:028x}", "", now

    def events() -> Iterator[tuple[object, ...]]:
        for n in range(1, count + 1):
            yield TENANT, session, n, "inbox.accepted" if n % 2 else "delivery", EVENT, now

    connection.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)", messages())
    connection.executemany(
        "INSERT INTO events (tenant, session_id, seq, kind, data, created_at) VALUES (?, ?, ?, ?, ?, ?)", events()
    )
    _execute(connection, sessions.advance(session, count, now))


def _execute(connection: sqlite3.Connection, statement: Statement) -> None:
    connection.execute(statement.sql, statement.params).fetchall()
