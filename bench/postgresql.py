"""PostgreSQL: how fast are 1, 2 and 4 processes on one database, what does a turn cost there, and what does it leave?

Everything is on one machine: the server, the processes, their stand-ins and, where the database is 1 ms away, the
proxy that delays by 0.5 ms each way. Each setting has a database of its own. What processes do all the time
(heartbeats, looks at leases) is in the CPU and the statements of a turn.
"""

import time
from collections.abc import Mapping, Sequence

import asyncpg
from tests.postgresql import programs
from tests.standins.proxy import proxied

from bench.failover import failover
from bench.figures import Measured, percentile
from bench.fleet import ACCOUNTS, at_rest, cpu, fleet, most
from bench.gateway import Gateway
from bench.lab import Lab
from bench.server import Server, serving, spent
from bench.world import World, alone, world

SIZES = {"1 process": 1, "2 processes": 2, "4 processes": 4}
AWAY, ONE_WAY_S, TRIPS = "1 process, 1 ms away", 0.0005, 50
SESSIONS = 48
RATE, STATEMENTS = "turns per second", "statements per turn"
OWN, SERVER = "CPU per turn, processes", "CPU per turn, server"
MOST = f"most of {ACCOUNTS} connections in one process"
COMPARED = (RATE, OWN, SERVER, STATEMENTS)


def missing() -> str:
    """Why this cannot be measured; empty where it can."""
    return "" if programs() else "no PostgreSQL server is installed"


async def measure(lab: Lab) -> Measured:
    """Each number of processes, one process with the database far away, and a kill. Raises Failed."""
    values: dict[str, float] = {}
    async with serving() as server:
        for name, size in SIZES.items():
            values |= named(name, await _near(lab, server, size))
        values |= named(AWAY, await _away(lab, server))
        values |= await failover(lab, server)
    return Measured(values | growth(values), lab.count(16, quick=3) * SESSIONS)


def named(setting: str, values: Mapping[str, float]) -> dict[str, float]:
    """The figures of a setting."""
    return {f"{setting}: {what}": value for what, value in values.items()}


def growth(values: Mapping[str, float]) -> dict[str, float]:
    """What more processes bring, and what they cost."""
    one, two, four = ({what: values[f"{name}: {what}"] for what in COMPARED} for name in SIZES)
    return {
        "turns per second, 2 processes to 1": two[RATE] / one[RATE],
        "CPU per turn, 4 processes to 1": (four[OWN] + four[SERVER]) / (one[OWN] + one[SERVER]),
        "statements per turn, 4 processes to 1": four[STATEMENTS] / one[STATEMENTS],
    }


async def _near(lab: Lab, server: Server, size: int) -> dict[str, float]:
    """Over loopback; of one process, also what its turns leave on the disk."""
    url = await server.create()
    async with (
        world(lab.folder(f"{size}"), accounts=ACCOUNTS) as here,
        fleet(here, server, url, size) as gateways,
    ):
        empty = await server.size(url)
        values = await _talked(lab, here, gateways) | await _loaded(lab, here, gateways, server, url)
        said = len(here.numbers)
    if size == 1:
        values["KB per turn in the database"] = (await server.size(url) - empty) / said / 1000
        await server.compact(url)
        values["KB per turn in the database, nothing dead"] = (await server.size(url) - empty) / said / 1000
    return values


async def _away(lab: Lab, server: Server) -> dict[str, float]:
    """Through the proxy."""
    url = await server.create()
    with proxied(server.cluster.port) as proxy:
        proxy.delay_s = ONE_WAY_S
        far = url.replace(f":{server.cluster.port}/", f":{proxy.port}/")
        async with (
            world(lab.folder("away"), accounts=ACCOUNTS) as here,
            fleet(here, server, url, 1, at=far) as gateways,
        ):
            trip = await _trip(far)
            values = await _talked(lab, here, gateways)
            asked, said = proxy.questions, len(here.numbers)
            values |= await _loaded(lab, here, gateways, server, url)
            values["round trips per turn"] = (proxy.questions - asked) / (len(here.numbers) - said)
    return values | {"round trip": trip}


async def _trip(url: str) -> float:
    """ms of a statement that does nothing, p50."""
    connection = await asyncpg.connect(url, timeout=10)
    took: list[float] = []
    for _ in range(TRIPS):
        begun = time.perf_counter()
        await connection.execute("SELECT 1")
        took.append(1000 * (time.perf_counter() - begun))
    await connection.close()
    return percentile(took, 0.5)


async def _talked(lab: Lab, here: World, gateways: Sequence[Gateway]) -> dict[str, float]:
    """Everybody writes once; then one person at a time, who waits for each answer."""
    await here.together(range(SESSIONS))
    await at_rest(gateways)
    texts = await here.talk(alone(lab.count(80, quick=20)))
    book = here.book
    added = [
        1000 * (book.asked[text] - book.offered[here.numbers[text]] + book.sent[text] - book.answered[text])
        for text in texts
    ]
    return {"added latency, p50": percentile(added, 0.5), "added latency, p99": percentile(added, 0.99)}


async def _loaded(lab: Lab, here: World, gateways: Sequence[Gateway], server: Server, url: str) -> dict[str, float]:
    """Many people each write a row of messages at once."""
    rooms = [room for _ in range(lab.count(16, quick=3)) for room in range(SESSIONS)]
    await at_rest(gateways)
    statements, own, used = await server.statements(url), cpu(gateways), server.cpu()
    texts = await here.together(rooms)
    await at_rest(gateways)
    own, used_after = cpu(gateways) - own, server.cpu()
    statements = await server.statements(url) - statements
    begun = min(here.book.offered[here.numbers[text]] for text in texts)
    ended = max(here.book.sent[text] for text in texts)
    return {
        MOST: await most(server, url),
        RATE: len(texts) / (ended - begun),
        OWN: 1000 * own / len(texts),
        SERVER: 1000 * spent(used, used_after) / len(texts),
        STATEMENTS: statements / len(texts),
    }
