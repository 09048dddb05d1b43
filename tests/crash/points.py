"""Which points are there, and which of them does a scenario reach?"""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.crash.run import Ran, run
from tests.crash.scenario import Scenario
from tests.standins import ROOT

LIST_SECONDS = 30


class _Line(msgspec.Struct, frozen=True):
    point: str


def all_points() -> list[str]:
    """What the command itself lists."""
    done = subprocess.run(
        [sys.executable, "-m", "quarterdeck", "crash-points", "--json"],
        cwd=ROOT,
        capture_output=True,
        timeout=LIST_SECONDS,
        check=True,
    )
    return [msgspec.json.decode(line, type=_Line).point for line in done.stdout.splitlines()]


async def reached_points(make: Callable[[], Scenario], folder: Path, seed: str) -> tuple[list[str], Ran]:
    """The points of a run without the crash under test, in the order of their first hit; and that run."""
    trace = folder.with_suffix(".trace")
    scenario = make()
    ran = await run(scenario, scenario.crashes, folder, seed, trace)
    return list(dict.fromkeys(await asyncio.to_thread(_lines, trace))), ran


def _lines(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []
