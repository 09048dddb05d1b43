"""Which model is asked: own, fallbacks, rests and what sticks."""

import pytest

from quarterdeck.flow.routes import LONGEST_REST, STICKY_SECONDS, Routes
from quarterdeck.ports import FailureKind
from tests.flow.doubles import TestClock
from tests.flow.world import World

pytestmark = pytest.mark.proves("context.fallback")

WANTED = ("a/m", "b/m", "c/m")


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def routes(clock: TestClock) -> Routes:
    return Routes(clock)


def test_the_wanted_order_while_nothing_failed(routes: Routes) -> None:
    assert routes.order("s", WANTED) == list(WANTED)
    assert routes.order("s", ("a/m", "b/m", "a/m")) == ["a/m", "b/m"], "each once"


def test_who_was_given_up_is_tried_last_and_comes_back(routes: Routes, clock: TestClock) -> None:
    routes.gave_up("a/m", "server", None)
    routes.gave_up("b/m", "rate", 5.0)
    assert routes.order("s", WANTED) == ["c/m", "b/m", "a/m"]
    clock.ahead = 6.0
    assert routes.order("s", WANTED) == ["b/m", "c/m", "a/m"]
    clock.ahead = 31.0
    assert routes.order("s", WANTED) == list(WANTED)
    assert routes.resting() == {}


def test_nobody_rests_for_ever(routes: Routes, clock: TestClock) -> None:
    routes.gave_up("a/m", "rate", 1e12)
    clock.ahead = LONGEST_REST + 1
    assert routes.order("s", WANTED) == list(WANTED)


@pytest.mark.parametrize("kind", ["context", "invalid"])
def test_a_bad_request_is_nobodys_fault(routes: Routes, kind: FailureKind) -> None:
    routes.gave_up("a/m", kind, None)
    assert routes.order("s", WANTED) == list(WANTED)


def test_a_conversation_stays_with_whoever_answered_for_a_while(routes: Routes, clock: TestClock) -> None:
    routes.answered("s", "a/m", "b/m")
    assert routes.order("s", WANTED) == ["b/m", "a/m", "c/m"]
    assert routes.order("other", WANTED) == list(WANTED)
    assert routes.order("s", ("c/m", "b/m")) == ["c/m", "b/m"], "another model was chosen"
    clock.ahead = STICKY_SECONDS / 2
    routes.answered("s", "a/m", "b/m")
    clock.ahead = STICKY_SECONDS + 1
    assert routes.order("s", WANTED) == list(WANTED), "answering does not make it stick for ever"


def test_who_sticks_and_fails_does_not_stick(routes: Routes) -> None:
    routes.answered("s", "a/m", "b/m")
    routes.gave_up("b/m", "overload", None)
    assert routes.order("s", WANTED)[0] == "a/m"
    routes.answered("s", "a/m", "a/m")
    routes.answered("t", "a/m", "b/m")
    assert routes.order("s", WANTED)[0] == "a/m"


async def test_a_resting_model_is_passed_over_by_every_conversation(idle_world: World) -> None:
    world = idle_world
    world.settings.let(fallback=("spare/m",))
    await world.start()
    world.main.fail("credit", retryable=False)
    await world.ended(await world.say("go"))
    await world.ended(await world.say("go", room="r2", who="p2"))
    assert (world.main.asked, world.spare.asked) == (1, 2)
    world.jump(601)
    await world.ended(await world.say("go", room="r3", who="p3"))
    assert world.main.asked == 2


async def test_a_provider_that_asks_for_a_long_wait_is_passed_over(idle_world: World) -> None:
    world = idle_world
    world.settings.let(fallback=("spare/m",))
    await world.start()
    world.main.fail("rate", retryable=True, retry_after=60.0)
    assert list(await world.ended(await world.say("go"))) == ["answered"]
    assert (world.main.asked, world.spare.asked) == (1, 1)


async def test_another_key_is_tried_at_once_and_counts_as_no_retry(world: World) -> None:
    for _ in range(5):
        world.main.fail("rate", retryable=True, retry_after=0.0)
    assert list(await world.ended(await world.say("go"))) == ["answered"]
    assert world.main.asked == 6
