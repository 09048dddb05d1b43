"""What did processes cost, and what else was going on? Read from /proc.

A process's CPU time is the sum over its threads of /proc/PID/task/TID/schedstat (nanoseconds; utime and stime of
/proc/PID/stat say the same in steps of 10 ms). A thread that ended takes its time with it; the gateway's live as
long as it does.
"""

import os
import time
from pathlib import Path

import msgspec

PROC = Path("/proc")
BUSY_COLUMNS = (0, 1, 2, 5, 6)  # user, nice, system, irq, softirq of /proc/stat (proc(5))


class Cpu(msgspec.Struct, frozen=True):
    """CPU seconds of a process: of its main thread, and of the others together."""

    main: float
    others: float

    @property
    def total(self) -> float:
        return self.main + self.others

    def since(self, earlier: "Cpu") -> "Cpu":
        """What was used between two readings."""
        return Cpu(self.main - earlier.main, self.others - earlier.others)

    def share(self, count: int) -> "Cpu":
        """One of `count` equal shares."""
        return Cpu(self.main / count, self.others / count)


def cpu_of(pid: int, proc: Path = PROC) -> Cpu:
    """What a process has used so far."""
    main = others = 0.0
    for task in (proc / str(pid) / "task").iterdir():
        try:
            seconds = run_seconds((task / "schedstat").read_text())
        except (FileNotFoundError, ProcessLookupError):  # it ended a moment ago, before it was opened or read
            continue
        if task.name == str(pid):
            main = seconds
        else:
            others += seconds
    return Cpu(main, others)


def run_seconds(schedstat: str) -> float:
    """The time on a CPU of a schedstat line: nanoseconds run, nanoseconds waited, slices."""
    return int(schedstat.split(maxsplit=1)[0]) / 1e9


def resident_mb(pid: int, proc: Path = PROC) -> float:
    """The resident memory of a process, in MB of 10^6 bytes."""
    for line in (proc / str(pid) / "status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmRSS":
            return int(value.split()[0]) * 1024 / 1e6
    raise ValueError(f"process {pid} has no memory")


def busy_seconds(stat: str) -> float:
    """The CPU seconds of all processes, from the text of /proc/stat."""
    columns = stat.splitlines()[0].split()[1:]
    return sum(int(columns[n]) for n in BUSY_COLUMNS) / os.sysconf("SC_CLK_TCK")


PIECES, PIECE = 7, 20_000


def pace() -> float:
    """CPU milliseconds of a piece of work that is always the same: the quickest of a few, a tenth of a second in all.

    A virtual machine's neighbours take no CPU time from it; they make its own pass more slowly.
    """
    return 1000 * min(_piece() for _ in range(PIECES))


def _piece() -> float:
    begun, words = time.thread_time(), dict[str, int]()
    for n in range(PIECE):
        words[f"word {n % 97}"] = words.get(f"word {n % 89}", 0) + n
    return time.thread_time() - begun


class Others:
    """How many CPUs other processes kept busy since this was made: everything but us and our ended children."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._busy, self._own = self._read()

    def cpus(self) -> float:
        busy, own = self._read()
        return max(0.0, (busy - self._busy - (own - self._own)) / (time.monotonic() - self._begun))

    def _read(self) -> tuple[float, float]:
        used = os.times()
        own = used.user + used.system + used.children_user + used.children_system
        return busy_seconds((PROC / "stat").read_text()), own
