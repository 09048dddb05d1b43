"""Figures, the state of a long run, and the result file."""

import platform
import subprocess
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.checkers.violation import Violation
from tests.standins import ROOT


class Result(msgspec.Struct, kw_only=True):
    """What `docs/reference/results/crash-*.json` holds. `not_reached` are runs that never came to their point."""

    at: str
    commit: str
    seed: str
    database: str = "sqlite"
    kills: int = 0
    acts: int = 0
    points: int = 0
    scenarios: int = 0
    executed: int = 0
    expected: int = 0
    not_reached: int = 0
    lost: int = 0
    doubled: int = 0
    double_commits: int = 0
    unclosed_intents: int = 0
    other: int = 0
    cpu: str = ""

    def add(self, violations: Iterable[Violation], complaints: Iterable[str]) -> None:
        """Count findings."""
        counts = Counter(violation.figure for violation in violations)
        self.lost += counts["lost"]
        self.doubled += counts["doubled"]
        self.double_commits += counts["double_commit"]
        self.unclosed_intents += counts["unclosed"]
        self.other += sum(counts[name] for name in ("order", "history", "audit", "leak", "money")) + len(
            list(complaints)
        )

    @property
    def fine(self) -> bool:
        """Whether nothing was found."""
        return not (self.lost or self.doubled or self.double_commits or self.unclosed_intents or self.other)


class State(msgspec.Struct, kw_only=True):
    """A long run that may be interrupted: what is done, and what came of it."""

    result: Result
    done: set[str] = msgspec.field(default_factory=set)
    findings: list[str] = msgspec.field(default_factory=list)


def load_state(path: Path, seed: str) -> State:
    """The state of an interrupted run of this commit and seed, else a new one."""
    fresh = State(result=Result(at=now(), commit=commit(), seed=seed, cpu=cpu()))
    if not path.exists():
        return fresh
    state = msgspec.json.decode(path.read_bytes(), type=State)
    same = (state.result.commit, state.result.seed) == (fresh.result.commit, seed)
    return state if same else fresh


def save(value: msgspec.Struct, path: Path) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(value, order="sorted")) + b"\n")
    temporary.replace(path)


def now() -> str:
    """The time, RFC 3339."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def commit() -> str:
    """The commit that is tested, `-changed` when files differ from it."""
    head = _git("rev-parse", "HEAD") or "none"
    return head + ("-changed" if _git("status", "--porcelain", "--", "src") else "")


def cpu() -> str:
    """The machine, in a few words."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.machine()


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, timeout=30)
    return done.stdout.decode().strip() if done.returncode == 0 else ""
