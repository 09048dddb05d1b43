"""How long a process may begin something: EFFECTS_S from when it sent the last heartbeat that was confirmed."""

import pytest

from quarterdeck.base.errors import NotAllowed
from quarterdeck.base.standing import ALONE, EFFECTS_S, CutOff, Standing
from quarterdeck.model.action import StreamTo, ToolRun
from quarterdeck.model.permit import MintingKey, Permit, StreamPermit


class Watch:
    """A clock that a test alone moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def standing(watch: Watch) -> Standing:
    return Standing("prc_1", watch)


def beat(standing: Standing, watch: Watch, answer_after: float = 0.0) -> None:
    sent = standing.send()
    watch.at += answer_after
    standing.confirmed(sent)


def test_nothing_is_begun_before_the_first_heartbeat(standing: Standing, watch: Watch) -> None:
    assert not standing.assured
    with pytest.raises(CutOff):
        standing.check()
    standing.send()
    assert not standing.assured, "that it was sent says nothing"
    beat(standing, watch)
    standing.check()


def test_three_seconds_after_it_was_sent_nothing_is_begun(standing: Standing, watch: Watch) -> None:
    beat(standing, watch)
    watch.at += EFFECTS_S - 0.125
    standing.check()
    watch.at += 0.125
    with pytest.raises(CutOff) as refused:
        standing.check()
    assert EFFECTS_S == 3.0
    assert (refused.value.code, refused.value.retry_after) == ("cut_off", 1.0)
    assert "database" in str(refused.value)


def test_it_counts_from_the_sending_not_from_the_answer(standing: Standing, watch: Watch) -> None:
    """The others may have seen the number long before the answer came."""
    beat(standing, watch, answer_after=2.5)
    assert standing.assured
    watch.at += 0.5
    assert not standing.assured


def test_an_answer_that_comes_too_late_helps_nobody(standing: Standing, watch: Watch) -> None:
    beat(standing, watch, answer_after=3.0)
    assert not standing.assured


def test_answers_out_of_order_take_nothing_away(standing: Standing, watch: Watch) -> None:
    first = standing.send()
    watch.at += 2.0
    beat(standing, watch)
    standing.confirmed(first)
    watch.at += 2.5
    assert standing.assured


def test_a_heartbeat_gives_it_back(standing: Standing, watch: Watch) -> None:
    beat(standing, watch)
    watch.at += 60.0
    assert not standing.assured
    beat(standing, watch)
    assert standing.assured


def test_whoever_is_alone_always_may(watch: Watch) -> None:
    alone = Standing("", watch)
    watch.at += 1e6
    alone.check()
    ALONE.check()


def test_permits_refuse_and_hold_again_when_it_is_back(standing: Standing, watch: Watch) -> None:
    """Nothing was begun, so the permit is not spent."""
    run = ToolRun("clock", "{}", "trn_1", "s1.t0", "external", repeatable=True)
    permit = Permit(MintingKey(standing), "int_1", run.digest(), run.route)
    with pytest.raises(CutOff):
        permit.spend(run)
    assert not permit.spent
    beat(standing, watch)
    permit.spend(run)
    with pytest.raises(NotAllowed):
        permit.spend(run)


def test_a_growing_answer_stands_still_meanwhile(standing: Standing, watch: Watch) -> None:
    stream = StreamTo("wire", "r1", "dlv_1")
    permit = StreamPermit(MintingKey(standing), "int_1", stream.digest())
    beat(standing, watch)
    permit.check(stream)
    watch.at += EFFECTS_S
    with pytest.raises(CutOff):
        permit.check(stream)
    beat(standing, watch)
    permit.check(stream)
