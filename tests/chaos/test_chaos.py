"""Do several gateways on one PostgreSQL lose or double anything, whatever befalls them or their database?

The short form; `make chaos` goes on until 1,000 kills.
"""

import asyncio
import json
from pathlib import Path

import pytest

from tests.chaos.failover import Failover, measure
from tests.chaos.pauses import Pauses
from tests.chaos.pauses import measure as measure_pauses
from tests.chaos.storm import Storm, Trouble, storm
from tests.chaos.troubles import TROUBLES, handovers
from tests.clocks.wall import LIBRARY, MISSING
from tests.postgresql import Cluster, own_postgresql

__all__ = ["own_postgresql"]
pytestmark = pytest.mark.timeout(400)


@pytest.mark.proves("M1", "M2", "M3", "A1", "R2")
@pytest.mark.parametrize("name", [name for name in TROUBLES if name != "handovers"])
def test_a_fleet_loses_and_doubles_nothing(name: str, postgresql: Cluster, tmp_path: Path) -> None:
    if name == "jumps" and LIBRARY is None:
        pytest.skip(MISSING)
    outcome = asyncio.run(storm(TROUBLES[name], postgresql, tmp_path / name, f"0 {name}"))
    assert outcome.fine, str(outcome)
    if name in ("restart", "jumps"):
        assert outcome.given_up == 0, "nobody had evidence of anybody's death"


@pytest.mark.proves("R1")
def test_others_go_on_with_what_a_killed_process_had(postgresql: Cluster, tmp_path: Path) -> None:
    found: list[Failover] = []

    async def killed(here: Storm) -> None:
        found.append(await measure(here))

    outcome = asyncio.run(storm(Trouble(killed), postgresql, tmp_path / "failover", "0 failover"))
    assert outcome.fine, str(outcome)
    assert found[0].turns > 0


@pytest.mark.proves("R3")
def test_a_rolling_restart_answers_everybody(postgresql: Cluster, tmp_path: Path) -> None:
    found: list[Pauses] = []

    async def restarted(here: Storm) -> None:
        found.append(await measure_pauses(here))

    outcome = asyncio.run(storm(Trouble(restarted, people="calm"), postgresql, tmp_path / "pauses", "0 pauses"))
    assert outcome.fine, str(outcome)
    assert outcome.given_up == 0
    assert found[0].asked > 0


@pytest.mark.proves("R4", "channel.telegram")
def test_one_process_polls_at_a_time(postgresql: Cluster, tmp_path: Path) -> None:
    statuses: list[int] = []

    async def trouble(here: Storm) -> None:
        await handovers(here)
        lines = [json.loads(line) for line in (here.here.folder / "telegram.jsonl").read_text().splitlines()]
        polls = {line["n"] for line in lines if line["event"] == "request" and line["method"].lower() == "getupdates"}
        statuses.extend(line["status"] for line in lines if line["event"] == "response" and line["request"] in polls)

    outcome = asyncio.run(storm(Trouble(trouble, people="bot"), postgresql, tmp_path / "bot", "0 bot"))
    assert outcome.fine, str(outcome)
    assert 200 in statuses
    assert 409 not in statuses, "two have polled at once"
