"""A small gateway's records, made by hand: two turns, a tool call outside, a message to another room.

`good` has no violation. A test takes it, plants one, and sees it found.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

from tests.checkers.database import read_database
from tests.checkers.judge import Evidence
from tests.checkers.platform import MARK, from_lines
from tests.standins.model import Call

Lines = list[dict[str, object]]

TABLES = {
    "rooms": "id, native_id",
    "sessions": "id, room_id, head, stop_at",
    "inbox": "id, session_id, room_id, position, lane_order, kind, mode, message_ref, content, state, outcome, turn_id,"
    " takes, act_key",
    "turns": "id, session_id, state, outcome, attempt, position, started_at",
    "steps": "turn_id, step, content, created_at",
    "intents": "id, kind, turn_id, step, delivery_id, state",
    "ledger": "intent_id, kind, route, tokens_in, tokens_out, tokens_cached, tokens_cache_write, reported, amount,"
    " currency, assistant, session_id",
    "messages": "session_id, position, part, content, turn_id, inbox_id",
    "deliveries": "id, session_id, turn_id, connection, room_id, kind",
    "parts": "seq, delivery_id, n, connection, room_id, text, state, native_id, resends, attempts",
    "choices": "id, delivery_id, state",
    "events": "session_id, seq, kind, data",
    "audit": "id, leaf",
    "blobs": "digest, size",
    "blob_parts": "digest, n, data",
}

ASK, POST, ANSWER = "do it #aaaaaaaaaa", '{"for":"#aaaaaaaaaa"}', "re: do it #aaaaaaaaaa"
LATER, LATER_ANSWER = "and then #bbbbbbbbbb", "re: and then #bbbbbbbbbb"
PASSED_ON = "for you #cccccccccc"
CALLS = '"calls":[{"id":"c1","name":"http_post","arguments":"{}"},{"id":"c2","name":"send_message","arguments":"{}"}]'
INTENTS = {
    "i1": ("model", "m1", "", "done"),
    "i2": ("tool", "m1.t0", "", "done"),
    "i3": ("tool", "m1.t1", "", "done"),
    "i4": ("send", "send", "d1", "done"),
}


class Planted:
    """The records before they are read: lines of the platform, rows of the database, requests of the model."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = _lines()
        self.requests = [Call(n=1, at=0.0, digest="", text=ASK, kind="tools")]
        self.file = sqlite3.connect(path, isolation_level=None)
        for table, names in TABLES.items():
            self.file.execute(f"CREATE TABLE {table} ({names})")
        for statement, values in _rows():
            self.file.execute(statement, values)

    def sql(self, statement: str, *values: object) -> None:
        """Change the database."""
        assert self.file.execute(statement, values).rowcount != 0, statement

    def line(self, event: str, **fields: object) -> None:
        """One more line of the platform's record."""
        self.lines.append({"event": event, **fields})

    def drop(self, matches: Callable[[dict[str, object]], bool]) -> None:
        """Take lines out of the platform's record."""
        kept = [line for line in self.lines if not matches(line)]
        assert len(kept) < len(self.lines)
        self.lines = kept

    def evidence(self) -> Evidence:
        """What the checks are given."""
        self.file.close()
        return Evidence(from_lines(list(self.lines)), read_database(self.path), tuple(self.requests))


def _lines() -> Lines:
    return [
        {"event": "inject", "seq": 1, "kind": "message", "id": "p1", "revision": 1, "room": "r1", "text": ASK},
        {"event": "inject", "seq": 2, "kind": "message", "id": "p2", "revision": 1, "room": "r1", "text": LATER},
        {"event": "inject", "seq": 3, "kind": "message", "id": "p2", "revision": 1, "room": "r1", "text": LATER},
        {"event": "ack", "after": 2, "seqs": [1, 2]},
        {"event": "ack", "after": 3, "seqs": [3]},
        {"event": "effect", "count": 1, "key": "t1.m1.t0", "body": POST},
        {"event": "message", "room": "r2", "id": "m1", "key": None, "repeated": False, "text": PASSED_ON},
        {"event": "message", "room": "r1", "id": "m2", "key": None, "repeated": False, "text": ANSWER},
        {"event": "message", "room": "r1", "id": "m3", "key": None, "repeated": False, "text": LATER_ANSWER},
        {"event": "message", "room": "r1", "id": "m4", "key": None, "repeated": False, "text": MARK + LATER_ANSWER},
    ]


