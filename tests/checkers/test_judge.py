"""Does the judge find each violation that is planted, and nothing where there is none?"""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.checkers.inbox import check_blobs
from tests.checkers.judge import check_all
from tests.checkers.logs import check_logs
from tests.checkers.planting import ANSWER, LATER_ANSWER, PASSED_ON, POST, Planted, good_blobs
from tests.checkers.platform import MARK, from_lines
from tests.checkers.telegram import telegram_lines
from tests.checkers.test_buttons import PLANTS as PRESSED
from tests.checkers.trail import check_audit
from tests.checkers.violation import FIGURES
from tests.standins.model import Call

Plant = Callable[[Planted], object]


def shown(planted: Planted, room: str, native_id: str, text: str) -> None:
    planted.line("message", room=room, id=native_id, key=None, repeated=False, text=text)


def swap_sends(planted: Planted) -> None:
    planted.sql("UPDATE parts SET seq = 9 WHERE delivery_id = 'd1'")


def overlap(planted: Planted) -> None:
    planted.sql("UPDATE events SET seq = 40 WHERE seq = 4")
    planted.sql("UPDATE events SET seq = 4 WHERE seq = 5")
    planted.sql("UPDATE events SET seq = 5 WHERE seq = 40")


def turns_swapped(planted: Planted) -> None:
    planted.sql("UPDATE inbox SET lane_order = 7 WHERE id = 'in1'")


def same_answer_for_two_turns(planted: Planted) -> None:
    planted.sql("INSERT INTO deliveries VALUES ('d9', 's1', 't2', 'loop', 'room_r1', 'answer')")
    planted.sql("INSERT INTO parts VALUES (9, 'd9', 0, 'loop', 'room_r1', ?, 'sent', 'm9', 0, 1)", ANSWER)
    shown(planted, "r1", "m9", ANSWER)


def streamed_orphan_unmarked(planted: Planted) -> None:
    """A growing answer whose first message was lost, repeated without a mark."""
    planted.sql("INSERT INTO intents VALUES ('i9', 'stream', 't2', 'stream', '', 'lost')")
    audit = (
        b'{"id":"i9","type":"stream.intent"}',
        b'{"id":"o","type":"stream.outcome","intent":"i9","outcome":"lost"}',
    )
    for leaf in audit:
        planted.sql("INSERT INTO audit VALUES ('x', ?)", leaf)
    planted.drop(lambda line: line.get("id") in ("m3", "m4"))
    shown(planted, "r1", "m3", LATER_ANSWER[:8])
    shown(planted, "r1", "m4", LATER_ANSWER)


def overtaking_stream(planted: Planted) -> None:
    """The second turn's answer grows in the room while the first one's is not sent yet."""
    planted.sql("UPDATE parts SET resends = 0, native_id = 'm3' WHERE seq = 3")
    planted.drop(lambda line: line.get("id") in ("m2", "m4"))
    planted.sql("INSERT INTO intents VALUES ('i9', 'stream', 't2', 'stream', '', 'done')")
    shown(planted, "r1", "m2", ANSWER)


def shown_though_never_tried(planted: Planted) -> None:
    """A stop held the first answer before it was tried, and yet it is in the room."""
    planted.sql("UPDATE parts SET state = 'held', native_id = '', attempts = 0 WHERE delivery_id = 'd1'")
    planted.sql("UPDATE sessions SET stop_at = 3")


def fell_due(p: Planted, name: str, key: str = "timer/t/1.0") -> None:
    """The row of a timer."""
    p.sql(
        "INSERT INTO inbox SELECT ?, session_id, room_id, position, lane_order, 'timer', mode, '', content, 'ended',"
        " 'command', NULL, 0, ? FROM inbox WHERE id = 'in1'",
        name,
        key,
    )


