"""Processes on one PostgreSQL whose machines' clocks are an hour apart, and jump: they go by the database's."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.chaos.storm import storm
from tests.chaos.troubles import TROUBLES
from tests.clocks.doors import asks, given_out, signs_in
from tests.clocks.wall import HOUR, LIBRARY, MISSING
from tests.doors.test_two_gateways import two
from tests.postgresql import Cluster, own_postgresql

__all__ = ["own_postgresql"]
pytestmark = [pytest.mark.timeout(400), pytest.mark.skipif(LIBRARY is None, reason=MISSING)]

WRITTEN = "SELECT created_at FROM inbox"
NEAR_S = 30.0
COLLECTS = 1  # the number of a storm whose assistant gathers what is said within its quiet time


@pytest.mark.proves("M1", "M2", "M3", "A1", "R1")
def test_what_waits_for_its_quiet_time_or_its_retry_is_lost_and_doubled_by_no_clock(
    postgresql: Cluster, tmp_path: Path
) -> None:
    outcome = asyncio.run(storm(TROUBLES["jumps"], postgresql, tmp_path / "jumps", "0 jumps", COLLECTS))
    assert outcome.fine, str(outcome)
    assert (outcome.kills, outcome.given_up) == (1, 0), "nobody had evidence of anybody else's death"


@pytest.fixture
def database(postgresql: Cluster) -> str:
    return postgresql.create()


async def test_what_one_gives_out_for_minutes_holds_at_another_two_hours_apart(database: str, tmp_path: Path) -> None:
    async with two(tmp_path, database, ahead=(HOUR, -HOUR)) as both:
        ahead, behind = both.fleet.gateways
        for maker, other in ((ahead, both.b), (behind, both.a)):
            assert await asks(other, await given_out(maker, "token", "create", "--name", "t", "--scope", "chat",
                                                     "--expires", "30m")) == 200  # fmt: skip
            code = (await given_out(maker, "signin")).rpartition("#")[2]
            assert await signs_in(other, code) == 204
            assert await signs_in(other, code) == 403, "once"
        session = await both.begin()
        for url in (both.a, both.b):
            await both.say(url, session, "hello")
        assert all(abs(row["created_at"] - time.time()) < NEAR_S for row in both.reader.rows(WRITTEN, ()))
