"""Three processes on one PostgreSQL, each with one role: together they do what one does that has all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.chaos.fleet import Fleet
from tests.doors.test_two_gateways import CONFIG, LONG, SLOW, Two, database, grown, some
from tests.reading import Reader
from tests.standins.model import model_standin
from tests.standins.telegram import TelegramDriver
from tests.standins.telegram.launch import in_process
from tests.waiting import until

__all__ = ["database"]

pytestmark = pytest.mark.timeout(120)

ROLES = ("gateway", "worker", "scheduler")
GATEWAY, WORKER, SCHEDULER = range(3)
MORE = """
reset_idle_minutes = {idle}
[connections.tg]
channel = "telegram"
api_root = "{telegram}"
token = {{ env = "BOT_TOKEN" }}
dm_policy = "open"
poll_seconds = 1
[alerts]
every_seconds = 0.2
clear_seconds = 0.5
process_seconds = 1
contact = "Otto"
"""
RESETS = "SELECT 1 FROM inbox WHERE kind = 'timer' AND state = 'ended'"
SEALED = "SELECT COUNT(*) AS n FROM audit_positions"


class Split(Two):
    """Three, in the order of ROLES; `kept` are the tasks that keep them running, `people` write to the bot."""

    people: TelegramDriver
    kept: list[asyncio.Task[None]]
    urls: list[str]

    async def texts(self, at_least: int) -> list[str]:
        """What the bot has sent."""
        return [str(one["text"]) for one in await self.people.sent(at_least, 20)]

    async def kill(self, at: int) -> None:
        """SIGKILL; nobody starts it again."""
        self.kept[at].cancel()
        await asyncio.wait([self.kept[at]])

    def start(self, at: int, group: asyncio.TaskGroup) -> None:
        self.kept[at] = group.create_task(self.fleet.gateways[at].keep())


@asynccontextmanager
async def split(folder: Path, database: str, idle: float = 0.0) -> AsyncIterator[tuple[Split, asyncio.TaskGroup]]:
    """All three started; the group is for those that are started again.

    Conversations begin anew after `idle` minutes.
    """
    async with (
        in_process() as telegram,
        model_standin() as model,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http,
    ):
        text = CONFIG.format(database=database, model=model.url) + MORE.format(telegram=telegram.url, idle=idle)
        fleet = Fleet(folder, len(ROLES), lambda _: text)
        for gateway, role in zip(fleet.gateways, ROLES, strict=True):
            gateway.play(role)
        words = ("token", "create", "--name", "t", "--scope", "chat", "--scope", "read")
        status, printed = await fleet.gateways[GATEWAY].command(*words)
        assert status == 0, printed
        token = msgspec.json.decode(printed, type=dict[str, Any])["token"]
        with closing(Reader(database)) as reader:
            async with asyncio.TaskGroup() as group:
                kept = [group.create_task(gateway.keep()) for gateway in fleet.gateways]
                urls = await fleet.ready()
                found = Split(fleet, urls[:2], token, http, reader)
                found.people, found.kept, found.urls = telegram.driver, kept, urls
                await telegram.driver.until_polling()
                yield found, group
                for task in found.kept:
                    task.cancel()


def taken(fleet: Split) -> set[str]:
    """The leases that somebody has."""
    return {row["name"] for row in fleet.reader.rows("SELECT name FROM leases WHERE process <> ''", ())}


async def test_each_does_its_part(database: str, tmp_path: Path) -> None:
    async with split(tmp_path, database, idle=0.05) as (fleet, _):
        await until(lambda: {"audit", "timers", "watch", "connection:tg"} <= taken(fleet), 20, "all leases")
        seen = taken(fleet)
        assert {one: fleet.holds(one) for one in seen} == {
            one: GATEWAY if one == "connection:tg" else SCHEDULER for one in seen
        }
        await fleet.people.write("from the messenger")
        (first,) = await fleet.texts(1)
        assert "from the messenger" in first
        (session,) = fleet.reader.rows("SELECT id FROM sessions", ())
        assert fleet.runs(session["id"]) == WORKER
        # three seconds of silence, and the scheduler begins the conversation anew
        await until(lambda: fleet.reader.rows(RESETS, ()), 20, "the reset by a timer")
        await until(lambda: fleet.reader.rows(SEALED, ())[0]["n"] > 0, 20, "and the record is sealed")


@pytest.mark.parametrize("at", range(3))
async def test_pages_and_api_are_there_in_all_of_them(database: str, tmp_path: Path, at: int) -> None:
    """Whichever of them somebody comes to: it is taken in there, and seen growing."""
    async with split(tmp_path, database) as (fleet, _):
        here, other = fleet.urls[at], fleet.urls[(at + 1) % 3]
        made = await fleet.post(here, "/api/v1/sessions", {})
        session = str(made["id"])
        async with fleet.events(here, session) as events:
            await fleet.say(here, session, f"first {SLOW}")
            found = await events.until("turn.ended")
            assert sum(event.kind == "delta" for event in found) > 3
            assert grown(found) == next(event.data["text"] for event in found if event.kind == "delivery")
            assert fleet.runs(session) == WORKER
            await fleet.say(here, session, LONG)
            await some(events, 1)
            await fleet.post(other, f"/api/v1/sessions/{session}/stop", {})
            assert (await events.until("turn.ended"))[-1].data["outcome"] == "stopped"