PLANTS: list[tuple[str, str, Plant]] = [
    ("accepted, acknowledged, gone", "no_row", lambda p: p.sql("DELETE FROM inbox WHERE id = 'in2'")),
    ("never acknowledged", "not_acknowledged", lambda p: p.drop(lambda line: line.get("after") == 3)),
    ("accepted twice", "two_rows", lambda p: p.sql("INSERT INTO inbox SELECT * FROM inbox WHERE id = 'in1'")),
    ("a row that nobody wrote", "two_rows", lambda p: p.drop(lambda line: line.get("id") == "p1")),
    ("a due time twice", "two_rows", lambda p: [fell_due(p, name) for name in ("in3", "in4")]),
    ("a timer that is no act of one", "no_outcome", lambda p: fell_due(p, "in3", "k3")),
    ("another text accepted", "other_text", lambda p: p.sql("UPDATE inbox SET content = '{}' WHERE id = 'in1'")),
    ("still taken", "no_outcome", lambda p: p.sql("UPDATE inbox SET state = 'taken' WHERE id = 'in1'")),
    ("an unknown outcome", "no_outcome", lambda p: p.sql("UPDATE inbox SET outcome = 'done' WHERE id = 'in1'")),
    ("a turn that runs on", "no_outcome", lambda p: p.sql("UPDATE turns SET state = 'running' WHERE id = 't2'")),
    ("answered by a stopped turn", "no_answer", lambda p: p.sql("UPDATE turns SET outcome = 'stopped'")),
    ("answered without an answer", "no_answer", lambda p: p.sql("UPDATE deliveries SET kind = 'notice'")),
    (
        "failed and not told",
        "not_told",
        lambda p: (p.sql("UPDATE inbox SET outcome = 'failed'"), p.sql("DELETE FROM deliveries")),
    ),
    ("a turn of nobody", "turn_without_row", lambda p: p.sql("UPDATE inbox SET turn_id = 't2'")),
    ("left ready", "part_unfinished", lambda p: p.sql("UPDATE parts SET state = 'ready' WHERE seq = 2")),
    ("left sending", "part_unfinished", lambda p: p.sql("UPDATE parts SET state = 'sending' WHERE seq = 2")),
    ("left streaming", "part_unfinished", lambda p: p.sql("UPDATE parts SET state = 'streaming' WHERE seq = 2")),
    ("held by nobody", "held_without_stop", lambda p: p.sql("UPDATE parts SET state = 'held' WHERE seq = 2")),
    ("held and shown", "shown_twice", shown_though_never_tried),
    ("ended and not told", "end_untold", lambda p: p.sql("UPDATE events SET data = '{}' WHERE seq = 4")),
    ("sent and not there", "not_shown", lambda p: p.drop(lambda line: line.get("id") == "m2")),
    ("sent with other words", "not_shown", lambda p: p.line("edit", room="r1", id="m2", text="re: something else")),
    ("the same send twice", "shown_twice", lambda p: shown(p, "r1", "m5", ANSWER)),
    ("one repeat too many", "shown_twice", lambda p: shown(p, "r1", "m5", MARK + LATER_ANSWER)),
    ("twice in one room, by two turns", "answered_twice", same_answer_for_two_turns),
    ("an unmarked repeat", "silent_repeat", lambda p: p.line("edit", room="r1", id="m4", text=LATER_ANSWER)),
    ("a lost beginning, unmarked repeat", "silent_repeat", streamed_orphan_unmarked),
    ("words that no part has", "unexplained", lambda p: shown(p, "r1", "m5", "who said this?")),
    ("the effect twice", "effect_twice", lambda p: p.line("effect", count=2, key="t1.m1.t0", body="{}")),
    (
        "the effect again as another call",
        "effect_twice",
        lambda p: p.line("effect", count=2, key="t1.m1.t1", body=POST),
    ),
    ("an effect without an intent", "effect_unrecorded", lambda p: p.line("effect", count=2, key="t9.m1.t0", body="")),
    ("an effect that did not happen", "effect_missing", lambda p: p.drop(lambda line: line["event"] == "effect")),
    (
        "the message twice",
        "message_twice",
        lambda p: p.sql("INSERT INTO deliveries VALUES ('d9', 's1', 't1', 'loop', 'room_r2', 'message')"),
    ),
    ("no message", "message_missing", lambda p: p.sql("DELETE FROM deliveries WHERE kind = 'message'")),
    ("later words first", "room_order", swap_sends),
    ("a growing answer before an earlier one", "answer_order", overtaking_stream),
    ("a gap in the events", "event_gap", lambda p: p.sql("DELETE FROM events WHERE seq = 1")),
    ("an event behind the head", "event_gap", lambda p: p.sql("UPDATE sessions SET head = 5")),
    ("two turns at once", "turn_overlap", overlap),
    ("turns out of order", "turn_order", turns_swapped),
    (
        "answers queued out of order",
        "answer_order",
        lambda p: p.sql("UPDATE deliveries SET turn_id = CASE turn_id WHEN 't1' THEN 't2' ELSE 't1' END"),
    ),
    (
        "a turn that ended twice",
        "two_outcomes",
        lambda p: (
            p.sql("INSERT INTO events SELECT session_id, 7, kind, data FROM events WHERE seq = 4"),
            p.sql("UPDATE sessions SET head = 7"),
        ),
    ),
    (
        "a call without a result",
        "history_invalid",
        lambda p: p.sql("DELETE FROM messages WHERE part = 3"),
    ),
    (
        "a result twice",
        "history_invalid",
        lambda p: p.sql(
            "INSERT INTO messages SELECT session_id, position, 3, content, '', '' FROM messages WHERE part = 3"
        ),
    ),
    ("a result too late", "history_invalid", lambda p: p.sql("UPDATE messages SET part = 5 WHERE part = 3")),
    (
        "a call at the end",
        "history_invalid",
        lambda p: p.sql("DELETE FROM messages WHERE part > 1"),
    ),
    ("answered and forgotten", "not_in_history", lambda p: p.sql("DELETE FROM messages WHERE inbox_id = 'in2'")),
    (
        "refused by the provider",
        "request_refused",
        lambda p: p.requests.append(Call(n=2, at=0.0, digest="", kind="refused 400")),
    ),
    ("an open intent", "intent_open", lambda p: p.sql("UPDATE intents SET state = 'open' WHERE id = 'i4'")),
    ("an outcome without a record", "outcome_missing", lambda p: p.sql("DELETE FROM audit WHERE id = 'oi4'")),
    (
        "a record of another outcome",
        "outcome_missing",
        lambda p: p.sql("UPDATE intents SET state = 'lost' WHERE id = 'i4'"),
    ),
    ("two outcomes", "two_outcomes", lambda p: p.sql("INSERT INTO audit SELECT * FROM audit WHERE id = 'oi4'")),
    ("an outcome of nothing", "two_outcomes", lambda p: p.sql("DELETE FROM intents WHERE id = 'i4'")),
    ("an intent without a record", "intent_unrecorded", lambda p: p.sql("DELETE FROM audit WHERE id = 'i4'")),
    ("never settled", "unsettled", lambda p: p.sql("DELETE FROM ledger WHERE kind = 'settle'")),
    ("never reserved", "settled_twice", lambda p: p.sql("DELETE FROM ledger WHERE kind = 'reserve'")),
    (
        "settled twice",
        "settled_twice",
        lambda p: p.sql("INSERT INTO ledger SELECT * FROM ledger WHERE kind = 'settle'"),
    ),
    ("settled for nothing", "settled_twice", lambda p: p.sql("UPDATE ledger SET intent_id = 'i2'")),
    ("a unit too dear", "other_cost", lambda p: p.sql("UPDATE ledger SET amount = 71003 WHERE kind = 'settle'")),
    ("no price as 0", "other_cost", lambda p: p.sql("UPDATE ledger SET amount = 0, currency = '' WHERE reported = 1")),
    ("a price without money", "other_cost", lambda p: p.sql("UPDATE ledger SET amount = NULL WHERE reported = 1")),
    ("for another session", "sums_differ", lambda p: p.sql("UPDATE ledger SET session_id = 's9'")),
]


