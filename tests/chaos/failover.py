"""How long does it take until others go on with what a killed process had? Read from the events of its turns."""

import asyncio
import json
import time

import msgspec

from tests.chaos.storm import Storm
from tests.crash.gateway import Gateway
from tests.reading import Reader
from tests.waiting import until

ROOMS = 12
DOWN_S = 15.0  # for which the killed one stays away: longer than others may take
SLOW = "slow {n} [[delay 6]]"
WAIT_S = 40.0

HOLDER = "SELECT process FROM leases WHERE name = 'connection:loop'"
PIDS = "SELECT id, pid FROM processes WHERE state = 'live'"
HAD = (
    "SELECT t.id AS id FROM turns t JOIN sessions s ON s.tenant = t.tenant AND s.id = t.session_id"
    " WHERE t.state = 'running' AND s.owner = ?"
)
STARTED = "SELECT data, created_at FROM events WHERE kind = 'turn.started' AND created_at > ?"


class Failover(msgspec.Struct, frozen=True):
    """Seconds from a kill until the first, and until the last, of the turns that it cut goes on elsewhere."""

    first: float
    last: float
    turns: int


async def measure(storm: Storm) -> Failover:
    """Kill the process that holds the connection while it runs turns in many rooms."""
    reader = Reader(storm.database)
    try:
        return await _measure(storm, reader)
    finally:
        await asyncio.to_thread(reader.close)


async def _measure(storm: Storm, reader: Reader) -> Failover:
    for room in range(ROOMS):
        storm.here.say(SLOW, room=f"slow{room}")
    owner = await until(lambda: _busy(reader), WAIT_S, "a process that runs many turns")
    pids = {str(row["id"]): int(row["pid"]) for row in reader.rows(PIDS, ())}
    gateway = next(one for one in storm.fleet.gateways if _pid(one) == pids[owner])
    killed = time.time()
    killing = asyncio.create_task(gateway.kill(down=DOWN_S))
    had = {str(row["id"]) for row in reader.rows(HAD, (owner,))}
    times = await until(lambda: _all_again(reader, killed, had), WAIT_S, "all of its turns that go on elsewhere")
    await killing
    return Failover(round(times[0] - killed, 2), round(times[-1] - killed, 2), len(had))


def _busy(reader: Reader) -> str:
    """The holder of the connection, once it runs as many turns as there are slow rooms."""
    found = reader.rows(HOLDER, ())
    owner = str(found[0]["process"]) if found else ""
    return owner if owner and len(reader.rows(HAD, (owner,))) >= ROOMS else ""


def _all_again(reader: Reader, since: float, had: set[str]) -> list[float]:
    """When each of the turns was taken up; empty while one was not."""
    times: dict[str, float] = {}
    for row in reader.rows(STARTED, (since,)):
        data = json.loads(row["data"])
        if data["attempt"] > 1:
            times.setdefault(data["turn"], row["created_at"])
    return sorted(times[one] for one in had) if had and had <= times.keys() else []


def _pid(gateway: Gateway) -> int:
    process = gateway._alive()
    return process.pid if process is not None else 0
