"""The long form: kills at random times, or at every point of every scenario; both resumable."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests.crash import load, results
from tests.crash.catalogue import SCENARIOS
from tests.crash.points import all_points, reached_points
from tests.crash.run import run
from tests.standins import ROOT

AT_ONCE = 3
PER_SEGMENT = 25
RANDOM = 1000

T = TypeVar("T")


class Long:
    """One long run: its state file, its working folder, what it says."""

    def __init__(self, kind: str, seed: str, work: Path) -> None:
        self.file = work / f"{kind}.state.json"
        self.work = work / kind
        self.state = results.load_state(self.file, seed)

    def record(self, key: str, line: str, finding: str) -> None:
        """Something is done: keep it, say it."""
        self.state.done.add(key)
        if finding:
            self.state.findings.append(finding)
        results.save(self.state, self.file)
        print(line + (f"\n  {finding}" if finding else ""), flush=True)

    def close(self, out: Path, name: str) -> bool:
        """Write the result file; whether all was fine."""
        result = self.state.result
        result.at = results.now()
        head, _, changed = result.commit.partition("-")
        path = out / f"{name}-{head[:12]}{changed and '-' + changed}.json"
        results.save(result, path)
        self.file.unlink(missing_ok=True)
        print(f"{path}: lost {result.lost}, doubled {result.doubled}, double commits {result.double_commits}, "
              f"unclosed intents {result.unclosed_intents}, other {result.other}")  # fmt: skip
        for finding in self.state.findings:
            print(finding)
        return result.fine


async def every_point(seed: str, work: Path, out: Path) -> bool:
    """Every scenario, undisturbed and then killed at each point that it comes to; three at once."""
    long = Long("points", seed, work)
    result = long.state.result
    result.points, result.scenarios, result.expected = len(all_points()), len(SCENARIOS), 0

    async def reach(name: str) -> list[tuple[str, str]]:
        points, ran = await reached_points(SCENARIOS[name], long.work / name, f"{seed} {name}")
        if not ran.fine:
            long.record(name, f"{name}, undisturbed", str(ran))
            result.add(ran.violations, ran.complaints)
        return [(name, crash) for crash in (*(f"{point}:1" for point in points), *SCENARIOS[name].hits)]

    async def kill(name: str, crash: str) -> None:
        point, _, hit = crash.rpartition(":")
        scenario = SCENARIOS[name]()
        folder = long.work / f"{name}-{crash}"
        ran = await run(scenario, scenario.crash_settings(point, int(hit)), folder, f"{seed} {name} {crash}")
        result.executed += 1
        result.kills += ran.kills
        result.not_reached += not ran.reached
        result.add(ran.violations, ran.complaints)
        said = "killed" if ran.reached else "not reached this time"
        long.record(f"{name} {crash}", f"{result.executed}/{result.expected} {name} {crash}: {said}",
                    "" if ran.fine else str(ran))  # fmt: skip

    found = await at_once([partial(reach, name) for name in SCENARIOS])
    pairs = [pair for some in found for pair in some]
    result.expected = len(pairs)
    await at_once([partial(kill, *pair) for pair in pairs if " ".join(pair) not in long.state.done])
    print(f"points that scenarios come to: expected {result.expected}, executed {result.executed} "
          f"({result.not_reached} not reached this time)")  # fmt: skip
    return long.close(out, "crash-points")


async def at_random(kills: int, seed: str, work: Path, out: Path) -> bool:
    """Kills at random times, in segments that are judged one by one."""
    long = Long("random", seed, work)
    result = long.state.result
    result.scenarios = len(load.KINDS)
    number = 0
    while result.kills < kills:
        key = f"segment {number}"
        if key not in long.state.done:
            count = min(PER_SEGMENT, kills - result.kills)
            ran = await load.segment(number, count, long.work / str(number), f"{seed} {number}")
            result.kills += ran.kills
            result.acts += ran.acts
            result.executed += 1
            result.add(ran.violations, ran.complaints)
            found = [*map(str, ran.violations), *ran.complaints]
            line = f"{key}: {ran.kills} kills, {ran.acts} acts; {result.kills}/{kills}"
            long.record(key, line, "\n  ".join([f"{key} ({ran.folder}):", *found]) if found else "")
        number += 1
    result.expected = result.executed
    return long.close(out, "crash")


async def at_once(jobs: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Do all, AT_ONCE at a time; what they gave, in the order in which they ended."""
    queue, given = iter(jobs), list[T]()

    async def worker() -> None:
        for job in queue:
            given.append(await job())

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())
    return given


async def asked(options: argparse.Namespace) -> bool:
    """What was asked for."""
    fine = True
    if options.all:
        fine &= await every_point(options.seed, options.work, options.out)
    if options.random is not None or not options.all:
        fine &= await at_random(options.random or RANDOM, options.seed, options.work, options.out)
    return fine


def main() -> int:
    """The command; 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every scenario, killed at every point that it comes to")
    parser.add_argument("--random", type=int, metavar="N", help="N kills at random times")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/reference/results", help="folder of the result files")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache/crash", help="folder of states and evidence")
    return 0 if asyncio.run(asked(parser.parse_args())) else 1


sys.exit(main())
