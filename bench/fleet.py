"""Several gateways on one PostgreSQL between their stand-ins; afterwards, was everything answered once and recorded?"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.chaos.fleet import KEY, make_key
from tests.reading import Reader
from tests.waiting import until

from bench.gateway import Failed, Gateway, running
from bench.proof import fates, log, rows
from bench.server import Server, database
from bench.world import World

ACCOUNTS = 4
"""Connections, each with a platform of its own: the turns of a connection run in the process that has it."""
SHARED_SECONDS = 45.0
HELD = """
SELECT p.pid, COUNT(l.name) FROM processes p LEFT JOIN leases l ON l.process = p.id
WHERE p.state = 'live' GROUP BY p.pid
"""
MOST = """
SELECT COUNT(*) FROM leases WHERE name LIKE 'connection:%' AND process <> '' GROUP BY process ORDER BY 1 DESC LIMIT 1
"""


@asynccontextmanager
async def fleet(here: World, server: Server, url: str, size: int, *, at: str = "") -> AsyncIterator[Sequence[Gateway]]:
    """So many gateways on the database at `url`, which they reach at `at`; each has its share of the connections.

    When this is left they drain, and everything since the stand-ins began is checked. Raises Failed.
    """
    make_key(here.folder / KEY)
    async with AsyncExitStack() as stack:
        started = [asyncio.create_task(_start(stack, here, n, at or url)) for n in range(size)]
        try:
            gateways = await asyncio.gather(*started)
        finally:
            for one in started:
                one.cancel()
        await until(lambda: shared(server, url, size), SHARED_SECONDS, "leases that are shared out")
        yield gateways
        await at_rest(gateways)
    here.book.read()
    found = await asyncio.to_thread(lambda: list(complaints(here, url, [one.killed for one in gateways])))
    if found:
        raise Failed("\n".join(found))


async def shared(server: Server, url: str, size: int) -> bool:
    """Whether all processes live, and none has two leases more than another."""
    held = [int(row[1]) for row in await server.ask(database(url), HELD)]
    return len(held) == size and max(held) - min(held) <= 1


async def most(server: Server, url: str) -> float:
    """How many of the connections the process has that has most of them: who has none runs no turns."""
    return float((await server.ask(database(url), MOST))[0][0])


async def at_rest(gateways: Collection[Gateway]) -> None:
    """Wait until every outcome is committed. Raises Failed."""
    for gateway in gateways:
        if not gateway.killed:
            await gateway.at_rest()


def cpu(gateways: Collection[Gateway]) -> float:
    """CPU seconds that all have used."""
    return sum(one.cpu().total for one in gateways)


def complaints(here: World, url: str, killed: Sequence[bool]) -> Iterator[str]:
    """Everything that is not as it should be. That one was found dead is said where one was killed."""
    yield from fates(here.book, here.numbers)
    copy = here.folder / "copy.db"
    with contextlib.closing(Reader(url)) as reader:
        reader.copy(copy)
    yield from rows(copy, len(here.numbers), here.begun, killed=any(killed))
    for n in range(len(killed)):
        lines = (_home(here, n) / "gateway.log").read_bytes()
        yield from (line for line in log(lines) if not (any(killed) and '"process.dead"' in line))


async def _start(stack: AsyncExitStack, here: World, n: int, url: str) -> Gateway:
    home = _home(here, n)
    home.mkdir()
    key = f"[audit]\nkey = {{ file = {json.dumps(str(here.folder / KEY))} }}\n"
    return await stack.enter_async_context(running(home, f"database = {json.dumps(url)}\n{here.config}{key}"))


def _home(here: World, n: int) -> Path:
    return here.folder / f"g{n}"
