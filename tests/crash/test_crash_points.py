"""Is a scenario none the worse for a kill at any of the points that it reaches? The short form.

Each scenario runs once undisturbed, which tells the points that it reaches; then it is killed at the first hit
of some of them, chosen by a seed (QUARTERDECK_CRASH_SEED, 0). What every life of a gateway passes on the way up
and down is left to the scenario `dm`, which takes all of its points. The long form is `python -m tests.crash`.
"""

import asyncio
import os
import random
from pathlib import Path

import pytest

from tests.crash.catalogue import SCENARIOS
from tests.crash.points import all_points, reached_points
from tests.crash.run import Ran, run
from tests.crash.scenario import Scenario
from tests.crash.tally import TALLY

pytestmark = pytest.mark.timeout(600)

SEED = os.environ.get("QUARTERDECK_CRASH_SEED", "0")
AT_ONCE = 4
AT_MOST = 4
THOROUGH = "dm"
EVERY_LIFE = ("op.start.", "op.seal.", "seal.", "group.", "drain.", "op.cursor.")


def chosen(kind: type[Scenario], reached: list[str]) -> tuple[list[str], list[str]]:
    """(all that the scenario is expected to survive, what this run kills at), as `point:hit`."""
    expected = [f"{point}:1" for point in reached] + list(kind.hits)
    if kind.name == THOROUGH:
        return expected, expected
    own = [point for point in expected if not point.startswith(EVERY_LIFE)]
    picked = random.Random(f"{SEED} {kind.name}").sample(sorted(own), min(AT_MOST, len(own)))
    return expected, picked


@pytest.mark.parametrize("name", SCENARIOS)
async def test_scenario_survives_kills(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    kind = SCENARIOS[name]
    reached, undisturbed = await reached_points(kind, tmp_path / "undisturbed", f"{SEED} {name}")
    assert undisturbed.fine, str(undisturbed)
    assert undisturbed.reached, f"{name} did not come to {kind.crashes}"
    assert set(reached) <= set(all_points()), "the command does not list every point"
    expected, picked = chosen(kind, reached)
    places = asyncio.Semaphore(AT_ONCE)

    async def killed_at(crash: str) -> Ran:
        point, _, hit = crash.rpartition(":")
        scenario = kind()
        async with places:
            return await run(scenario, scenario.crash_settings(point, int(hit)), tmp_path / crash, f"{SEED} {name}")

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(killed_at(crash)) for crash in picked]
    runs = [task.result() for task in tasks]
    tally = request.config.stash[TALLY]
    tally.scenarios += 1
    tally.expected += len(expected)
    tally.executed += len(runs)
    tally.not_reached += sum(not ran.reached for ran in runs)
    wrong = [str(ran) for ran in runs if not ran.fine]
    assert not wrong, "\n".join(wrong)
    assert any(ran.reached for ran in runs), f"nothing was killed at any of {picked}"
