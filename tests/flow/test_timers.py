"""Conversations that start anew by themselves: each due time once, over kills, late starts and clocks that jump."""

import asyncio
import math
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from quarterdeck.flow.timers import Timers
from quarterdeck.model.message import UserMessage
from quarterdeck.model.schedule import ResetRules
from quarterdeck.store import sessions
from tests.flow.doubles import Reply, TestClock
from tests.flow.rest import broken_rules
from tests.flow.world import World

pytestmark = pytest.mark.proves("M6")

T = TypeVar("T")
DAY, MINUTE = 86_400.0, 60.0
NOON = 20_000 * DAY + DAY / 2


class Virtual(TestClock):
    """A wall clock that a test alone moves, either way."""

    def __init__(self) -> None:
        super().__init__()
        self.at = NOON

    def now(self) -> float:
        return self.at


def at_noon(folder: Path, **rules: Any) -> tuple[World, Virtual]:
    world, clock = World(folder), Virtual()
    world.clock = clock
    world.settings.let(resets=ResetRules(**rules))
    return world, clock


def timers(world: World) -> Timers:
    parts = world.parts
    return Timers(parts.store, parts.directory, parts.intake, world.clock, world.log)


def resets(world: World) -> list[dict[str, Any]]:
    return world.rows("SELECT * FROM inbox WHERE kind = 'timer' ORDER BY id")


def timer(world: World) -> dict[str, Any]:
    return world.rows("SELECT * FROM timers")[0]


def broken(world: World) -> list[str]:
    """The rules of rest, but for the one that goes by the clock."""
    return [one for one in broken_rules(world.path) if "overtook" not in one]


async def asked_about(world: World, text: str) -> list[str]:
    """What the model is shown of people when one says `text`."""
    await world.ended(await world.say(text))
    await world.rest()
    return [one.text for one in world.main.requests[-1].messages if isinstance(one, UserMessage)]


@pytest.fixture
async def idle(tmp_path: Path) -> AsyncIterator[tuple[World, Virtual]]:
    """A world whose conversations start anew after 30 minutes."""
    world, clock = at_noon(tmp_path, idle_minutes=30)
    await world.start()
    yield world, clock
    await world.rest()
    await world.stop()
    assert broken(world) == []
    assert world.log.failures == []


async def test_after_silence_the_model_is_shown_nothing_of_before(idle: tuple[World, Virtual]) -> None:
    world, clock = idle
    assert await asked_about(world, "one") == ["one"]
    clock.at += 29 * MINUTE
    assert await timers(world).tick() == 0
    assert await asked_about(world, "two") == ["one", "two"]
    rows = world.rows("SELECT due_at FROM timers")
    clock.at += 20 * MINUTE  # the timer is due, but something was said since it was set
    assert await timers(world).tick() == 1
    assert resets(world) == []
    assert world.rows("SELECT due_at FROM timers") != rows
    clock.at += 10 * MINUTE
    assert await timers(world).tick() == 1
    session = await sessions.get(world.store, world.session())
    assert session is not None
    head = session.head - 1  # before the reset itself
    (row,) = resets(world)
    assert (row["outcome"], row["detail"], row["act_key"]) == (
        "command",
        None,
        f"timer/{timer(world)['id']}/{NOON + 59 * MINUTE!r}/{head}",
    )
    assert session.updated_at == NOON + 29 * MINUTE, "a conversation is no newer for it"
    assert await timers(world).tick() == 0
    assert await asked_about(world, "three") == ["three"]


async def test_a_turn_writes_no_timer_row(idle: tuple[World, Virtual]) -> None:
    world, clock = idle
    await asked_about(world, "one")
    first = timer(world)
    clock.at += MINUTE
    await asked_about(world, "two")
    assert timer(world) == first


async def test_what_fell_due_while_nobody_was_there_says_how_late_it_is(idle: tuple[World, Virtual]) -> None:
    world, clock = idle
    await asked_about(world, "one")
    await world.kill()
    clock.at += 3 * DAY
    await world.start()
    await timers(world).tick()
    (row,) = resets(world)
    late = 3 * DAY - 30 * MINUTE
    assert row["detail"] == f"{late:.0f} s late"
    assert timer(world)["late_seconds"] == late
    assert [line["late_seconds"] for line in world.log.named("timer.missed")] == [late]


