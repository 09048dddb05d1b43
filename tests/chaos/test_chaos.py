"""Do several gateways on one PostgreSQL lose or double anything while some of them die, stop or drain?"""

from pathlib import Path

import pytest

from tests.chaos.storm import Storm, storm
from tests.postgresql import Cluster
from tests.waiting import slowly

pytestmark = pytest.mark.timeout(400)


async def kills(storm: Storm) -> None:
    """kill -9 of one after the other."""
    for _ in range(6):
        await slowly(storm.chance.uniform(0.5, 3.0))
        await storm.chance.choice(storm.fleet.gateways).kill()


async def freezes(storm: Storm) -> None:
    """One stops for longer than the others wait for it, and goes on: it ends itself and is started again."""
    for _ in range(2):
        await slowly(storm.chance.uniform(1.0, 2.0))
        frozen = storm.chance.choice(storm.fleet.gateways)
        frozen.freeze()
        await slowly(7.0)
        frozen.thaw()


async def drains(storm: Storm) -> None:
    """A rolling restart."""
    for gateway in storm.fleet.gateways:
        await slowly(1.0)
        await gateway.stop(last=False)
        await gateway.ready()


TROUBLES = {"kills": kills, "freezes": freezes, "drains": drains}


@pytest.mark.parametrize("name", TROUBLES)
def test_a_fleet_loses_and_doubles_nothing(name: str, postgresql: Cluster, tmp_path: Path) -> None:
    import asyncio

    outcome = asyncio.run(storm(TROUBLES[name], postgresql.create(), tmp_path / name, f"0 {name}"))
    assert outcome.fine, str(outcome)