def test_a_good_record_has_no_violation(tmp_path: Path) -> None:
    found = list(check_all(Planted(tmp_path / "good.db").evidence()))
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize(("what", "code", "plant"), PLANTS, ids=[what for what, _, _ in PLANTS])
def test_a_planted_violation_is_found(what: str, code: str, plant: Plant, tmp_path: Path) -> None:
    planted = Planted(tmp_path / "planted.db")
    plant(planted)
    found = list(check_all(planted.evidence()))
    assert code in [violation.code for violation in found], "\n".join(map(str, found))
    assert all(violation.about and violation.evidence for violation in found)


def test_unknown_is_no_loss(tmp_path: Path) -> None:
    planted = Planted(tmp_path / "planted.db")
    planted.sql("UPDATE parts SET state = 'unknown', native_id = '' WHERE delivery_id = 'd2'")
    assert not list(check_all(planted.evidence()))


def test_what_a_stop_held_is_no_loss(tmp_path: Path) -> None:
    planted = Planted(tmp_path / "planted.db")
    shown_though_never_tried(planted)
    planted.drop(lambda line: line.get("id") == "m2")
    assert not list(check_all(planted.evidence()))


def test_an_unknown_effect_may_be_missing_but_not_twice(tmp_path: Path) -> None:
    planted = Planted(tmp_path / "planted.db")
    unknown = b'{"type":"tool","result":{"call_id":"c1","name":"http_post","text":"","status":"unknown"}}'
    planted.sql("UPDATE steps SET content = ? WHERE step = 'm1.t0'", unknown)
    planted.drop(lambda line: line["event"] == "effect")
    assert not list(check_all(planted.evidence()))


