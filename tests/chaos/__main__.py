"""The long form: storms of every kind, one after the other, until so many processes were killed; resumable."""

import argparse
import asyncio
import sys
from functools import partial
from pathlib import Path

import msgspec

from tests.chaos import failover, pauses
from tests.chaos.failover import Failover
from tests.chaos.pauses import Pauses
from tests.chaos.storm import Storm, Trouble, storm
from tests.chaos.troubles import TROUBLES, kills
from tests.crash import results
from tests.postgresql import Cluster, running
from tests.standins import ROOT

KILLS = 1_000
PER_STORM = 20


class ChaosResult(results.Result, kw_only=True):
    """What `docs/reference/results/chaos-*.json` holds beside the counts; seconds, the longest that were seen."""

    database: str = "postgresql"
    failover_first_s: float = 0.0
    failover_all_s: float = 0.0
    pause_s: float = 0.0
    pause_quiet_s: float = 0.0
    given_up: int = 0


class ChaosState(msgspec.Struct, kw_only=True):
    """What is done of a long run."""

    result: ChaosResult
    done: int = 0
    findings: list[str] = []


def main() -> int:
    """The command; 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS, metavar="N")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/reference/results", help="folder of the result file")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache/chaos", help="folder of the state and evidence")
    given = parser.parse_args()
    with running() as cluster:
        return 0 if long(cluster, given.kills, given.seed, given.work, given.out) else 1


def long(cluster: Cluster, wanted: int, seed: str, work: Path, out: Path) -> bool:
    """Storms until `wanted` kills; whether all was fine."""
    file = work / "chaos.state.json"
    state = _state(file, seed)
    result = state.result
    while result.kills < wanted:
        number = state.done
        figures = Figures()
        trouble = trouble_of(number, figures)
        outcome = asyncio.run(storm(trouble, cluster, work / str(number), f"{seed} {number}", number))
        result.kills += outcome.kills
        result.acts += outcome.acts
        result.executed += 1
        result.given_up += outcome.given_up
        result.add(outcome.violations, outcome.complaints)
        figures.add_to(result)
        state.done += 1
        state.findings += [] if outcome.fine else [f"storm {number}: {outcome}"]
        results.save(state, file)
        print(f"storm {number}: {outcome.kills} kills, {outcome.acts} acts; {result.kills}/{wanted} {figures}"
              f"{'' if outcome.fine else outcome}", flush=True)  # fmt: skip
    result.at, result.scenarios, result.expected = results.now(), len(TROUBLES) + 2, result.executed
    head, _, changed = result.commit.partition("-")
    results.save(result, out / f"chaos-{head[:12]}{changed and '-' + changed}.json")
    file.unlink(missing_ok=True)
    print("\n".join([msgspec.json.encode(result).decode(), *state.findings]))
    return result.fine


class Figures:
    """What storms measure beside whether all was fine."""

    def __init__(self) -> None:
        self.failover: Failover | None = None
        self.pauses: Pauses | None = None

    async def killed(self, here: Storm) -> None:
        """One process dies in the middle of many turns."""
        self.failover = await failover.measure(here)

    async def restarted(self, here: Storm) -> None:
        """All are restarted, one after the other."""
        self.pauses = await pauses.measure(here)

    def add_to(self, result: ChaosResult) -> None:
        """Keep the longest."""
        if (seen := self.failover) is not None:
            result.failover_first_s = max(result.failover_first_s, seen.first)
            result.failover_all_s = max(result.failover_all_s, seen.last)
        if (waited := self.pauses) is not None:
            result.pause_s = max(result.pause_s, waited.restart)
            result.pause_quiet_s = max(result.pause_quiet_s, waited.quiet)

    def __str__(self) -> str:
        return str(self.failover or self.pauses or "")


def trouble_of(number: int, figures: Figures) -> Trouble:
    """Mostly kills. Of ten storms one measures a fail-over, one a rolling restart, and two are of another kind."""
    if number % 10 == 0:
        return Trouble(figures.killed)
    if number % 10 == 5:
        return Trouble(figures.restarted, people="calm")
    if number % 5 == 3:
        names = [name for name in TROUBLES if name != "kills"]
        return TROUBLES[names[number // 5 % len(names)]]
    return Trouble(partial(kills, count=PER_STORM))


def _state(file: Path, seed: str) -> ChaosState:
    """The state of an interrupted run of this commit and seed, else a new one."""
    fresh = ChaosState(result=ChaosResult(at=results.now(), commit=results.commit(), seed=seed, cpu=results.cpu()))
    if not file.exists():
        return fresh
    state = msgspec.json.decode(file.read_bytes(), type=ChaosState)
    same = (state.result.commit, state.result.seed) == (fresh.result.commit, seed)
    return state if same else fresh


sys.exit(main())
