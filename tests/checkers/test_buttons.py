"""Does the judge follow a press from its button to its row, and does it find what is wrong with one?"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checkers.judge import check_all
from tests.checkers.planting import Planted
from tests.checkers.platform import from_lines
from tests.checkers.telegram import telegram_lines

Plant = Callable[[Planted], object]

LEAF = b'{"id":"i9","type":"send.intent"}'
OUTCOME = b'{"id":"oi9","type":"send.outcome","intent":"i9","outcome":"done"}'
PRESS = {"kind": "press", "revision": 1, "room": "r1", "message": "m9"}


def pressed(p: Planted) -> None:
    """A notice with two buttons; somebody presses both, the first counts, and they come off."""
    rows = [[{"label": "One", "value": "c1.0"}], [{"label": "Two", "value": "c1.1"}]]
    p.line("message", room="r1", id="m9", key=None, repeated=False, text="which one?", buttons=rows)
    for seq, (name, value) in enumerate((("q1", "c1.0"), ("q2", "c1.1")), 4):
        p.line("inject", seq=seq, id=name, value=value, **PRESS)
        p.line("told", press=name, text="")
    p.line("ack", after=5, seqs=[4, 5])
    p.line("unbutton", room="r1", id="m9")
    p.sql("INSERT INTO choices VALUES ('c1', 'd8', 'pressed')")
    p.sql("INSERT INTO deliveries VALUES ('d8', '', '', 'loop', 'room_r1', 'notice')")
    p.sql("INSERT INTO parts VALUES (8, 'd8', 0, 'loop', 'room_r1', 'which one?', 'sent', 'm9', 0, 1)")
    p.sql("INSERT INTO deliveries VALUES ('d9', '', '', 'loop', 'room_r1', 'buttons')")
    p.sql("INSERT INTO parts VALUES (9, 'd9', 0, 'loop', 'room_r1', '', 'sent', 'm9', 0, 1)")
    p.sql("INSERT INTO intents VALUES ('i9', 'send', '', '', 'd9', 'done')")
    for leaf in (LEAF, OUTCOME):
        p.sql("INSERT INTO audit VALUES ('x', ?)", leaf)
    for name, key, outcome in (("in8", "press/q1", "command"), ("in9", "press/q2", "ignored")):
        p.sql(
            "INSERT INTO inbox SELECT ?, '', room_id, 0, 0, 'press', mode, 'm9', '{}', 'ended', ?, NULL, 0, ?"
            " FROM inbox WHERE id = 'in1'",
            name,
            outcome,
            key,
        )


PLANTS: list[tuple[str, str, Plant]] = [
    ("acknowledged, gone", "no_row", lambda p: p.sql("DELETE FROM inbox WHERE id = 'in9'")),
    ("accepted twice", "two_rows", lambda p: p.sql("INSERT INTO inbox SELECT * FROM inbox WHERE id = 'in8'")),
    ("a press that nobody made", "two_rows", lambda p: p.sql("UPDATE inbox SET act_key = 'press/q3' WHERE id = 'in9'")),
    ("a press that waits for a turn", "no_outcome", lambda p: p.sql("UPDATE inbox SET outcome = 'answered'")),
    ("nobody said that it was taken", "press_untold", lambda p: p.drop(lambda line: line.get("press") == "q2")),
    ("both presses count", "pressed_twice", lambda p: p.sql("UPDATE inbox SET outcome = 'command'")),
    ("a forged button counts", "pressed_twice", lambda p: p.sql("UPDATE choices SET id = 'c2'")),
    ("it counted and they are open", "press_lost", lambda p: p.sql("UPDATE choices SET state = 'open'")),
    ("it is closed by no press", "press_lost", lambda p: p.sql("UPDATE inbox SET outcome = 'ignored'")),
    ("they are still there", "buttons_left", lambda p: p.drop(lambda line: line["event"] == "unbutton")),
    ("nothing takes them off", "buttons_left", lambda p: p.sql("DELETE FROM parts WHERE seq = 9")),
    (
        "a button that no row explains",
        "buttons_unknown",
        lambda p: (p.drop(lambda line: line["event"] == "unbutton"), p.sql("DELETE FROM choices")),
    ),
    ("taking them off is half done", "part_unfinished", lambda p: p.sql("UPDATE parts SET state = 'sending'")),
    ("the question twice", "shown_twice", lambda p: p.line(
        "message", room="r1", id="m10", key=None, repeated=False, text="which one?"
    )),
]  # fmt: skip


def test_a_press_that_counts_once_is_fine(tmp_path: Path) -> None:
    planted = Planted(tmp_path / "good.db")
    pressed(planted)
    found = list(check_all(planted.evidence()))
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize(("what", "code", "plant"), PLANTS, ids=[what for what, _, _ in PLANTS])
def test_a_planted_violation_is_found(what: str, code: str, plant: Plant, tmp_path: Path) -> None:
    planted = Planted(tmp_path / "planted.db")
    pressed(planted)
    plant(planted)
    found = list(check_all(planted.evidence()))
    assert code in [violation.code for violation in found], "\n".join(map(str, found))


def test_a_press_on_telegram_is_one_on_any_platform() -> None:
    place = {"chat_id": 7, "message_id": 2}
    markup = {"inline_keyboard": [[{"text": "One", "callback_data": "c1.0"}]]}
    query = {"kind": "callback", "text": "", "callback_query_id": "q1", "data": "c1.0"}
    journal: list[dict[str, object]] = [
        {"event": "sent", "text": "which?", "reply_markup": markup, **place},
        {"event": "injected", "update_id": 5, **query, **place},
        {"event": "answered", "callback_query_id": "q1", "text": ""},
    ]
    platform = from_lines(list(telegram_lines(journal)))
    (press,), (entry,) = platform.injected, platform.entries
    assert (press.kind, press.id, press.room, press.message, press.value) == ("press", "q1", "7", "2", "c1.0")
    assert [[(one.label, one.value) for one in row] for row in entry.buttons] == [[("One", "c1.0")]]
    assert platform.told == {"q1"}
    journal.append({"event": "markup", "reply_markup": None, **place})
    assert from_lines(list(telegram_lines(journal))).entries[0].buttons == ()
