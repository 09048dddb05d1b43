"""Every gate in one command: `make check`.

Runs all stages even if one fails, prints the seconds of each, and exits 1 if any failed. A stage's output
is shown when it fails; that of the tests is shown as it comes.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONG = 45 * 60
"""Seconds after which the whole is too slow to be run before every push."""


@dataclass(frozen=True)
class Stage:
    name: str
    command: tuple[str, ...]
    shown: bool = False


def python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


def script(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(Path(sys.executable).with_name(name)), *arguments)


SHAPE = ("tests/test_shape.py", "tests/test_shape_rules.py")
WEIGHT = ("tests/test_import_weight.py",)
SIDE_BY_SIDE = ("-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadfile")
ON_BOTH = ("tests/flow", "tests/doors", "tests/plugins")
"""What the tests run on SQLite and a second time on PostgreSQL; tests/store runs each on both by itself."""
QUIET = ("-q", "-p", "no:cacheprovider")

STAGES = (
    Stage("format", python("ruff", "format", "--check", ".")),
    Stage("lint", python("ruff", "check", ".")),
    Stage("types", python("pyright", "--warnings")),
    Stage("imports", script("lint-imports")),
    Stage("dependencies", script("deptry", "src")),
    Stage("shape", python("pytest", *QUIET, *SHAPE)),
    Stage("import weight", python("pytest", *QUIET, *WEIGHT)),
    Stage("docs", (sys.executable, "tools/docs.py", "--check")),
    Stage("on PostgreSQL", python("pytest", *QUIET, *SIDE_BY_SIDE, *ON_BOTH, "--database", "postgresql")),
    Stage("tests", python("pytest", *SIDE_BY_SIDE, *(f"--ignore={path}" for path in SHAPE + WEIGHT)), shown=True),
)


def run(stage: Stage) -> bool:
    """Run one stage and say how it went; True if it passed."""
    started = time.monotonic()
    print(f"--- {stage.name}", flush=True)
    if stage.shown:
        status, said = subprocess.run(stage.command, cwd=ROOT, check=False).returncode, ""
    else:
        done = subprocess.run(
            stage.command, cwd=ROOT, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        status, said = done.returncode, done.stdout
    passed = status == 0
    if not passed:
        print(said, end="")
    print(f"    {'passed' if passed else 'FAILED'} in {time.monotonic() - started:.1f} s", flush=True)
    return passed


def main() -> int:
    started = time.monotonic()
    failed = [stage.name for stage in STAGES if not run(stage)]
    total = time.monotonic() - started
    if total > LONG:
        print(f"WARNING: make check took more than {LONG // 60} minutes")
    print(f"{'FAILED: ' + ', '.join(failed) if failed else 'All gates passed'}; {total:.1f} s in all")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
