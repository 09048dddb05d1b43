"""Do several gateways on one PostgreSQL lose or double anything while some of them die, stop or drain?

The short form; `make chaos` goes on until 1,000 kills.
"""

import asyncio
from pathlib import Path

import pytest

from tests.chaos.failover import Failover, measure
from tests.chaos.storm import Storm, storm
from tests.chaos.troubles import TROUBLES
from tests.postgresql import Cluster
from tests.reading import Reader

pytestmark = pytest.mark.timeout(400)


@pytest.mark.proves("M1", "M2", "M3", "A1", "R2")
@pytest.mark.parametrize("name", TROUBLES)
def test_a_fleet_loses_and_doubles_nothing(name: str, postgresql: Cluster, tmp_path: Path) -> None:
    outcome = asyncio.run(storm(TROUBLES[name], postgresql.create(), tmp_path / name, f"0 {name}"))
    assert outcome.fine, str(outcome)


@pytest.mark.proves("R1")
def test_others_go_on_with_what_a_killed_process_had(postgresql: Cluster, tmp_path: Path) -> None:
    database = postgresql.create()
    found: list[Failover] = []

    async def killed(here: Storm) -> None:
        reader = Reader(database)
        try:
            found.append(await measure(here, reader))
        finally:
            await asyncio.to_thread(reader.close)

    outcome = asyncio.run(storm(killed, database, tmp_path / "failover", "0 failover"))
    assert outcome.fine, str(outcome)
    assert found
    assert found[0].turns > 0
