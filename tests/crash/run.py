"""One scenario with its crashes, judged."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.checkers.violation import Violation
from tests.crash.scenario import Scenario
from tests.crash.world import World, world

RUN_SECONDS = 180.0
STOPS = 4  # a point on the way down may kill; then it is started and stopped again


class Ran(msgspec.Struct, frozen=True):
    """What came of a run. `reached` is False when the scenario ended without coming to the point."""

    scenario: str
    crash: str
    reached: bool
    kills: int = 0
    outcomes: frozenset[str] = frozenset()
    violations: tuple[Violation, ...] = ()
    complaints: tuple[str, ...] = ()
    folder: str = ""

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong."""
        return not self.violations and not self.complaints

    def __str__(self) -> str:
        found = "\n  ".join([*map(str, self.violations), *self.complaints])
        return f"{self.scenario} killed at {self.crash or 'no point'} ({self.folder}):\n  {found}"


async def run(scenario: Scenario, crashes: Sequence[str], folder: Path, seed: str, trace: Path | None = None) -> Ran:
    """Drive `scenario` over `crashes`. The folder is made, and removed when all is fine."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    crash = crashes[-1] if crashes else ""
    complaints: list[str] = []
    violations: list[Violation] = []
    outcomes: frozenset[str] = frozenset()
    async with world(folder, scenario.settings, seed, crashes, trace) as here:
        try:
            async with asyncio.timeout(RUN_SECONDS):
                rested = await _live(scenario, here)
            evidence = await asyncio.to_thread(here.evidence)
            violations = await asyncio.to_thread(here.judge, evidence)
            outcomes = frozenset(row.outcome or "" for row in evidence.database.inbox)
            complaints += scenario.expect(evidence)
            complaints += [] if rested else ["it never came to rest"]
        except* Exception as failed:  # whatever it is, it is this run's
            complaints += [f"{type(error).__name__}: {error}" for error in flat(failed)]
        kills = len(here.gateway.killed)
    reached = kills == len(crashes)
    ran = Ran(scenario.name, crash, reached, kills, outcomes, tuple(violations), tuple(complaints), str(folder))
    if ran.fine:
        await asyncio.to_thread(shutil.rmtree, folder)
    return ran


async def _live(scenario: Scenario, here: World) -> bool:
    """From the first start to the last stop; whether it came to rest."""
    rested = True
    await scenario.prepare(here)
    async with asyncio.TaskGroup() as group:
        group.create_task(here.gateway.keep())
        await scenario.drive(here)
        for _ in range(STOPS):
            rested = await here.rest()
            await here.gateway.stop(last=True)
            if here.gateway.ended:
                break
    return rested


def flat(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The errors of a group of groups."""
    found: list[BaseException] = []
    for error in group.exceptions:
        found += flat(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