def _rows() -> list[tuple[str, tuple[object, ...]]]:
    rows: list[tuple[str, tuple[object, ...]]] = []

    def add(table: str, *values: object) -> None:
        rows.append((f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values))

    for room in ("r1", "r2"):
        add("rooms", f"room_{room}", room)
    add("sessions", "s1", "room_r1", 6, 0)
    for n, (said, turn) in enumerate(((ASK, "t1"), (LATER, "t2")), 1):
        place = (f"in{n}", "s1", "room_r1", n, n, "message", "followup", f"p{n}")
        add("inbox", *place, _user(said), "ended", "answered", turn, 1, f"k{n}")
    for number, turn in enumerate(("t1", "t2")):
        add("turns", turn, "s1", "ended", "answered", 1, number + 1, float(number))
    add("steps", "t1", "m1", b'{"type":"model","answer":{}}', 1.0)
    add("steps", "t1", "m1.t0", _result("c1", "http_post", "200"), 2.0)
    add("steps", "t1", "m1.t1", _result("c2", "send_message", "Queued"), 3.0)
    for name, (kind, step, delivery, state) in INTENTS.items():
        add("intents", name, kind, "t1", step, delivery, state)
        add("audit", name, json.dumps({"id": name, "type": f"{kind}.intent"}).encode())
        outcome = {"id": f"o{name}", "type": f"{kind}.outcome", "intent": name, "outcome": state}
        add("audit", f"o{name}", json.dumps(outcome).encode())
    for kind, tokens, reported, amount in (("reserve", 100, 0, 118_334), ("settle", 60, 1, 71_000)):
        add("ledger", "i1", kind, "main/test", tokens, tokens // 2, 0, 0, reported, amount, "USD", "default", "s1")
    history = [
        (_user(ASK), "t1", "in1"),
        (f'{{"type":"assistant","text":"",{CALLS}}}'.encode(), "t1", ""),
        (_said("tool", call_id="c2", name="send_message", text="Queued"), "t1", ""),
        (_said("tool", call_id="c1", name="http_post", text="200"), "t1", ""),
        (_said("assistant", text=ANSWER), "t1", ""),
        (_user(LATER), "t2", "in2"),
        (_said("assistant", text=LATER_ANSWER), "t2", ""),
    ]
    for number, (content, turn, inbox) in enumerate(history):
        add("messages", "s1", 4 if turn == "t1" else 6, number, content, turn, inbox)
    deliveries = {
        "d0": ("t1", "room_r2", "message"),
        "d1": ("t1", "room_r1", "answer"),
        "d2": ("t2", "room_r1", "answer"),
    }
    for name, (turn, room, kind) in deliveries.items():
        add("deliveries", name, "s1", turn, "loop", room, kind)
    add("parts", 1, "d0", 0, "loop", "room_r2", PASSED_ON, "sent", "m1", 0, 1)
    add("parts", 2, "d1", 0, "loop", "room_r1", ANSWER, "sent", "m2", 0, 1)
    add("parts", 3, "d2", 0, "loop", "room_r1", LATER_ANSWER, "sent", "m4", 1, 2)
    kinds = ["inbox.accepted", "inbox.accepted", "turn.started:t1", "turn.ended:t1", "turn.started:t2", "turn.ended:t2"]
    for seq, kind in enumerate(kinds, 1):
        name, _, turn = kind.partition(":")
        data = {"turn": turn, "inbox": [turn.replace("t", "in")], "outcome": "answered"}
        add("events", "s1", seq, name, json.dumps(data if turn else {"inbox": f"in{seq}", "outcome": ""}).encode())
    add("blobs", hashlib.sha256(b"bytes").hexdigest(), 5)
    return rows


def _user(text: str) -> bytes:
    return _said("user", text=text)


def _said(kind: str, **fields: str) -> bytes:
    return json.dumps({"type": kind, **fields}).encode()


def _result(call: str, tool: str, text: str) -> bytes:
    return json.dumps({"type": "tool", "result": {"call_id": call, "name": tool, "text": text}}).encode()


def good_blobs(folder: Path) -> Path:
    """The folder of bytes that the rows refer to."""
    digest = hashlib.sha256(b"bytes").hexdigest()
    (folder / digest[:2]).mkdir(parents=True)
    (folder / digest[:2] / digest).write_bytes(b"bytes")
    return folder
