"""The time of a database, between its answers and on a machine whose own clock is wrong."""

import time

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.base.clock import SharedClock

APART = 3600.0
"""What the database's time is ahead of the steps that are counted here."""


class Steps:
    """Seconds that a test alone lets pass."""

    def __init__(self) -> None:
        self.at = 50.0

    def __call__(self) -> float:
        return self.at


def test_before_the_first_answer_it_is_this_machines() -> None:
    assert abs(SharedClock().now() - time.time()) < 60


def test_it_goes_on_between_answers() -> None:
    steps = Steps()
    clock = SharedClock(steps)
    clock.heard(1_000.0, clock.ask())
    steps.at += 7
    assert clock.now() == 1_007.0


def test_an_answer_that_took_long_moves_nothing_that_may_be_so() -> None:
    steps = Steps()
    clock = SharedClock(steps)
    clock.heard(1_000.0, clock.ask())
    asked = clock.ask()
    steps.at += 10
    clock.heard(1_009.0, asked)
    assert clock.now() == 1_010.0


def test_a_database_whose_clock_is_set_is_followed_at_once() -> None:
    steps = Steps()
    clock = SharedClock(steps)
    clock.heard(1_000.0, clock.ask())
    for at in (1_000.0 + APART, 1_000.0):
        clock.heard(at, clock.ask())
        assert clock.now() == at


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5), st.floats(0, 5)), min_size=1, max_size=20))
def test_it_is_never_further_off_than_the_quickest_answer_took(answers: list[tuple[float, float, float]]) -> None:
    steps = Steps()
    clock, quickest = SharedClock(steps), 99.0
    for pause, there, back in answers:
        steps.at += pause
        asked = clock.ask()
        steps.at += there
        at = steps.at + APART
        steps.at += back
        clock.heard(at, asked)
        quickest = min(quickest, there + back)
        assert abs(clock.now() - (steps.at + APART)) <= quickest + 1e-6
