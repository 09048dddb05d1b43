"""The long form: storms of every kind, one after the other, until so many processes were killed; resumable."""

import argparse
import asyncio
import sys
from functools import partial
from pathlib import Path

import msgspec

from tests.chaos.failover import Failover, measure
from tests.chaos.storm import Outcome, Storm, storm
from tests.chaos.troubles import TROUBLES, kills
from tests.crash import results
from tests.postgresql import Cluster, running
from tests.reading import Reader
from tests.standins import ROOT

KILLS = 1_000
PER_STORM = 20


class ChaosResult(results.Result, kw_only=True):
    """What `docs/reference/results/chaos-*.json` holds beside the counts; seconds, the longest that were seen."""

    database: str = "postgresql"
    failover_first_s: float = 0.0
    failover_all_s: float = 0.0
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
        database, number = cluster.create(), state.done
        folder = work / str(number)
        outcome, failover = one(number, database, folder, f"{seed} {number}")
        result.kills += outcome.kills
        result.acts += outcome.acts
        result.executed += 1
        result.given_up += outcome.given_up
        result.add(outcome.violations, outcome.complaints)
        if failover is not None:
            result.failover_first_s = max(result.failover_first_s, failover.first)
            result.failover_all_s = max(result.failover_all_s, failover.last)
        state.done += 1
        state.findings += [] if outcome.fine else [f"storm {number}: {outcome}"]
        results.save(state, file)
        print(f"storm {number}: {outcome.kills} kills, {outcome.acts} acts; {result.kills}/{wanted} {failover or ''}"
              f"{'' if outcome.fine else outcome}", flush=True)  # fmt: skip
    result.at, result.scenarios, result.expected = results.now(), len(TROUBLES) + 1, result.executed
    head, _, changed = result.commit.partition("-")
    results.save(result, out / f"chaos-{head[:12]}{changed and '-' + changed}.json")
    file.unlink(missing_ok=True)
    print("\n".join([msgspec.json.encode(result).decode(), *state.findings]))
    return result.fine


def one(number: int, database: str, folder: Path, seed: str) -> tuple[Outcome, Failover | None]:
    """Mostly kills; every fifth storm measures how long others take, every fifth is of another kind."""
    if number % 5 == 0:
        return _failover(database, folder, seed, number)
    if number % 5 == 3:
        names = [name for name in TROUBLES if name != "kills"]
        trouble = TROUBLES[names[number // 5 % len(names)]]
        return asyncio.run(storm(trouble, database, folder, seed, number)), None
    return asyncio.run(storm(partial(kills, count=PER_STORM), database, folder, seed, number)), None


def _failover(database: str, folder: Path, seed: str, number: int) -> tuple[Outcome, Failover | None]:
    found: list[Failover] = []

    async def killed(here: Storm) -> None:
        reader = Reader(database)
        try:
            found.append(await measure(here, reader))
        finally:
            await asyncio.to_thread(reader.close)

    outcome = asyncio.run(storm(killed, database, folder, seed, number))
    return outcome, found[0] if found else None


def _state(file: Path, seed: str) -> ChaosState:
    """The state of an interrupted run of this commit and seed, else a new one."""
    fresh = ChaosState(result=ChaosResult(at=results.now(), commit=results.commit(), seed=seed, cpu=results.cpu()))
    if not file.exists():
        return fresh
    state = msgspec.json.decode(file.read_bytes(), type=ChaosState)
    same = (state.result.commit, state.result.seed) == (fresh.result.commit, seed)
    return state if same else fresh


sys.exit(main())
