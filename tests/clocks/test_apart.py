"""Processes on one PostgreSQL whose machines' clocks are an hour apart, and jump: they go by the database's."""

import asyncio
import json
import time
from pathlib import Path

import aiohttp
import pytest

from tests.chaos.storm import storm
from tests.chaos.troubles import JUMPS
from tests.clocks.wall import HOUR, LIBRARY, MISSING
from tests.crash.gateway import Gateway
from tests.doors.test_two_gateways import two
from tests.postgresql import Cluster, own_postgresql

__all__ = ["own_postgresql"]
pytestmark = [pytest.mark.timeout(400), pytest.mark.skipif(LIBRARY is None, reason=MISSING)]

WRITTEN = "SELECT created_at FROM inbox"
NEAR_S = 30.0


@pytest.mark.proves("M1", "M2", "M3", "A1", "R1")
@pytest.mark.parametrize("number", [1, 2], ids=["collect", "steer"])
def test_clocks_that_are_apart_and_jump_lose_and_double_nothing(
    number: int, postgresql: Cluster, tmp_path: Path
) -> None:
    outcome = asyncio.run(storm(JUMPS, postgresql, tmp_path / "jumps", "0 jumps", number))
    assert outcome.fine, str(outcome)
    assert (outcome.kills, outcome.given_up) == (1, 0), "nobody had evidence of anybody else's death"


@pytest.fixture
def database(postgresql: Cluster) -> str:
    return postgresql.create()


async def test_what_one_gives_out_for_minutes_holds_at_another_two_hours_apart(database: str, tmp_path: Path) -> None:
    async with two(tmp_path, database, ahead=(HOUR, -HOUR)) as both:
        ahead, behind = both.fleet.gateways
        for maker, other in ((ahead, both.b), (behind, both.a)):
            assert await _asks(other, await _printed(maker, "token", "create", "--name", "t", "--scope", "chat",
                                                     "--expires", "30m")) == 200  # fmt: skip
            code = (await _printed(maker, "signin")).rpartition("#")[2]
            assert await _signs_in(other, code) == 204
            assert await _signs_in(other, code) == 403, "once"
        session = await both.begin()
        for url in (both.a, both.b):
            await both.say(url, session, "hello")
        assert all(abs(row["created_at"] - time.time()) < NEAR_S for row in both.reader.rows(WRITTEN, ()))


async def _printed(gateway: Gateway, *words: str) -> str:
    """The token, or the link, that a command gives out."""
    status, printed = await gateway.command(*words)
    assert status == 0, printed
    row = json.loads(printed)
    return str(row.get("token") or row["url"])


async def _asks(url: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as http, http.get(f"{url}/api/v1/me", headers=headers) as answer:
        return answer.status


async def _signs_in(url: str, code: str) -> int:
    headers = {"Origin": url}
    body = {"code": code}
    async with aiohttp.ClientSession() as http, http.post(f"{url}/api/v1/signin", json=body, headers=headers) as answer:
        return answer.status
