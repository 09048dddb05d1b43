"""Ids sort by time, stay unique, and say what they name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.ids import IdSource


class SetClock:
    """A clock that a test sets."""

    def __init__(self, now: float) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def test_an_id_is_its_prefix_and_28_hexadecimal_digits() -> None:
    assert re.fullmatch(r"ses_[0-9a-f]{28}", IdSource(SystemClock())("ses"))


def test_the_time_is_readable_in_it() -> None:
    new_id = IdSource(SetClock(1_700_000_000.123), lambda size: b"\xff" * size)
    assert int(new_id("trn")[4:16], 16) == 1_700_000_000_123


def test_clock_and_chance_are_all_that_goes_in() -> None:
    def make() -> list[str]:
        new_id = IdSource(SetClock(5.0), lambda size: b"\x07" * size)
        return [new_id("ses") for _ in range(3)]

    assert make() == make()


@given(times=st.lists(st.floats(0, 4e9), min_size=1, max_size=30), chance=st.binary(min_size=8, max_size=8))
def test_ids_sort_as_they_were_made_even_when_the_clock_goes_back(times: list[float], chance: bytes) -> None:
    clock = SetClock(0.0)
    new_id = IdSource(clock, lambda size: chance[:size])
    made: list[str] = []
    for time in times:
        clock.time = time
        made += [new_id("ses"), new_id("ses")]
    assert made == sorted(set(made))


def test_two_sources_at_the_same_time_differ() -> None:
    clock = SetClock(1.0)
    made = {IdSource(clock)("ses") for _ in range(1000)}
    assert len(made) == 1000


@pytest.mark.parametrize("prefix", ["", "a", "Ses", "s3s", "se_s", "\u00e4\u00f6", "toolongprefix"])
def test_a_prefix_is_a_few_letters(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        IdSource(SystemClock())(prefix)
