"""What is written of what is logged: a warning that is said over and over does not bury everything else."""

from typing import Any

import structlog

from quarterdeck.observe.log import QUIET_S, Repeats


class Written:
    """Lines that were let through, on a clock that runs as the test says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[dict[str, Any]] = []
        self._repeats = Repeats(lambda: self.now)

    def say(self, method: str, event: str, **fields: object) -> None:
        try:
            self.lines.append(dict(self._repeats(None, method, {"event": event, **fields})))
        except structlog.DropEvent:
            return


def test_a_warning_is_written_at_once_and_then_once_in_a_while_with_how_often_it_was_said() -> None:
    written = Written()
    for _ in range(100):
        written.say("warning", "process.unheard", reason="away")
        written.now += 0.2
    assert written.lines == [{"event": "process.unheard", "reason": "away"}]
    written.now = QUIET_S
    written.say("warning", "process.unheard", reason="away")
    written.say("warning", "process.unheard", reason="away")
    assert written.lines[1:] == [{"event": "process.unheard", "reason": "away", "repeated": 99}]


def test_what_is_different_is_written_and_so_is_every_error() -> None:
    written = Written()
    for _ in range(2):
        written.say("warning", "keyed.rescan_failed", name="lanes", reason="away")
        written.say("warning", "keyed.rescan_failed", name="outbox", reason="away")
        written.say("error", "store.trouble", reason="away")
        written.say("info", "lease.taken", lease="audit")
    assert [line["event"] for line in written.lines] == [
        "keyed.rescan_failed",
        "keyed.rescan_failed",
        "store.trouble",
        "lease.taken",
        "store.trouble",
        "lease.taken",
    ]


def test_what_is_remembered_is_bounded() -> None:
    written = Written()
    for number in range(5000):
        written.say("warning", "late", number=number)
    assert len(written.lines) == 5000
    assert len(written._repeats._said) <= 1000
