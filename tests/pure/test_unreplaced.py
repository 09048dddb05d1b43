"""Which of the processes that died has nobody come for?"""

import msgspec
import pytest

from quarterdeck.flow.watch.fleet import unreplaced
from quarterdeck.store.processes import Process

ALL = "gateway,worker,scheduler"


def process(name: str, started: float, died: float | None = None, left: float | None = None, **more: str) -> Process:
    """`at` is where its data directory is: its host, and what follows the boot in `home`."""
    host, _, place = more.pop("at", "h").partition("/")
    home = f"boot{started}/{place}" if place else ""
    state = "live" if died is left is None else "settled" if died is not None else "ended"
    one = Process(name, home, host, 1, "1", more.pop("roles", ALL), state, 0, started, died if left is None else left)
    return msgspec.structs.replace(one, died=int(died is not None))


def names(*known: Process) -> list[str]:
    return [one.id for one in unreplaced(sorted(known, key=lambda one: one.started_at))]


def test_one_that_died_is_missed_until_its_data_directory_is_in_use_again() -> None:
    a, b = process("a", 1, at="one/8/1"), process("b", 2, died=5, at="two/8/2")
    assert names(a, b) == ["b"]
    again = process("b2", 4.9, at="two/8/2")  # its start is a moment before it can say that the other is dead
    assert names(a, b, again) == []
    crashed = msgspec.structs.replace(again, ended_at=9.0, died=1)
    assert names(a, b, crashed) == ["b2"], "one place is missed once"
    left = msgspec.structs.replace(again, ended_at=9.0, state="ended")
    assert names(a, b, left) == []


def test_a_new_one_comes_in_the_place_of_one_that_has_no_place_of_its_own() -> None:
    a, b, c = process("a", 1), process("b", 2, died=5), process("c", 3, died=6)
    assert names(a, b, c) == ["b", "c"], "who started before is no successor"
    assert names(a, b, c, process("d", 7)) == ["c"], "each for one"
    assert names(a, b, c, process("d", 7), process("e", 8)) == []
    assert names(a, b, c, process("d", 7, died=9), process("e", 10)) == ["d"], "two of three have been replaced"


def test_who_does_less_or_was_there_before_is_no_successor() -> None:
    dead = process("a", 1, died=5)
    assert names(dead, process("b", 6, roles="worker")) == ["a"]
    assert names(process("a", 1, died=5, roles="worker"), process("b", 6)) == []
    restarted = process("b", 2, left=7, at="two/8/2"), process("b2", 8, at="two/8/2")
    assert names(process("a", 1, died=5, at="one/8/1"), *restarted) == ["a"], "a rolling restart replaces nobody else"


@pytest.mark.parametrize("left", [5.0, None])
def test_who_left_by_itself_or_lives_is_not_missed(left: float | None) -> None:
    assert names(process("a", 1, left=left), process("b", 2)) == []
