"""How long will the disk last? By how the free space went down lately, twice as long as one thing usually takes.

Each process sees its own, and shows it in its metrics; the watcher, which is one among all, hears of it from each.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf

from quarterdeck.base.clock import Clock
from quarterdeck.flow.watch.watching import Disk
from quarterdeck.observe.metrics import Metrics

SAMPLE_S = 60.0
KEPT = 41
LEAST = 21  # samples from which a forecast is made


class OwnDisk:
    """The disk where this process has its data; `free` gives its free bytes."""

    def __init__(self, free: Callable[[], int], clock: Clock, metrics: Metrics) -> None:
        self._free = free
        self._clock = clock
        self._metrics = metrics
        self._forecast = Forecast()
        self._was = free()

    def see(self) -> Disk:
        """How it is now, or was when it last said so."""
        with suppress(OSError):  # who cannot write there hears of it elsewhere
            self._was = self._free()
        disk = self._forecast.see(self._was, self._clock.monotonic())
        self._metrics.gauge("disk_free_bytes", "Free space where the data is", disk.free)
        full_in = inf if disk.full_in is None else disk.full_in
        self._metrics.gauge("disk_full_seconds", "When the free space is used up, as it goes", full_in)
        return disk


class Forecast:
    """Keeps one sample of the free bytes a minute."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=KEPT)

    def see(self, free: int, now: float) -> Disk:
        """The disk with its forecast; `now` is monotonic seconds.

        Both halves of the time must say it: a download that has ended is no trend.
        """
        if not self._samples or now - self._samples[-1][0] >= SAMPLE_S:
            self._samples.append((now, free))
        if len(self._samples) < LEAST:
            return Disk(free)
        first, middle, last = self._samples[0], self._samples[len(self._samples) // 2], self._samples[-1]
        rates = [_rate(first, middle), _rate(middle, last)]
        return Disk(free, free / min(rates) if min(rates) > 0 else None)


def _rate(one: tuple[float, int], other: tuple[float, int]) -> float:
    """Bytes a second that were used between two samples."""
    return (one[1] - other[1]) / (other[0] - one[0])
