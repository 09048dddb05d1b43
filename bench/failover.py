"""Fail-over: of two processes, the one with more turns open is killed under load. How soon are those answered?"""

import signal
import time
from collections.abc import Collection

import aiohttp
from tests.waiting import until

from bench.fleet import ACCOUNTS, fleet
from bench.gateway import Failed, Gateway
from bench.lab import Lab
from bench.records import ASKED_TWICE, NO_FIRST
from bench.server import Server, database
from bench.world import World, world

ROOMS, EACH = 24, 4
MODEL_SECONDS = 0.5
LOAD_SECONDS = 60.0
OPEN = """
SELECT p.pid, i.content FROM processes p
JOIN sessions s ON s.owner = p.id
JOIN turns t ON t.tenant = s.tenant AND t.session_id = s.id
JOIN inbox i ON i.tenant = t.tenant AND i.turn_id = t.id
WHERE p.state = 'live'
"""


async def failover(lab: Lab, server: Server) -> dict[str, float]:
    """Seconds from the kill to the first and to the last answer of what the process had begun. Raises Failed.

    The model takes half a second for each answer, which is in them.
    """
    url = await server.create()
    async with world(lab.folder("failover"), accounts=ACCOUNTS, keys=True) as here, fleet(here, server, url, 2) as two:
        await _slow(here)
        await here.say([room for _ in range(EACH) for room in range(ROOMS)])
        await until(lambda: _under_way(here), LOAD_SECONDS, "a load that is under way")
        counts = {one.pid: len(await _open(here, server, url, one)) for one in two}
        dying = max(two, key=lambda one: counts[one.pid])
        dying.signal(signal.SIGSTOP)  # it has ended for all others, and what it had open stays as it is
        at = time.time()
        opened = await _open(here, server, url, dying)
        dying.kill()
        if not opened:
            raise Failed("neither process had a turn open")
        await here.answered()
        _forgive(here, opened)
    late = [here.book.sent[text] - at for text in opened]
    return {"failover_first_s": min(late), "failover_all_s": max(late), "open turns of the killed process": len(late)}


async def _slow(here: World) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{here.model}/_control/delay", json={"seconds": MODEL_SECONDS}) as answer,
    ):
        if answer.status >= 300:
            raise Failed(f"the model's stand-in refuses: {await answer.text()}")


def _under_way(here: World) -> bool:
    here.book.read()
    return len(here.book.sent) > 1.5 * ROOMS


async def _open(here: World, server: Server, url: str, gateway: Gateway) -> Collection[str]:
    """The texts whose turns the process had begun, and whose answers were not sent."""
    begun = [bytes(content) for pid, content in await server.ask(database(url), OPEN) if pid == gateway.pid]
    here.book.read()
    unsent = here.numbers.keys() - here.book.sent.keys()
    return [text for text in unsent if any(text.encode() in one for one in begun)]


def _forgive(here: World, opened: Collection[str]) -> None:
    """A turn that is taken up asks its model again, and may send again by the same key; at most once each."""
    here.book.read()
    for what in (ASKED_TWICE, NO_FIRST):
        if here.book.strange[what] <= len(opened):
            del here.book.strange[what]
