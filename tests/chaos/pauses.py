"""How long does a person wait for an answer while a fleet is restarted, one process after the other?"""

import asyncio
import time
from collections.abc import Awaitable

import msgspec

from tests.chaos.storm import Storm
from tests.chaos.troubles import drains
from tests.waiting import slowly, until

EVERY_S = 0.25
QUIET_S = 8.0
WAIT_S = 60.0


class Pauses(msgspec.Struct, frozen=True):
    """Seconds that the slowest of the answers took, in quiet and during the restart, and how many were asked for."""

    quiet: float
    restart: float
    asked: int


async def measure(storm: Storm) -> Pauses:
    """Somebody new says something four times a second."""
    await _answered(storm, "first")
    quiet = await _while(slowly(QUIET_S), storm, "q")
    restart = await _while(drains(storm), storm, "d")
    return Pauses(round(max(quiet), 2), round(max(restart), 2), len(quiet) + len(restart))


async def _while(what: Awaitable[None], storm: Storm, name: str) -> list[float]:
    """The seconds that each answer took which was asked for meanwhile."""
    happening = asyncio.ensure_future(what)
    async with asyncio.TaskGroup() as group:
        asking = []
        while not happening.done():
            asking.append(group.create_task(_answered(storm, f"{name}{len(asking)}")))
            await slowly(EVERY_S)
        await happening
    return [task.result() for task in asking]


async def _answered(storm: Storm, room: str) -> float:
    began = time.monotonic()
    storm.here.say("hello {n}", room=room)
    await until(lambda: storm.here.bot_texts(room), WAIT_S, f"an answer in {room}")
    return time.monotonic() - began
