"""Pages: how soon does a page begin to arrive, and what do many open event streams hold?"""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from tests.waiting import slowly

from bench.figures import Measured, percentile
from bench.gateway import Failed, Gateway, command
from bench.lab import Lab
from bench.world import World, world

PAGES = ("/", "/console")
STREAMS, AT_ONCE = 500, 50
SETTLE_S = 2.0
EVENT_SECONDS = 10.0


async def measure(lab: Lab) -> Measured:
    """A signed-in browser loads the chat and the console; then 500 streams hear of one message. Raises Failed."""
    count = lab.count(60, quick=10)
    async with world(lab.folder("pages")) as here, here.gateway() as gateway:
        await here.talk([0])
        jar, connector = aiohttp.CookieJar(unsafe=True), aiohttp.TCPConnector(limit=STREAMS + 1)  # unsafe: an address
        async with aiohttp.ClientSession(gateway.url, cookie_jar=jar, connector=connector) as http:
            await _sign_in(http, gateway, here.folder)
            times = [await _first_byte(http, page) for _ in range(count) for page in PAGES]
            held = await _streams(http, gateway, here)
    values = {
        "first byte of a page, p99": percentile(times[len(PAGES) :], 0.99),
        "first byte of a page, p50": percentile(times[len(PAGES) :], 0.5),
        "first byte of the first page after the start": times[0],
        f"memory of {STREAMS} open event streams": held,
    }
    return Measured(values, len(times))


async def _sign_in(http: aiohttp.ClientSession, gateway: Gateway, folder: Path) -> None:
    """A link by the command line, exchanged for a cookie."""
    said = await command(folder, "signin")
    code = urlsplit(str(said["url"])).fragment
    async with http.post("/api/v1/signin", json={"code": code}, headers={"origin": gateway.url}) as answer:
        if answer.status != 204:
            raise Failed(f"signing in was answered with {answer.status}")


async def _first_byte(http: aiohttp.ClientSession, page: str) -> float:
    """ms until the answer's headers are there; the rest is read outside the clock."""
    begun = time.perf_counter()
    async with http.get(page, allow_redirects=False) as answer:
        took = 1000 * (time.perf_counter() - begun)
        await answer.read()
        if answer.status != 200:
            raise Failed(f"{page} was answered with {answer.status}")
    return took


async def _streams(http: aiohttp.ClientSession, gateway: Gateway, here: World) -> float:
    """MB that the open streams hold. Raises Failed when one of them does not tell of the message."""
    await slowly(SETTLE_S)
    before = gateway.memory()
    async with AsyncExitStack() as stack:
        streams: list[aiohttp.ClientResponse] = []
        while len(streams) < STREAMS:
            opened = [stack.enter_async_context(http.get("/api/v1/events")) for _ in range(AT_ONCE)]
            streams += await asyncio.gather(*opened)
        if bad := {one.status for one in streams} - {200}:
            raise Failed(f"event streams were answered with {bad}")
        heard = [asyncio.create_task(_hears(one)) for one in streams]
        await here.talk([0])
        await asyncio.gather(*heard)
        await slowly(SETTLE_S)
        return gateway.memory() - before


async def _hears(stream: aiohttp.ClientResponse) -> None:
    async with asyncio.timeout(EVENT_SECONDS):
        async for line in stream.content:
            if line.startswith(b"event: inbox.accepted"):
                return
    raise Failed("an event stream ended before it told of the message")
