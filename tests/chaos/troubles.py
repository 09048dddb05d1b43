"""What befalls a fleet under load."""

import asyncio
from collections.abc import Mapping

from tests.chaos.storm import Storm, Trouble
from tests.clocks.wall import HOUR
from tests.waiting import slowly

AWAY_S = 6.0
"""How long a process is away so that others take up what it had: longer than they wait for it."""


async def kills(storm: Storm, count: int = 6) -> None:
    """kill -9, two at the same time at most; every third stays away for long."""
    free = list(storm.fleet.gateways)

    async def some(numbers: range) -> None:
        for number in numbers:
            await slowly(storm.chance.uniform(0.5, 3.0))
            gateway = free.pop(storm.chance.randrange(len(free)))
            await gateway.kill(down=AWAY_S if number % 3 == 2 else 0.0)
            free.append(gateway)

    await asyncio.gather(some(range(0, count, 2)), some(range(1, count, 2)))


async def freezes(storm: Storm) -> None:
    """One stops for longer than the others wait for it, and goes on: it ends itself and is started again."""
    for _ in range(2):
        await slowly(storm.chance.uniform(1.0, 2.0))
        frozen = storm.chance.choice(storm.fleet.gateways)
        frozen.freeze()
        await slowly(7.0)
        frozen.thaw()


async def naps(storm: Storm) -> None:
    """One stops for a shorter time: nobody calls it dead, and it goes on."""
    for _ in range(3):
        await slowly(storm.chance.uniform(0.5, 1.5))
        frozen = storm.chance.choice(storm.fleet.gateways)
        frozen.freeze()
        await slowly(1.5)
        frozen.thaw()


async def drains(storm: Storm) -> None:
    """A rolling restart."""
    for gateway in storm.fleet.gateways:
        await slowly(1.0)
        await gateway.stop(last=False)
        await gateway.ready()


async def cut(storm: Storm) -> None:
    """The first one's way to the database is reset, then silent, for less time than the others wait for it."""
    storm.fleet.gateways[0].apart = True
    await slowly(2.0)
    storm.way.cut()
    await slowly(1.5)
    storm.way.heal()
    await slowly(3.0)
    storm.way.hang()
    await slowly(1.5)
    storm.way.heal()
    await slowly(2.0)


async def silence(storm: Storm) -> None:
    """It is silent for longer: the others go on with what it had, and it ends itself when it hears of that."""
    storm.fleet.gateways[0].apart = True
    await slowly(2.0)
    storm.way.hang()
    await slowly(8.0)
    storm.way.heal()
    await slowly(2.0)


async def restart(storm: Storm) -> None:
    """The database is away for all of them, and comes back."""
    await slowly(2.0)
    await asyncio.to_thread(storm.cluster.stop)
    await slowly(3.0)
    await asyncio.to_thread(storm.cluster.start)
    await slowly(2.0)


async def handovers(storm: Storm) -> None:
    """Whoever polls a bot is restarted, or killed, while somebody writes to it."""
    for gateway in storm.fleet.gateways:
        storm.here.tell_bot("hello {n}")
        await slowly(1.0)
        await gateway.stop(last=False)
        await gateway.ready()
    for _ in range(2):
        storm.here.tell_bot("still there? {n}")
        await storm.chance.choice(storm.fleet.gateways).kill(down=AWAY_S)
        storm.here.tell_bot("and now? {n}")
        await slowly(2.0)


async def jumps(storm: Storm) -> None:
    """Of three clocks that are an hour apart one jumps, and then whoever is ahead dies with what it has.

    It needs libfaketime.
    """
    jumping = storm.fleet.clocks[0]
    for ahead in (HOUR, -HOUR, 0.0):
        await slowly(3.0)
        jumping.set(ahead)
    await slowly(3.0)
    assert "process.dead" not in storm.fleet.said(), "somebody was held for dead who lives"
    await storm.fleet.gateways[1].kill(down=AWAY_S)
    jumping.set(HOUR)
    await slowly(2.0)


TROUBLES: Mapping[str, Trouble] = {
    "kills": Trouble(kills),
    "freezes": Trouble(freezes),
    "naps": Trouble(naps),
    "drains": Trouble(drains),
    "cut": Trouble(cut),
    "silence": Trouble(silence),
    "restart": Trouble(restart),
    "jumps": Trouble(jumps, ahead=(0.0, HOUR, -HOUR)),
    "split": Trouble(kills, roles=("gateway,scheduler", "gateway", "worker", "worker")),
    "handovers": Trouble(handovers, people="bot"),
}