async def test_never_during_a_turn_nor_while_something_waits(idle: tuple[World, Virtual]) -> None:
    world, clock = idle
    await asked_about(world, "one")
    world.main.manual = True
    accepted = await world.say("two")
    await asyncio.wait_for(asking(world), 10)
    clock.at += 31 * MINUTE
    assert await timers(world).tick() == 1
    assert resets(world) == []
    assert timer(world)["due_at"] == clock.at + MINUTE
    world.main.manual = False
    world.main.waiting[0].set_result(Reply("done"))
    await world.ended(accepted)
    await world.rest()
    clock.at += MINUTE
    await timers(world).tick()
    assert resets(world) == [], "the turn was something that happened"
    clock.at += 30 * MINUTE
    await timers(world).tick()
    assert len(resets(world)) == 1


async def asking(world: World) -> None:
    while not world.main.waiting:
        await world.store.inner.scan("SELECT 1", {})


async def test_a_message_that_comes_at_the_same_time_is_kept(idle: tuple[World, Virtual]) -> None:
    world, clock = idle
    await asked_about(world, "one")
    clock.at += 30 * MINUTE
    world.store.before["accept"].append(lambda: say_first(world))
    await timers(world).tick()
    await world.rest()
    assert resets(world) == []
    assert world.outcomes() == ["answered", "answered"]
    assert [one.text for one in world.main.requests[-1].messages if isinstance(one, UserMessage)] == ["one", "two"]


async def say_first(world: World) -> None:
    await world.ended(await world.say("two"))
    await world.rest()


async def test_a_clock_that_is_set_back_puts_nothing_off(idle: tuple[World, Virtual]) -> None:
    world, clock = idle
    await asked_about(world, "one")
    clock.at -= 2 * DAY
    await asked_about(world, "two")
    clock.at += 30 * MINUTE
    await timers(world).tick()
    assert len(resets(world)) == 1


async def test_a_silence_counts_on_a_clock_that_was_set_back(idle: tuple[World, Virtual]) -> None:
    world, clock = idle
    await asked_about(world, "one")
    clock.at += 30 * MINUTE
    await timers(world).tick()
    assert len(resets(world)) == 1
    for back in (60 * MINUTE, 30 * MINUTE):  # to before that due time, and then to the very same one
        clock.at = NOON + 30 * MINUTE - back
        await asked_about(world, f"{back:g} before")
        clock.at += 30 * MINUTE
        await timers(world).tick()
    assert len({row["act_key"] for row in resets(world)}) == 3


async def test_people_cannot_call_it(idle: tuple[World, Virtual]) -> None:
    world, _ = idle
    for text in ("/reset", "/timer", "reset"):
        await world.ended(await world.say(text))
    assert world.outcomes() == ["answered"] * 3
    assert resets(world) == []


async def test_by_the_time_of_day(tmp_path: Path) -> None:
    world, clock = at_noon(tmp_path, at="04:00")
    await world.start()
    await asked_about(world, "one")
    clock.at = NOON + 16 * 3600 - 1
    await asked_about(world, "two")
    assert await timers(world).tick() == 0
    clock.at += 1
    await timers(world).tick()
    assert len(resets(world)) == 1
    clock.at -= 3600  # clocks are set back: this 04:00 has been
    assert await asked_about(world, "three") == ["three"]
    clock.at += 3600
    await timers(world).tick()
    assert len(resets(world)) == 1
    clock.at += 2 * MINUTE
    await timers(world).tick()
    assert len(resets(world)) == 1
    clock.at += DAY
    await timers(world).tick()
    assert len(resets(world)) == 2
    await world.stop()


async def test_a_time_that_has_been_is_not_acted_for_again(tmp_path: Path) -> None:
    world, clock = at_noon(tmp_path, at="04:00", idle_minutes=90)
    await world.start()
    await asked_about(world, "one")
    four = NOON + 16 * 3600
    clock.at = four - 3600
    await asked_about(world, "two")
    for at in (four - 3600, four):
        clock.at = at
        await timers(world).tick()
    assert timer(world)["last_due"] == four
    clock.at -= 3600
    await asked_about(world, "three")  # sets the timer for the same 04:00
    assert timer(world)["due_at"] == four
    clock.at += 5 * 3600  # and nobody looks before the silence is long enough, too
    await timers(world).tick()
    clock.at += MINUTE
    await timers(world).tick()
    assert len({row["act_key"] for row in resets(world)}) == len(resets(world)) == 2
    await world.stop()


