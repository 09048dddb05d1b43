"""`python -m bench`: measure, print a table, write JSON."""

import asyncio
import shutil
import signal
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from bench import (
    acknowledge,
    cpu,
    finding,
    flat,
    latency,
    memory,
    pages,
    postgresql,
    start,
    throughput,
    verifying,
    wires,
)
from bench.figures import Measured, figures
from bench.gateway import Failed
from bench.lab import Lab
from bench.machine import Others, pace
from bench.promises import TARGETS
from bench.report import QUIET_LOAD, Result, encode, on, result, setting, table

ROUNDS = 3
MEASURES: Mapping[str, Callable[[Lab], Awaitable[Measured]]] = {
    "S1": latency.measure,
    "S2": throughput.measure,
    "S3": cpu.measure,
    "S4": start.measure,
    "S5": memory.measure,
    "S6": flat.measure,
    "M4": acknowledge.measure,
    "A4": verifying.measure,
    "pages": pages.measure,
    "wires": wires.measure,
    "search": finding.measure,
    "postgresql": postgresql.measure,
}


def main() -> int:
    """0: measured (targets may be missed), 1: something went wrong in the run, 2: usage."""
    options = ArgumentParser(prog="python -m bench")
    options.add_argument("--json", type=Path, help="write the results to this file")
    options.add_argument("--quick", action="store_true", help="one round with few samples, to try the benchmark itself")
    options.add_argument("--only", default=",".join(MEASURES), help="what to measure, separated by commas")
    options.add_argument("--keep", action="store_true", help="keep the folder with databases, logs and records")
    given = options.parse_args()
    root = Path(tempfile.mkdtemp(prefix="quarterdeck-bench-"))
    try:
        results = asyncio.run(run(given, root))
    except (asyncio.CancelledError, KeyboardInterrupt):
        print(f"Stopped; its files are in {root}", file=sys.stderr)
        return 1
    except (Failed, AssertionError, TimeoutError) as error:
        print(f"The run failed; its files are in {root}\n{error}", file=sys.stderr)
        return 1
    if given.keep:
        print(f"files: {root}")
    else:
        shutil.rmtree(root)
    print(table(results))
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_bytes(encode(results))
    return 0


async def run(given: Namespace, root: Path) -> list[Result]:
    """All rounds of the wanted promises. SIGTERM, like SIGINT, ends them and leaves no child behind."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    where = setting()
    if where.load1 > QUIET_LOAD:
        print(f"The machine is busy (load {where.load1:g}): the figures below cannot be judged.", flush=True)
    wanted = [name for name in MEASURES if name in given.only.split(",")]
    if "postgresql" in wanted and (reason := postgresql.missing()):
        print(f"postgresql is skipped: {reason}", flush=True)
        wanted.remove("postgresql")
    rounds = 1 if given.quick else ROUNDS
    measured: dict[str, list[Measured]] = {name: [] for name in wanted}
    others: dict[str, list[float]] = {name: [] for name in wanted}
    paces: dict[str, list[float]] = {name: [] for name in wanted}
    for number in range(rounds):
        for name in wanted:
            before, begun, watch = pace(), time.monotonic(), Others()
            folder = root / name
            measured[name].append(await MEASURES[name](Lab(folder, number, given.quick)))
            others[name].append(watch.cpus())
            paces[name] += [before, pace()]
            head = TARGETS[name][0]
            value = f"{head.name} {measured[name][-1].values[head.name]:.2f} {head.unit}"
            took = f"{time.monotonic() - begun:.0f} s"
            paced = f"pace {max(paces[name][-2:]):.1f} ms"
            print(f"round {number + 1} of {rounds}: {name} in {took}: {value} ({paced})", flush=True)
    return [
        result(
            name,
            figures(TARGETS[name], measured[name]),
            sum(one.samples for one in measured[name]),
            len(measured[name]),
            max(others[name]),
            paces[name],
            on(where, name),
        )
        for name in wanted
    ]


if __name__ == "__main__":
    sys.exit(main())
