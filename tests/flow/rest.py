"""What must be true of a database in which nothing is under way any more. Reads it with its own connection."""

import json
import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any

OUTCOMES = frozenset(
    "answered absorbed superseded command ignored refused handed_over stopped failed expired dead_lettered".split()
)
PARTS_AT_REST = frozenset("sent unknown refused failed held".split())


class Book:
    """A read-only look at a database."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        self._connection.row_factory = sqlite3.Row

    def rows(self, sql: str, **params: object) -> list[dict[str, Any]]:
        return [dict(row) for row in self._connection.execute(sql, params).fetchall()]

    def one(self, sql: str, **params: object) -> Any:
        """The only column of the only row."""
        row = self._connection.execute(sql, params).fetchone()
        return row[0] if row is not None else None

    def close(self) -> None:
        self._connection.close()


def broken_rules(path: Path) -> list[str]:
    """Every rule of rest that the database breaks, as sentences."""
    book = Book(path)
    try:
        return [
            *_inbox(book),
            *_turns(book),
            *_parts(book),
            *_held(book),
            *_intents(book),
            *_audit(book),
            *_events(book),
            *_told(book),
            *_steer(book),
            *_histories(book),
            *_lane_order(book),
        ]
    finally:
        book.close()


def _inbox(book: Book) -> list[str]:
    return [
        f"inbox {row['id']} is {row['state']} with outcome {row['outcome']}"
        for row in book.rows("SELECT * FROM inbox")
        if row["state"] != "ended" or row["outcome"] not in OUTCOMES or row["ended_at"] is None
    ]


def _turns(book: Book) -> list[str]:
    found = [f"turn {row['id']} is running" for row in book.rows("SELECT id FROM turns WHERE state <> 'ended'")]
    unanswered = (
        "SELECT i.id FROM inbox i LEFT JOIN turns t ON t.id = i.turn_id"
        " WHERE i.outcome IN ('answered', 'absorbed') AND COALESCE(t.outcome, '') <> 'answered'"
    )
    found += [f"inbox {row['id']} is answered by a turn that is not" for row in book.rows(unanswered)]
    silent = (  # calls that are handed to an API client may be all that there is
        "SELECT id FROM turns WHERE outcome = 'answered' AND id NOT IN (SELECT turn_id FROM deliveries)"
        ' AND id NOT IN (SELECT turn_id FROM steps WHERE instr(CAST(content AS TEXT), \'"status":"given"\') > 0)'
    )
    return found + [f"turn {row['id']} answered, but delivers nothing" for row in book.rows(silent)]


def _parts(book: Book) -> list[str]:
    return [
        f"part {row['delivery_id']}.{row['n']} is {row['state']}"
        for row in book.rows("SELECT * FROM parts")
        if row["state"] not in PARTS_AT_REST
    ]


def _held(book: Book) -> list[str]:
    """Only a stop holds, and only answers that it covers."""
    sql = (
        "SELECT p.delivery_id FROM parts p JOIN deliveries d ON d.id = p.delivery_id"
        " LEFT JOIN turns t ON t.id = d.turn_id LEFT JOIN sessions s ON s.id = d.session_id WHERE p.state = 'held'"
        " AND NOT (d.kind = 'answer' AND p.error = 'stopped' AND t.position <= s.stop_at) IS TRUE"
    )
    return [f"part of {row['delivery_id']} is held by nobody" for row in book.rows(sql)]


def _intents(book: Book) -> list[str]:
    found = [
        f"intent {row['id']} ({row['kind']} {row['step']}) is {row['state']}"
        for row in book.rows("SELECT * FROM intents")
        if row["state"] == "open" or row["closed_at"] is None
    ]
    ledger = (
        "SELECT i.id, SUM(l.kind = 'reserve') AS reserved, SUM(l.kind = 'settle') AS settled FROM intents i"
        " LEFT JOIN ledger l ON l.intent_id = i.id WHERE i.kind = 'model' GROUP BY i.id"
    )
    found += [
        f"model intent {row['id']} has {row['reserved']} reserves and {row['settled']} settles"
        for row in book.rows(ledger)
        if (row["reserved"], row["settled"]) != (1, 1)
    ]
    stray = "SELECT intent_id FROM ledger WHERE intent_id NOT IN (SELECT id FROM intents WHERE kind = 'model')"
    return found + [f"ledger row of {row['intent_id']}, which is no model intent" for row in book.rows(stray)]


def _audit(book: Book) -> list[str]:
    intents, outcomes = set[str](), defaultdict[str, int](int)
    for row in book.rows("SELECT leaf FROM audit"):
        leaf = json.loads(row["leaf"])
        if leaf["type"].endswith(".intent"):
            intents.add(leaf["id"])
        elif leaf["type"].endswith(".outcome"):
            outcomes[leaf["intent"]] += 1
    stored = {row["id"] for row in book.rows("SELECT id FROM intents")}
    found = [f"intent {one} has no audit leaf" for one in stored - intents]
    found += [f"the audit has an intent {one} that is not stored" for one in intents - stored]
    return found + [f"intent {one} has {outcomes[one]} outcome leaves" for one in stored if outcomes[one] != 1]


def _events(book: Book) -> list[str]:
    found: list[str] = []
    for session in book.rows("SELECT id, head, fence FROM sessions"):
        seqs = [
            row["seq"]
            for row in book.rows("SELECT seq FROM events WHERE session_id = :id ORDER BY seq", id=session["id"])
        ]
        if seqs != list(range(1, session["head"] + 1)):
            found.append(f"events of {session['id']} are numbered {seqs}, its head is {session['head']}")
    return found


def _told(book: Book) -> list[str]:
    """Every end of a row is told once: as it is accepted, by its turn, or by an event of its own."""
    told: dict[str, int] = defaultdict(int)
    for row in book.rows("SELECT kind, data FROM events WHERE kind IN ('inbox.accepted', 'inbox.ended', 'turn.ended')"):
        data = json.loads(row["data"])
        named = ([data["inbox"]] if data["outcome"] else []) if row["kind"] == "inbox.accepted" else data["inbox"]
        for inbox_id in named:
            told[inbox_id] += 1
    rows = book.rows("SELECT id, outcome FROM inbox WHERE session_id <> ''")
    return [
        f"the end of inbox {r['id']} ({r['outcome']}) is told {told[r['id']]} times" for r in rows if told[r["id"]] != 1
    ]


def _steer(book: Book) -> list[str]:
    sql = (
        "SELECT id, untaken_steer AS said, (SELECT COUNT(*) FROM inbox i WHERE i.session_id = s.id AND i.mode = 'steer'"
        " AND i.state = 'waiting') AS counted FROM sessions s"
    )
    return [
        f"session {row['id']} counts {row['said']} untaken steering rows, there are {row['counted']}"
        for row in book.rows(sql)
        if row["said"] != row["counted"]
    ]


def _histories(book: Book) -> list[str]:
    found: list[str] = []
    for session in book.rows("SELECT DISTINCT session_id FROM messages"):
        rows = book.rows(
            "SELECT content, inbox_id FROM messages WHERE session_id = :id ORDER BY position, part",
            id=session["session_id"],
        )
        found += wire_faults([json.loads(row["content"]) for row in rows], session["session_id"])
    twice = "SELECT inbox_id, COUNT(*) AS n FROM messages WHERE inbox_id <> '' GROUP BY inbox_id HAVING n <> 1"
    found += [f"inbox {row['inbox_id']} is {row['n']} times in the history" for row in book.rows(twice)]
    lost = (
        "SELECT id FROM inbox WHERE outcome IN ('answered', 'absorbed') AND id NOT IN (SELECT inbox_id FROM messages)"
    )
    return found + [f"inbox {row['id']} was answered and is not in the history" for row in book.rows(lost)]


def wire_faults(messages: list[dict[str, Any]], where: str) -> list[str]:
    """Why a chat endpoint would refuse these messages: each call needs its one result before anything else."""
    found: list[str] = []
    waiting: list[str] = []
    for message in messages:
        if message["type"] == "tool":
            if message["call_id"] in waiting:
                waiting.remove(message["call_id"])
            else:
                found.append(f"{where}: a result for {message['call_id']}, which is not open")
            continue
        if waiting:
            found.append(f"{where}: {message['type']} while {waiting} have no result")
        waiting = [call["id"] for call in message.get("calls", ())]
    if waiting:
        found.append(f"{where}: ends while {waiting} have no result")
    return found


def _lane_order(book: Book) -> list[str]:
    """Turns of a session begin in the order of the rows that they took first."""
    found: list[str] = []
    sql = (
        "SELECT i.session_id, i.turn_id, MIN(i.lane_order) AS first FROM inbox i JOIN turns t ON t.id = i.turn_id"
        " GROUP BY i.session_id, i.turn_id ORDER BY i.session_id, t.started_at, i.turn_id"
    )
    last: dict[str, int] = {}
    for row in book.rows(sql):
        if row["first"] < last.get(row["session_id"], -1):
            found.append(f"turn {row['turn_id']} of {row['session_id']} overtook an earlier row")
        last[row["session_id"]] = row["first"]
    return found
