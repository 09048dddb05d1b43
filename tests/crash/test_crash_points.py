"""Is a scenario none the worse for a kill at any of the points that it reaches? The short form.

Each scenario runs once undisturbed, which tells the points that it reaches; then it is killed at the first hit
of some of them, chosen by a seed (QUARTERDECK_CRASH_SEED, 0), QUARTERDECK_CRASH_POINTS at most. What every life
of a gateway passes on the way up and down is left to the scenario `dm`, which takes all of its points. The
scenarios run beside each other, in the first test; each test then looks at its own. The long form is
`python -m tests.crash --all`.
"""

import asyncio
import os
import random
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from tests.crash.catalogue import SCENARIOS
from tests.crash.points import all_points, reached_points
from tests.crash.run import Ran, run
from tests.crash.scenario import Scenario
from tests.crash.tally import TALLY

pytestmark = [pytest.mark.timeout(1800), pytest.mark.proves("M1", "M2", "M3", "A1", "A5")]

SEED = os.environ.get("QUARTERDECK_CRASH_SEED", "0")
AT_ONCE = 3
AT_MOST = int(os.environ.get("QUARTERDECK_CRASH_POINTS", "1"))
THOROUGH = "dm"
EVERY_LIFE = ("op.start.", "op.seal.", "seal.", "group.", "drain.", "op.token.", "op.search.")


class Found(msgspec.Struct, frozen=True):
    """What came of one scenario: undisturbed, and killed at some of the `expected` points."""

    undisturbed: Ran
    reached: tuple[str, ...]
    expected: tuple[str, ...]
    runs: tuple[Ran, ...]


def chosen(kind: type[Scenario], reached: tuple[str, ...]) -> tuple[tuple[str, ...], list[str], int]:
    """(all that the scenario is expected to survive, where this run kills, how often), as `point:hit`."""
    expected = (*(f"{point}:1" for point in reached), *kind.hits)
    if kind.name == THOROUGH:
        return expected, list(expected), len(expected)
    own = sorted(point for point in expected if not point.startswith(EVERY_LIFE) and point not in kind.sure)
    random.Random(f"{SEED} {kind.name}").shuffle(own)
    return expected, [*kind.sure, *own], max(AT_MOST, len(kind.sure))


async def find(name: str, folder: Path, place: asyncio.Semaphore) -> Found:
    """Run a scenario undisturbed, then with its kills; a point that it misses this time gives way to another one."""
    kind, seed = SCENARIOS[name], f"{SEED} {name}"
    async with place:
        points, undisturbed = await reached_points(kind, folder / "undisturbed", seed)
    reached = tuple(points)
    expected, order, kills = chosen(kind, reached) if undisturbed.fine else ((), [], 0)

    async def killed_at(crash: str) -> Ran:
        point, _, hit = crash.rpartition(":")
        scenario = kind()
        async with place:
            return await run(scenario, scenario.crash_settings(point, int(hit)), folder / crash, seed)

    runs: list[Ran] = []
    while order and (left := kills - sum(ran.reached for ran in runs)) > 0:
        now, order = order[:left], order[left:]
        runs += await asyncio.gather(*map(killed_at, now))
    return Found(undisturbed, reached, expected, tuple(runs))


async def find_all(names: list[str], folder: Path) -> Mapping[str, Found]:
    place = asyncio.Semaphore(AT_ONCE)
    found = await asyncio.gather(*(find(name, folder / name, place) for name in names))
    return dict(zip(names, found, strict=True))


@pytest.fixture(scope="module")
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Found]:
    """Every scenario that a test was chosen for, run once."""
    functions = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = [str(one.callspec.params["name"]) for one in functions if one.module is request.module]
    names.sort(key=lambda name: name != THOROUGH)  # the longest first
    return asyncio.run(find_all(names, tmp_path_factory.mktemp("crash")))


@pytest.fixture(scope="module")
def points() -> set[str]:
    return set(all_points())


def marked(kind: type[Scenario]) -> pytest.ParameterSet:
    """A scenario with the features that it proves."""
    return pytest.param(kind.name, marks=pytest.mark.proves(*kind.proves, *(f"outcome.{end}" for end in kind.ends)))


@pytest.mark.parametrize("name", [marked(kind) for kind in SCENARIOS.values()])
def test_scenario_survives_kills(
    name: str, found: Mapping[str, Found], points: set[str], request: pytest.FixtureRequest
) -> None:
    one = found[name]
    assert one.undisturbed.fine, str(one.undisturbed)
    assert one.undisturbed.reached, f"{name} did not come to {SCENARIOS[name].crashes}"
    assert set(one.reached) <= points, "the command does not list every point"
    tally = request.config.stash[TALLY]
    tally.scenarios += 1
    tally.expected += len(one.expected)
    tally.executed += len(one.runs)
    tally.not_reached += sum(not ran.reached for ran in one.runs)
    ended = one.undisturbed.outcomes.union(*(ran.outcomes for ran in one.runs))
    assert set(SCENARIOS[name].ends) <= ended, f"acts ended only in {ended}"
    wrong = [str(ran) for ran in one.runs if not ran.fine]
    assert not wrong, "\n".join(wrong)
    assert any(ran.reached for ran in one.runs), f"nothing was killed at any of {[ran.crash for ran in one.runs]}"
