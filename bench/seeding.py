"""How does a database with a long past come about? Rows as the product writes them, while no gateway runs."""

import random
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from quarterdeck.model.inbound import Room, Sender
from quarterdeck.model.message import AssistantMessage, UserMessage
from quarterdeck.store import events, messages, people, search, sessions
from quarterdeck.store.messages import NewMessage
from quarterdeck.store.migrate import migrate
from quarterdeck.store.operations import Statement
from quarterdeck.store.search import START, Cursor, Entry
from quarterdeck.store.sessions import NewSession
from quarterdeck.store.sqlite import connect
from quarterdeck.store.tenancy import TENANT

QUESTION = UserMessage("And what did we say about the beans last week?", sender="Ada", sent_at=1.0)
ANSWER = AssistantMessage("That nobody wants them, and that there is a tin left.")

EVERYWHERE, RARE = "beans", "saffron"
"""A word of every findable message, and one that each `RARELY`-th has."""

EACH, RARELY = 100, 1_000
WORDS = tuple(f"{first}{last}" for first in "ba co du fe gi lo mu ne po ra si tu ve wi zo".split() for last in
              "bel con dar fin gor hul jam kes lim mon nap pol rus sat tev".split())  # fmt: skip


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


def seed_findable(database: Path, count: int) -> str:
    """Make a database with so many messages, EACH to a session, all of them in the index; the id of a session.

    Each is ten words of 225, some much more frequent than others, beside EVERYWHERE and sometimes RARE.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    migrate(database)
    now, chance, cursor, session = time.time() - 3600, random.Random(0), START, ""
    weights = [1 / rank for rank in range(1, len(WORDS) + 1)]
    with closing(connect(database)) as connection:
        connection.execute("BEGIN")
        for first in range(0, count, EACH):
            session = _session(connection, first // EACH, now)
            texts = [f"{' '.join(chance.choices(WORDS, weights, k=10))} {EVERYWHERE}" for _ in range(EACH)]
            texts = [f"{text} {RARE}" if (first + n) % RARELY == 0 else text for n, text in enumerate(texts)]
            new = [NewMessage(UserMessage(text, sender="Ada", sent_at=1.0)) for text in texts]
            entries = [Entry(session, 1, part, "user", text, now) for part, text in enumerate(texts)]
            behind = Cursor(0, first)  # before every event: what comes later is indexed by the gateway
            for statement in (
                sessions.advance(session, 1, now),
                *messages.insert(session, "turn_seeded", 1, new, now),
                *search.add(entries, cursor, behind),
            ):
                _execute(connection, statement)
            cursor = behind
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return session


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
    """Questions and answers by turns, each with an event: the first two as the product writes them, then copies."""
    for n, message in ((1, QUESTION), (2, ANSWER)):
        _execute(connection, sessions.advance(session, 1, now))
        for statement in messages.insert(session, "turn_seeded", n, [NewMessage(message)], now):
            _execute(connection, statement)
        _execute(connection, events.insert(session, 0, "inbox.accepted", {"text": message.text}, now))
    if count > 2:
        _copy(connection, "messages", ("position", "origin"), session, count)
        _copy(connection, "events", ("seq",), session, count)
        _execute(connection, sessions.advance(session, count - 2, now))


def _copy(connection: sqlite3.Connection, table: str, numbered: Sequence[str], session: str, count: int) -> None:
    """Fill numbers 3 to `count` of a session with copies of its rows 1 and 2 in turns."""
    names = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})") if name != "id"]
    values = ["n.i" if name in numbered else f"old.{name}" for name in names]
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
        f" INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM n"
        f" JOIN {table} old ON old.tenant = :tenant AND old.session_id = :session AND old.{numbered[0]} = 2 - n.i % 2",
        {"tenant": TENANT, "session": session, "count": count},
    )


def _execute(connection: sqlite3.Connection, statement: Statement) -> None:
    connection.execute(statement.sql, statement.params).fetchall()
