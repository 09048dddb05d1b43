"""What befalls a fleet under load."""

from collections.abc import Mapping

from tests.chaos.storm import Storm, Trouble
from tests.waiting import slowly


async def kills(storm: Storm, count: int = 6) -> None:
    """kill -9 of one after the other; every third stays away for longer than the others wait for it."""
    for number in range(count):
        await slowly(storm.chance.uniform(0.5, 3.0))
        await storm.chance.choice(storm.fleet.gateways).kill(down=6.0 if number % 3 == 2 else 0.0)


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


TROUBLES: Mapping[str, Trouble] = {"kills": kills, "freezes": freezes, "naps": naps, "drains": drains}
