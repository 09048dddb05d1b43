"""How do results look, as a table and as JSON?"""

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

import msgspec

from bench.figures import Figure

ROOT = Path(__file__).resolve().parents[1]
QUIET_LOAD = 1.5
"""A one-minute load above this, before the start, leaves a 2-core machine too busy to judge."""
QUIET_OTHERS = 0.2
"""So do other processes that keep more than this of one CPU busy during the measurement."""
STEADY = 1.3
"""So does a machine whose own pace is mostly slower than this factor times its best during the measurement."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One promise. `value`, `unit` and `target` are those of its headline figure, `met` holds for all of them.

    `load1` is the load before the run, `others` the CPUs that other processes kept busy meanwhile, `paces` how many
    milliseconds of CPU the same piece of work took before and after each round; `judged` is false where they leave the
    figures without much meaning.
    """

    id: str
    value: float
    unit: str
    target: float | None
    met: bool
    samples: int
    load1: float
    others: float
    paces: tuple[float, ...]
    judged: bool
    cpu: str
    commit: str
    database: str
    rounds: int
    figures: tuple[Figure, ...]


class Setting(msgspec.Struct, frozen=True):
    """Where and on what a run was made."""

    load1: float
    cpu: str
    commit: str
    database: str


def setting() -> Setting:
    """This machine, now."""
    return Setting(round(os.getloadavg()[0], 2), cpu(), commit(), "sqlite")


def on(where: Setting, promise: str) -> Setting:
    """The database that a row is about."""
    return msgspec.structs.replace(where, database="postgresql") if promise == "postgresql" else where


def result(
    promise: str,
    found: Sequence[Figure],
    samples: int,
    rounds: int,
    others: float,
    paces: Sequence[float],
    where: Setting,
) -> Result:
    """A promise's result from its figures; the first one is the headline."""
    head = found[0]
    return Result(
        id=promise,
        value=head.value,
        unit=head.unit,
        target=head.target,
        met=all(figure.met for figure in found),
        samples=samples,
        load1=where.load1,
        others=round(others, 2),
        paces=tuple(paces),
        judged=where.load1 <= QUIET_LOAD and others <= QUIET_OTHERS and unsteady(paces) <= STEADY,
        cpu=where.cpu,
        commit=where.commit,
        database=where.database,
        rounds=rounds,
        figures=tuple(found),
    )


def table(results: Iterable[Result]) -> str:
    """For eyes: every figure with its target."""
    lines = [f"{'':4}{'figure':46}{'value':>10} {'unit':6}{'target':>10}  "]
    for one in results:
        why = f"load {one.load1:g}, others {one.others:g} CPU, pace x{unsteady(one.paces):.2f}"
        noise = "" if one.judged else f"  too busy to judge ({why})"
        lines.append(f"{one.id}  {one.samples} samples, {one.rounds} rounds{noise}")
        lines += [row(figure) for figure in one.figures]
    return "\n".join(lines)


def unsteady(paces: Sequence[float]) -> float:
    """The middle one over the quickest: the figures are the middle ones of their rounds, too."""
    return median(paces) / min(paces)


def row(figure: Figure) -> str:
    """One line of the table."""
    target = "" if figure.target is None else f"{figure.target:g}"
    verdict = "" if figure.target is None else "met" if figure.met else "NOT MET"
    return f"{'':4}{figure.name:46}{figure.value:10.3f} {figure.unit:6}{target:>10}  {verdict}".rstrip()


def encode(results: Sequence[Result]) -> bytes:
    """The JSON file."""
    return msgspec.json.format(msgspec.json.encode([_rounded(one) for one in results])) + b"\n"


def _rounded(one: Result) -> Mapping[str, object]:
    return {name: _round(value) for name, value in msgspec.to_builtins(one).items()}


def _round(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, list | tuple):
        return [_round(item) for item in value]
    if isinstance(value, dict):
        return {name: _round(item) for name, item in value.items()}
    return value


def commit() -> str:
    """The commit that is measured, `-changed` when the product's files differ from it."""
    head = _git("rev-parse", "HEAD") or "none"
    return head + ("-changed" if _git("status", "--porcelain", "--", "src") else "")


def cpu() -> str:
    """The machine, in a few words."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.machine()


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, timeout=30, check=False)
    return done.stdout.decode().strip() if done.returncode == 0 else ""