async def test_a_timer_whose_rules_are_gone_ends(tmp_path: Path) -> None:
    world, clock = at_noon(tmp_path, idle_minutes=30)
    await world.start()
    await asked_about(world, "one")
    await world.kill()
    world.settings.let(resets=ResetRules())
    await world.start()
    clock.at += DAY
    await timers(world).tick()
    assert (resets(world), timer(world)["state"]) == ([], "ended")
    await world.stop()


# --- any order of all of it -----------------------------------------------------------------------------------


class Clocks(RuleBasedStateMachine):
    """One conversation, a clock that jumps, looks at the timers, kills; beside it, what has to come of it."""

    IDLE, AT = 90 * MINUTE, 4 * 3600.0

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="qd-timers-"))
        self.runner = asyncio.Runner()
        self.world, self.clock = at_noon(self.folder, idle_minutes=self.IDLE / MINUTE, at="04:00")
        self.do(self.world.start())
        self.said = 0.0  # when something was last said
        self.armed: float | None = None  # since when days count; None: nothing to forget
        self.fired: list[float] = []
        self.last_day = 0.0  # the newest 04:00 that was acted for
        self.number = 0

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(asyncio.wait_for(work, 60))

    @rule()
    def say(self) -> None:
        self.number += 1
        text = f"say {self.number}"

        async def say() -> list[str]:
            return await asked_about(self.world, text)

        shown = self.do(say())
        assert (len(shown) == 1) == (self.armed is None), "shown is what was said since the last reset"
        self.said = self.clock.at
        self.armed = self.clock.at if self.armed is None else min(self.armed, self.clock.at)

    @rule(seconds=st.sampled_from((1.0, 600.0, 5400.0, 5401.0, 20_000.0, 3 * DAY, -1.0, -600.0, -7200.0, -2 * DAY)))
    def time_jumps(self, seconds: float) -> None:
        self.clock.at += seconds

    @rule(point=st.sampled_from(("", "", "op.accept.before", "op.accept.after", "op.timer.before", "op.timer.after")))
    def look(self, point: str) -> None:
        self.do(self.tick(point))
        self.expect()

    @rule()
    def kill(self) -> None:
        self.do(self.world.restart())

    async def tick(self, point: str) -> None:
        self.world.parts.crash.arm(point)
        looking = asyncio.create_task(timers(self.world).tick())
        dying = asyncio.create_task(self.world.died.wait())
        await asyncio.wait((looking, dying), timeout=10, return_when=asyncio.FIRST_COMPLETED)
        died = self.world.died.is_set()
        if not died:
            await looking
        for task in (looking, dying):
            task.cancel()
        await asyncio.wait((looking, dying))
        self.world.parts.crash.arm("")
        if died:
            await self.world.restart()
            await timers(self.world).tick()

    def expect(self) -> None:
        """Due is due once, and nothing else ever happens."""
        if self.armed is not None:
            counted = max(self.armed, self.last_day)
            day = (math.floor((counted - self.AT) / DAY) + 1) * DAY + self.AT
            if self.clock.at >= min(self.said + self.IDLE, day):
                self.fired.append(self.clock.at)
                self.last_day = timer(self.world)["last_due"]
                self.armed = None
        rows = resets(self.world)
        assert len(rows) == len(self.fired)
        assert len({row["act_key"] for row in rows}) == len(rows)
        found = self.do(sessions.get(self.world.store, self.world.session()))
        if found is not None and self.armed is None:
            assert found.history_from > 0

    def teardown(self) -> None:
        try:
            self.do(self.tick(""))
            self.expect()
            self.do(self.world.rest())
            assert broken(self.world) == []
            assert self.world.log.failures == []
        finally:
            self.do(self.world.kill())
            self.runner.close()
            shutil.rmtree(self.folder)


@pytest.mark.timeout(300)
def test_any_order_of_words_looks_kills_and_jumps() -> None:
    run_state_machine_as_test(
        Clocks,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
            database=None,
            phases=(Phase.generate,),
        ),
    )
