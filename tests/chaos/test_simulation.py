"""Do three processes ever hold one lane, act when they are held for dead, or hold each other for dead without reason?

In any order of silence, cuts, freezes, deaths and jumps of time. What a reader behind a cursor may miss while others
commit is in tests/store/test_postgresql.py: it takes two transactions at once, which one file of SQLite has not.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.chaos.simulation import Installation, Simulated

T = TypeVar("T")
PLACES = st.integers(0, 2)
ROOMS = st.sampled_from(("r1", "r2"))
TROUBLES = st.sampled_from(("freezes", "freezes in a look", "is cut", "hears nothing", "dies"))
MEMORY = Path("/dev/shm")  # where commits cost nothing: what is tested here is not the disk


class Fleet(RuleBasedStateMachine):
    """Three processes; the book of what is right is the installation's."""

    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="qd-fleet-", dir=MEMORY if MEMORY.is_dir() else None))
        self.runner = asyncio.Runner()
        self.here = Installation(self.folder)
        self.do(self.here.start())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(asyncio.wait_for(work, 60))

    def at(self, place: int) -> Simulated:
        return self.here.places[place]

    def session(self, room: str) -> str:
        return self.at(0).world.session(room=room)

    @rule(seconds=st.sampled_from((1.0, 3.0, 4.5, 5.0, 6.0)))
    def time_passes(self, seconds: float) -> None:
        self.do(self.here.passes(seconds))

    @rule(seconds=st.sampled_from((0.05, 0.3, 0.9, 1.1, 3.5, 6.0)), looks=st.booleans())
    def nobody_reaches_the_database(self, seconds: float, looks: bool) -> None:
        """It is away, or no process does anything."""
        self.do(self.here.away(seconds) if looks else self.here.jump(seconds))

    @rule(place=PLACES)
    def one_looks(self, place: int) -> None:
        if self.at(place).works:
            self.do(self.at(place).look())

    @rule(place=PLACES, trouble=TROUBLES)
    def one_is_in_trouble(self, place: int, trouble: str) -> None:
        self.begin(self.at(place), trouble)

    @rule(room=ROOMS, trouble=TROUBLES, seconds=st.sampled_from((3.5, 4.5, 6.0)))
    def whoever_runs_a_lane_is_in_trouble_for_a_while(self, room: str, trouble: str, seconds: float) -> None:
        name, _ = self.here.owners.get(self.session(room), ("", 0))
        for one in self.here.places:
            if one.name == name and not one.ended:
                self.begin(one, trouble)
                self.do(self.here.passes(seconds))
                if one.frozen and not one.ended:
                    self.do(one.thaw())

    def begin(self, one: Simulated, trouble: str) -> None:
        if trouble == "dies":
            self.do(one.end())
        elif trouble == "is cut":
            one.member.line.cut = True
        elif trouble == "hears nothing":
            one.member.line.mute = True
        elif one.works:
            self.do(one.freeze(late="look" in trouble))

    @rule(place=PLACES)
    def one_recovers(self, place: int) -> None:
        one = self.at(place)
        one.member.line.cut = one.member.line.mute = False
        if one.ended:
            self.do(self.here.restart(place))
        elif one.frozen:
            self.do(one.thaw())

    @rule(place=PLACES, room=ROOMS)
    def one_is_killed_and_started_again(self, place: int, room: str) -> None:
        """It takes what its last life had, before the others have seen that there is a new one."""
        self.do(self.here.restart(place))
        for one in (*self.here.places[place:], *self.here.places[:place]):
            if one.works:
                self.do(self.here.see_to(one, self.session(room), read=True, take=True))

    @rule(place=PLACES, room=ROOMS, read=st.booleans(), take=st.booleans())
    def one_sees_to_a_lane(self, place: int, room: str, read: bool, take: bool) -> None:
        if self.at(place).works:
            self.do(self.here.see_to(self.at(place), self.session(room), read, take))

    @rule(room=ROOMS, order=st.permutations((0, 1, 2)), end=st.booleans())
    def all_take_a_lane_at_once(self, room: str, order: list[int], end: bool) -> None:
        self.do(self.here.go_on(end))
        places = [self.at(place) for place in order if self.at(place).works]
        for one in places:
            self.do(self.here.see_to(one, self.session(room), read=True, take=False))
        for one in reversed(places):
            self.do(self.here.see_to(one, self.session(room), read=False, take=True))

    @rule(end=st.sampled_from((False, False, True)))
    def all_go_on_with_their_turns(self, end: bool) -> None:
        self.do(self.here.go_on(end))

    @invariant()
    def what_is_true(self) -> None:
        self.here.check()

    def teardown(self) -> None:
        try:
            self.here.check()
        finally:
            self.do(self.here.end())
            self.runner.close()
            shutil.rmtree(self.folder)
            Fleet.seen.update(self.here.seen)


@pytest.mark.timeout(300)
def test_any_order_of_silence_cuts_freezes_deaths_and_jumps() -> None:
    Fleet.seen.clear()
    run_state_machine_as_test(
        Fleet,
        settings=settings(
            max_examples=100,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
            database=None,
            phases=(Phase.generate,),
        ),
    )
    for what in ("deaths", "taken up", "takes in vain", "zombies refused", "ended"):
        assert Fleet.seen[what] >= 3, f"{what} were to be seen: {Fleet.seen}"
