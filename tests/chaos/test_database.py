"""Does a fleet lose or double anything while the way to its database, or the database itself, fails?"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.chaos.storm import Storm, storm
from tests.postgresql import Cluster, running
from tests.standins.proxy import Proxy, proxied
from tests.waiting import slowly

pytestmark = [pytest.mark.timeout(400), pytest.mark.proves("M1", "M2", "M3", "A1", "R2")]


async def short(proxy: Proxy) -> None:
    """The network of one is away for less time than the others wait for it."""
    proxy.cut()
    await slowly(1.5)
    proxy.heal()
    await slowly(3.0)
    proxy.hang()
    await slowly(1.5)
    proxy.heal()


async def long(proxy: Proxy) -> None:
    """It is silent for longer: the others go on with what it had, and it ends itself when it hears of that."""
    proxy.hang()
    await slowly(8.0)
    proxy.heal()


@pytest.mark.parametrize("fails", [short, long])
def test_one_process_is_cut_off(fails: Callable[[Proxy], Awaitable[None]], postgresql: Cluster, tmp_path: Path) -> None:
    database = postgresql.create()
    with proxied(postgresql.port) as proxy:

        async def trouble(here: Storm) -> None:
            here.fleet.gateways[0].apart = True
            await slowly(2.0)
            await fails(proxy)
            await slowly(2.0)

        at = database.replace(f":{postgresql.port}/", f":{proxy.port}/")
        outcome = asyncio.run(storm(trouble, database, tmp_path / "cut", "0 cut", at=at))
    assert outcome.fine, str(outcome)


def test_the_database_is_started_again(tmp_path: Path) -> None:
    with running() as cluster:

        async def trouble(here: Storm) -> None:
            await slowly(2.0)
            await asyncio.to_thread(cluster.stop)
            await slowly(3.0)
            await asyncio.to_thread(cluster.start)
            await slowly(2.0)

        outcome = asyncio.run(storm(trouble, cluster.create(), tmp_path / "restart", "0 restart"))
    assert outcome.fine, str(outcome)
    assert outcome.given_up == 0, "nobody had evidence of anybody's death"
