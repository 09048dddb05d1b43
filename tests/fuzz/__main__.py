"""Fuzz by hand: all targets for a few seconds each, or one for as long as you like."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.seeds import SEEDS
from tests.standins import ROOT


def main() -> int:
    """How many targets something was found in."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("target", nargs="*", help=f"of {', '.join(SEEDS)}; all without")
    options.add_argument("--seconds", type=int, default=10, help="for each target")
    options.add_argument("--corpus", type=Path, default=None, help="a folder in which what was learnt is kept")
    asked = options.parse_args()
    if unknown := set(asked.target) - set(SEEDS):
        options.error(f"there is no target {', '.join(unknown)}; there are: {', '.join(SEEDS)}")
    folder = asked.corpus or Path(tempfile.mkdtemp(prefix="fuzz-"))
    return run(folder, asked.target or list(SEEDS), f"-max_total_time={asked.seconds}").returncode


def run(folder: Path, names: list[str], *bound: str) -> "subprocess.CompletedProcess[bytes]":
    """All of these targets within a bound of libFuzzer's; inputs of at most 4 KiB, 5 s for one."""
    limits = ("-max_len=4096", "-timeout=5", "-rss_limit_mb=1024", "-verbosity=0")
    command = [sys.executable, "-m", "tests.fuzz.engine", str(folder), ",".join(names), *limits, *bound]
    return subprocess.run(command, cwd=ROOT, check=False)


if __name__ == "__main__":
    sys.exit(main())
