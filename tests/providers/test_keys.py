"""Several keys of one provider: which is used, which rests, and for how long."""

import pytest

from quarterdeck.model.action import ModelCall
from quarterdeck.ports import FailureKind
from quarterdeck.providers.http.keys import LONGEST_REST, KeyRing
from tests.flow.doubles import TestClock

pytestmark = pytest.mark.proves("context.keys")


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


def test_no_key_and_one_key(clock: TestClock) -> None:
    assert KeyRing(0, clock).pick() == ""
    ring = KeyRing(1, clock)
    assert not ring.refused("k0", "rate", 5.0)  # nobody else is ready
    assert ring.pick() == "k0"


def test_the_first_that_does_not_rest_is_used(clock: TestClock) -> None:
    ring = KeyRing(3, clock)
    assert ring.pick() == "k0"
    assert ring.refused("k0", "rate", 5.0)
    assert ring.pick() == "k1"
    assert ring.refused("k1", "auth", 5.0)
    assert ring.pick() == "k2"
    assert not ring.refused("k2", "rate", 20.0)
    assert ring.pick() == "k0"  # it is ready first
    clock.ahead = 21.0
    assert [one.state for one in ring.health()] == ["ok", "auth", "ok"]
    clock.ahead = 601.0
    assert [one.state for one in ring.health()] == ["ok"] * 3


def test_a_key_that_answers_is_well_again(clock: TestClock) -> None:
    ring = KeyRing(2, clock)
    ring.refused("k0", "credit", None)
    assert ring.health()[0].seconds == pytest.approx(600.0, abs=1.0)
    ring.answered("k0")
    assert ring.pick() == "k0"


def test_nobody_is_made_to_rest_for_ever(clock: TestClock) -> None:
    ring = KeyRing(2, clock)
    ring.refused("k0", "rate", 1e9)
    clock.ahead = LONGEST_REST + 1
    assert ring.pick() == "k0"


@pytest.mark.parametrize("kind", ["network", "server", "context", "invalid", "access", "overload"])
def test_another_key_helps_only_against_what_is_the_keys(clock: TestClock, kind: FailureKind) -> None:
    ring = KeyRing(2, clock)
    assert not ring.refused("k0", kind, None)
    assert ring.pick() == "k0"


def test_a_permit_for_one_key_is_none_for_another() -> None:
    assert ModelCall("p", "m", b"{}", 1, 1, "k0").digest() != ModelCall("p", "m", b"{}", 1, 1, "k1").digest()