def test_missing_and_changed_bytes_are_found(tmp_path: Path) -> None:
    database = Planted(tmp_path / "good.db").evidence().database
    folder = good_blobs(tmp_path / "blobs")
    assert not list(check_blobs(database, folder))
    (file,) = folder.glob("*/*")
    file.write_bytes(b"other")
    assert [violation.code for violation in check_blobs(database, folder)] == ["blob_missing"]
    file.unlink()
    assert [violation.code for violation in check_blobs(database, folder)] == ["blob_missing"]


def test_missing_and_changed_bytes_in_rows_are_found(tmp_path: Path) -> None:
    for parts, found in (((b"es",), ["blob_missing"]), ((b"byt", b"es"), [])):
        planted = Planted(tmp_path / f"{len(parts)}.db")
        for n, data in enumerate(parts):
            planted.sql("INSERT INTO blob_parts SELECT digest, ?, ? FROM blobs", n, data)
        assert [violation.code for violation in check_blobs(planted.evidence().database, tmp_path)] == found


def test_a_file_that_is_no_record_does_not_verify(tmp_path: Path) -> None:
    path = tmp_path / "no.db"
    path.write_bytes(b"this is no database" * 100)
    assert {violation.figure for violation in check_audit(path, tmp_path / "no.pub")} == {"audit"}


def test_what_a_door_answered_is_shown_nowhere_else(tmp_path: Path) -> None:
    planted = Planted(tmp_path / "planted.db")
    planted.sql("UPDATE parts SET connection = 'web' WHERE delivery_id = 'd1'")
    planted.sql("UPDATE parts SET native_id = '' WHERE delivery_id = 'd1'")
    planted.drop(lambda line: line.get("id") == "m2")
    assert not list(check_all(planted.evidence()))


def test_the_lines_of_telegram_are_those_of_any_platform() -> None:
    journal: list[dict[str, object]] = [
        {"event": "injected", "kind": "text", "text": "helo", "update_id": 8, "chat_id": 7, "message_id": 1},
        {"event": "request", "method": "getUpdates"},
        {"event": "injected", "kind": "edit", "text": "hello", "update_id": 9, "chat_id": 7, "message_id": 1},
        {"event": "acked", "offset": 9, "update_ids": [8]},
        {"event": "sent", "chat_id": 7, "message_id": 2, "text": "re"},
        {"event": "edited", "chat_id": 7, "message_id": 2, "text": "re: hello"},
    ]
    read = from_lines(telegram_lines(journal))
    acts = [(act.seq, act.kind, act.room, act.id, act.revision, act.text) for act in read.injected]
    assert acts == [(8, "message", "7", "1", 1, "helo"), (9, "edit", "7", "1", 2, "hello")]
    assert read.acked == {8}
    assert [(entry.id, entry.first, entry.text) for entry in read.room("7")] == [("2", "re", "re: hello")]


@pytest.mark.proves("A5")
@pytest.mark.parametrize(
    ("log", "code"),
    [
        ('{"event": "accepted", "text": "hello #aaaaaaaaaa"}', "content_logged"),
        ('{"event": "accepted", "text": "hello 0aaaaaaaaaa0"}', "content_logged"),
        ('{"event": "asked", "url": "http://127.0.0.1/bot42:token/getMe"}', "secret_logged"),
        ('{"event": "accepted", "id": "inb_01a208b3163956de636da422401e"}', ""),
    ],
)
def test_secrets_and_content_in_a_log_are_found(log: str, code: str) -> None:
    found = list(check_logs(f"first line\n{log}\n", ["hello #aaaaaaaaaa", "bye"], ["42:token", "sk-1"]))
    assert [violation.code for violation in found] == ([code] if code else [])


def test_every_code_is_planted() -> None:
    elsewhere = {code for _, code, _ in PRESSED} | {
        "blob_missing",
        "audit_changed",
        "audit_open",
        "secret_logged",
        "content_logged",
    }
    assert {code for _, code, _ in PLANTS} | elsewhere == set(FIGURES)


def test_a_violation_says_what_it_counts_as(tmp_path: Path) -> None:
    planted = Planted(tmp_path / "planted.db")
    shown(planted, "r2", "m5", PASSED_ON)
    (violation, more) = check_all(planted.evidence())
    assert {violation.figure, more.figure} == {"doubled"}
    assert "r2" in str(violation)
    assert msgspec.json.encode(violation)
