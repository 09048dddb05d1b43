"""One gateway on SQLite whose wall clock goes an hour forth and back while it works."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.clocks.doors import asks, given_out, signs_in
from tests.clocks.wall import HOUR, LIBRARY, MISSING, WallClock
from tests.crash.configuration import Settings
from tests.crash.world import Said, World, world
from tests.standins.loopback import Fault
from tests.waiting import until

pytestmark = [pytest.mark.timeout(300), pytest.mark.skipif(LIBRARY is None, reason=MISSING)]

SOON_S = 30.0  # what any answer may take; a jump that counts costs an hour
WAITS = "SELECT COUNT(*) FROM parts WHERE state = 'ready' AND not_before > 0"
QUIET = "SELECT COUNT(*) FROM inbox WHERE state = 'waiting' AND not_before > 0"
RESETS = "SELECT COUNT(*) FROM inbox WHERE kind = 'timer'"
UNSEALED = "SELECT COUNT(*) FROM audit WHERE rowid NOT IN (SELECT audit_rowid FROM audit_positions)"


class Here:
    """The gateway among its stand-ins, and its clock."""

    def __init__(self, around: World, clock: WallClock) -> None:
        self.world = around
        self._clock = clock

    async def set_clock(self, ahead: float) -> None:
        """Let it jump, when what has happened so far is sealed: twice within a second no clock is set."""
        await self.counts(UNSEALED, 0)
        self._clock.set(ahead)

    async def answered(self, said: Said) -> None:
        """The room shows an answer to it."""
        shown = lambda: any(said.nonce in text for text in self.world.bot_texts(said.room))  # noqa: E731  a condition
        await until(shown, SOON_S, f"an answer to {said.nonce}")

    async def counts(self, query: str, number: int) -> None:
        """The database has so many."""
        await until(lambda: self.world.value(query) == number, SOON_S, f"{number} of {query}")


@asynccontextmanager
async def gateway(folder: Path, settings: Settings) -> AsyncIterator[Here]:
    """It runs by a clock that is right, until a test sets it; at the end it is at rest, and everything is judged."""
    async with world(folder, settings, "jumps") as around, asyncio.TaskGroup() as group:
        clock = WallClock(folder / "clock")
        around.gateway.wear(clock)
        kept = group.create_task(around.gateway.keep())
        try:
            await around.gateway.ready()
            yield Here(around, clock)
            assert await around.rest(SOON_S)
            await around.gateway.stop(last=True)
        finally:
            kept.cancel()
    found = around.judge(around.evidence())
    assert [one for one in found if not one.evidence.endswith("(clock)")] == []
    assert found, "the record says that the clock was set back"


@pytest.mark.proves("M1", "M2", "M6")
async def test_nothing_waits_an_hour_and_every_timer_acts_once(tmp_path: Path) -> None:
    settings = Settings(queue="collect", debounce_ms=1500, reset_idle_minutes=30.0)
    async with gateway(tmp_path, settings) as here:
        said = here.world.say
        for ahead in (HOUR, 0.0):  # there and back in the midst of an answer
            slow = said("slow {n} [[delay 1.5]]")
            await here.world.asked(slow)
            await here.set_clock(ahead)
            await here.answered(slow)
        await here.answered(said("right again {n}"))
        await here.set_clock(HOUR)
        await here.counts(RESETS, 1)
        quiet = said("quiet {n}")
        await here.counts(QUIET, 1)
        await here.set_clock(0.0)
        await here.answered(quiet)
        here.world.platform.fault(Fault(route="messages", kind="rate", retry_after=2.0))
        limited = said("limited {n}")
        await here.counts(WAITS, 1)
        await here.set_clock(-HOUR)
        await here.answered(limited)
        await here.answered(said("and on {n}"))
        assert here.world.value(RESETS) == 1, "the silence that has been does not come again"
        await here.set_clock(0.0)
        await here.counts(RESETS, 2)


async def test_what_people_are_given_for_a_while_holds_for_as_long_as_the_clock_shows(tmp_path: Path) -> None:
    async with gateway(tmp_path, Settings(dm_policy="pairing")) as here:
        url, process = await here.world.gateway.ready(), here.world.gateway
        token = await given_out(process, "token", "create", "--name", "t", "--scope", "chat", "--expires", "2h")
        code, late = [(await given_out(process, "signin")).rpartition("#")[2] for _ in range(2)]
        await here.set_clock(-HOUR)
        assert [await asks(url, token), await signs_in(url, code), await signs_in(url, code)] == [200, 204, 403]
        await here.set_clock(HOUR)
        assert [await asks(url, token), await signs_in(url, late)] == [200, 403]
        await here.set_clock(3 * HOUR)
        assert await asks(url, token) == 401
        await here.set_clock(0.0)
        assert await asks(url, token) == 200
        first = await _code(here, 1)
        await here.set_clock(2 * HOUR)
        assert (await process.command("pairing", "approve", first))[0] == 1, "it is good for an hour"
        second = await _code(here, 2)
        await here.set_clock(0.0)
        assert (await process.command("pairing", "approve", second))[0] == 0
        await here.answered(here.world.say("let in {n}"))


async def _code(here: Here, number: int) -> str:
    """A stranger writes, and is told a code for the so-manieth time."""
    said = here.world.say("who is there? {n}")
    told = await until(lambda: here.world.bot_texts(said.room)[number - 1 :], SOON_S, f"code number {number}")
    found = re.search(r"\b[0-9A-F]{8}\b", told[0])
    assert found, told
    return found[0]
