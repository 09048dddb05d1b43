"""Where does the CPU of a turn go? A second run, under a profiler, whose shares are laid on the cost without it.

A stage is the profiler's cumulative time of the coroutines it begins with; each runs in tasks of its own, so that
none contains another unless STAGES takes it off again. `rest of the loop` is what no stage accounts for: the event
loop, sockets and tasks. The writer thread is measured, not profiled: it is all there is beside the main thread.
"""

import marshal
import signal
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from tests.waiting import until

from bench.machine import Cpu
from bench.world import alone, world

Place = tuple[str, int, str]
Stats = Mapping[Place, tuple[int, int, float, float, object]]


class Stage(msgspec.Struct, frozen=True):
    """A stage: functions (end of the file's path, name) whose cumulative times are added, and taken off."""

    name: str
    added: Sequence[tuple[str, str]]
    taken_off: Sequence[tuple[str, str]] = ()


ACCEPT = ("flow/intake.py", "accept")
STAGES = (
    Stage(
        "receive",
        (("telegram/receiving.py", "_poll"), ("telegram/receiving.py", "_accept_room")),
        (ACCEPT,),
    ),
    Stage("accept", (ACCEPT,)),
    Stage("take", (("flow/taking.py", "claim"), ("flow/turn.py", "_take"))),
    Stage("model", (("flow/modelcall.py", "answer"), ("flow/streaming.py", "beside"))),
    Stage("end", (("flow/ending.py", "answered"),)),
    Stage("send", (("flow/outbox.py", "_ride"), ("flow/outbox.py", "_next_part"))),
    Stage("seal", (("governance/sealer.py", "seal"),)),
)


async def measure_stages(folder: Path, cost: Cpu, count: int) -> dict[str, float]:
    """The stages' figures, in ms per turn; `cost` is what a turn costs without the profiler."""
    profile = folder / "profile"
    async with world(folder, "telegram") as here, here.gateway(profile) as gateway:
        await here.talk([0] * 20)
        await gateway.at_rest()
        gateway.signal(signal.SIGUSR1)
        before = gateway.cpu()
        await here.talk(alone(count))
        await gateway.at_rest()
        profiled = gateway.cpu().since(before)
        gateway.signal(signal.SIGUSR2)
        await until(profile.exists, 30, "the profile")
    stats: Stats = marshal.loads(profile.read_bytes())  # noqa: S302  written by our own child
    (folder.parent / "packages.txt").write_text(packages_table(stats, count))
    return stage_figures(stats, cost, profiled.main)


def stage_figures(stats: Stats, cost: Cpu, profiled: float) -> dict[str, float]:
    """ms per turn by stage; the main thread's stages add up to its cost.

    `profiled` are the CPU seconds that the main thread used under the profiler, the loop's own among them.
    """
    spent = {stage.name: _sum(stats, stage.added) - _sum(stats, stage.taken_off) for stage in STAGES}
    shares = {name: seconds / profiled for name, seconds in spent.items()}
    shares["rest of the loop"] = 1.0 - sum(shares.values())
    found = {f"stage: {name}": 1000 * cost.main * share for name, share in shares.items()}
    return found | {"stage: writer thread": 1000 * cost.others}


def _sum(stats: Stats, wanted: Sequence[tuple[str, str]]) -> float:
    return sum(
        cumulative
        for (file, _, name), (_, _, _, cumulative, _) in stats.items()
        if any(name == function and file.endswith(path) for path, function in wanted)
    )


def packages_table(stats: Stats, count: int) -> str:
    """The profiler's own time by package, in ms per turn (with the profiler's cost), dearest first."""
    own: defaultdict[str, float] = defaultdict(float)
    for (file, _, name), (_, _, seconds, _, _) in stats.items():
        own[package_of(file, name)] += seconds
    lines = [
        f"{1000 * seconds / count:8.3f} ms  {package}"
        for package, seconds in sorted(own.items(), key=lambda item: -item[1])
    ]
    return "\n".join(lines) + "\n"


def package_of(file: str, name: str) -> str:
    """Where a function belongs: a package of ours, a library, or what is built in."""
    if file == "~":
        return "built in: sqlite3" if "sqlite3" in name else "built in: uvloop" if "uvloop" in name else "built in"
    for mark in ("/site-packages/", "/src/"):
        if mark in file:
            parts = file.partition(mark)[2].split("/")
            return ".".join(parts[:2]) if parts[0] == "quarterdeck" else parts[0]
    return "standard library: " + "/".join(file.split("/")[-2:])
