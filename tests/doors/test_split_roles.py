"""Three processes on one PostgreSQL, each with one role: together they do what one does that has all."""

import asyncio
import time
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

    async def exchange(self, text: str) -> str:
        """Somebody writes to the bot and is answered; the answer."""
        before = len(await self.people.sent())
        await self.people.write(text)
        return (await self.texts(before + 1))[before]

    async def waiting(self, url: str) -> int:
        """How many conversations a process says that wait there for a place."""
        return int((await self.get(url, "/api/v1/status"))["waiting_sessions"])

    async def connection(self, url: str, name: str) -> str:
        """The state of a connection, as a process shows it."""
        found = await self.get(url, f"/api/v1/connections/{name}")
        return str(found["state"])

    def start(self, at: int, group: asyncio.TaskGroup) -> None:
        self.kept[at] = group.create_task(self.fleet.gateways[at].keep())


@asynccontextmanager
async def split(
    folder: Path, database: str, idle: float = 0.0, way: str = ""
) -> AsyncIterator[tuple[Split, asyncio.TaskGroup]]:
    """All three started; the group is for those that are started again.

    Conversations begin anew after `idle` minutes. `way` stands behind the address of their database.
    """
    async with (
        in_process() as telegram,
        model_standin() as model,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http,
    ):
        text = CONFIG.format(database=database + way, model=model.url) + MORE.format(telegram=telegram.url, idle=idle)
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


async def test_nobody_waits_where_nobody_hears_what_others_say(database: str, tmp_path: Path) -> None:
    """Through a pgbouncer in transaction mode: three processes look at the rows for what they have for each other."""
    async with split(tmp_path, database, way="?pgbouncer=true") as (fleet, _):
        await fleet.exchange("one")
        begun = time.monotonic()
        for text in ("two", "three", "four"):  # at its worst each would wait for two looks at everything, 5 s apart
            assert text in await fleet.exchange(text)
        seconds = [time.monotonic() - begun]
        for url in fleet.urls:  # and each for the heartbeat of a stream, 15 s
            begun = time.monotonic()
            ask = {"model": "default", "messages": [{"role": "user", "content": "hello"}]}
            said = await fleet.post(url, "/v1/chat/completions", ask)
            assert said["choices"][0]["message"]["content"] == "re: hello"
            seconds.append(time.monotonic() - begun)
        assert max(seconds) < 9, seconds


async def test_what_each_tells_others_and_says_of_them(database: str, tmp_path: Path) -> None:
    async with split(tmp_path, database) as (fleet, _):
        gateway, _, scheduler = fleet.urls
        for url in fleet.urls:  # of 6000 a minute each has a third
            await until(lambda url=url: fleet.let_in(url, 2000), 5)
        made = await fleet.post(gateway, "/api/v1/sessions", {})
        session = str(made["id"])
        async with fleet.events(gateway, session) as events:
            await fleet.say(gateway, session, "the first")
            await events.until("turn.ended")
        for url in (gateway, scheduler):  # a copy wakes the lanes, which are elsewhere
            copy = await fleet.post(url, f"/api/v1/sessions/{session}/fork", {})
            async with fleet.events(url, str(copy["id"])) as events:
                await fleet.say(url, str(copy["id"]), "in the copy")
                assert (await events.until("turn.ended"))[-1].data["outcome"] == "answered"
            assert await fleet.waiting(url) == 0
        await until(lambda: up(fleet, scheduler), 10, "what the gateway sees")
        await fleet.kill(GATEWAY)
        await until(lambda: down(fleet, scheduler), 15, "that nobody receives")
        assert await fleet.connection(scheduler, "web") == "built_in"


async def up(fleet: Split, url: str) -> bool:
    return await fleet.connection(url, "tg") == "up"


async def down(fleet: Split, url: str) -> bool:
    return await fleet.connection(url, "tg") == "down"
