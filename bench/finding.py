"""Search: how soon is something found, when much has been said?"""

import asyncio
import shutil
import time
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import aiohttp
from tests.waiting import until

from bench.cpu import per_turn
from bench.figures import Measured, percentile
from bench.gateway import Failed, bearer
from bench.lab import Lab
from bench.seeding import EVERYWHERE, RARE, WORDS, seed_findable
from bench.world import World, world

FEW, MANY = 1_000, 100_000
WARM = 3
FOUND_SECONDS = 30.0
ROOM = 99_999  # nobody has written there
NEW = "tonight"
"""A word of what people say here, and of nothing that was seeded."""

Asks = Mapping[str, Mapping[str, str]]


async def measure(lab: Lab) -> Measured:
    """Searches over the API, in a database with few and in one with many messages. Raises Failed."""
    count = lab.count(25, quick=5)
    few, _, _ = await _times(lab, FEW, count)
    times, cpu, soon = await _times(lab, lab.count(MANY, quick=5_000), count)
    every, of_few = list(chain(*times.values())), list(chain(*few.values()))
    values = {
        "search of 100,000 messages, p99": percentile(every, 0.99),
        "search of 100,000 messages, p50": percentile(every, 0.5),
        "100,000 to 1,000 messages, p50": percentile(every, 0.5) / percentile(of_few, 0.5),
        **{f"{name}, p50": percentile(some, 0.5) for name, some in times.items()},
        "CPU per search": cpu,
        "until a new message is found": soon,
    }
    return Measured(values, len(every))


async def _times(lab: Lab, stored: int, count: int) -> tuple[dict[str, list[float]], float, float]:
    """(ms of each search by its kind, ms of CPU per search, seconds until a new message is found)."""
    folder = lab.folder(f"search-{stored}")
    session = await asyncio.to_thread(_database, lab.root / f"search-{stored}.db", stored, folder)
    asks: Asks = {
        "a rare word": {"q": RARE},
        "a word of every message": {"q": EVERYWHERE},
        "the beginning of a word": {"q": f"{WORDS[0]} {WORDS[1][:2]}"},
        "within a session": {"q": EVERYWHERE, "session": session},
    }
    times: dict[str, list[float]] = {name: [] for name in asks}
    async with world(folder) as here, here.gateway() as gateway:
        headers = await bearer(folder, "read")
        async with aiohttp.ClientSession(gateway.url, headers=headers) as http:
            soon = await _new(here, http)
            for ask in list(asks.values()) * WARM:
                await _search(http, ask)
            used = await per_turn(gateway, count * len(asks), _all(http, asks, count, times))
    return times, 1000 * used.total, soon


async def _all(http: aiohttp.ClientSession, asks: Asks, count: int, times: Mapping[str, list[float]]) -> None:
    """Each kind of search by turns."""
    for _ in range(count):
        for name, ask in asks.items():
            begun = time.perf_counter()
            found = await _search(http, ask)
            times[name].append(1000 * (time.perf_counter() - begun))
            if not found or not all(ask["q"].split()[-1] in one["snippet"] for one in found):
                raise Failed(f"{name} found {found}")


async def _new(here: World, http: aiohttp.ClientSession) -> float:
    """Say something, and look until it is found: seconds from its answer on."""
    await here.talk([ROOM])
    begun = time.perf_counter()
    await until(lambda: _search(http, {"q": NEW}), FOUND_SECONDS, "a new message that is found")
    return time.perf_counter() - begun


async def _search(http: aiohttp.ClientSession, ask: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    async with http.get("/api/v1/search", params=ask) as answer:
        if answer.status != 200:
            raise Failed(f"a search was answered with {answer.status}: {await answer.text()}")
        page: dict[str, Any] = await answer.json()
    return page["items"]


def _database(seeded: Path, stored: int, folder: Path) -> str:
    """A copy of a database with so many messages, made once in a run; a session of it."""
    said = seeded.with_suffix(".session")
    if not seeded.exists():
        said.write_text(seed_findable(seeded, stored))
    (folder / "data").mkdir()
    shutil.copyfile(seeded, folder / "data" / "quarterdeck.db")
    return said.read_text()
