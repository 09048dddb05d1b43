"""What does `import quarterdeck.wiring` cost? Start-up and idle memory begin with it (promises S4 and S5)."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

MEGABYTES, CPU_SECONDS = 45.0, 0.7

HEAVY = (
    "aiogram anthropic cedarpy discord google httpx mcp numpy openai opentelemetry pandas playwright "
    "pydantic pydantic_ai pytest requests slack_sdk sqlalchemy telegram torch transformers xllamacpp"
).split()
"""Loaded when used, if at all; never by the wiring of a gateway."""

PROBE = """
import json, os, sys, time
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
for name in ("rich", "greenlet", "colorama"):  # taken where they are; only our development tools bring them
    sys.modules[name] = None
memory, cpu = resident(), time.process_time()
import quarterdeck.wiring
cpu, memory = time.process_time() - cpu, resident() - memory
print(json.dumps({"megabytes": memory, "cpu": cpu, "modules": sorted(sys.modules)}))
"""


@dataclass(frozen=True)
class Cost:
    megabytes: float
    cpu: float
    modules: frozenset[str]


def measure() -> Cost:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    said = subprocess.run(
        [sys.executable, "-c", PROBE], check=True, capture_output=True, text=True, timeout=60, env=environment
    )
    found = json.loads(said.stdout)
    return Cost(found["megabytes"], found["cpu"], frozenset(found["modules"]))


def slowest(count: int = 15) -> str:
    """The dearest imports, for whoever has to find out what became heavy."""
    code = [
        sys.executable,
        "-X",
        "importtime",
        "-c",
        "import sys; sys.modules['rich'] = None; import quarterdeck.wiring",
    ]
    said = subprocess.run(code, check=True, capture_output=True, text=True, timeout=60).stderr
    # import time: self [us] | cumulative | imported package
    rows = [line.removeprefix("import time:").split("|") for line in said.splitlines()[1:]]
    rows = sorted((row for row in rows if len(row) == 3), key=lambda row: -int(row[0]))
    return "\n".join(f"{int(own):>9} us {name.strip()}" for own, _, name in rows[:count])


@pytest.fixture(scope="module")
def cost() -> Cost:
    measure()  # writes the bytecode
    tries = [measure() for _ in range(3)]
    while len(tries) < 10 and min(t.cpu for t in tries) > CPU_SECONDS:  # what runs beside it costs it some
        tries.append(measure())
    return Cost(min(t.megabytes for t in tries), min(t.cpu for t in tries), tries[0].modules)


def test_cpu_of_imports(cost: Cost) -> None:
    assert cost.cpu <= CPU_SECONDS, f"{cost.cpu:.2f} s of CPU\n{slowest()}"


def test_memory_of_imports(cost: Cost) -> None:
    assert cost.megabytes <= MEGABYTES, f"{cost.megabytes:.1f} MB\n{slowest()}"


def test_heavy_libraries_are_loaded_only_when_used(cost: Cost) -> None:
    assert not cost.modules & set(HEAVY)
