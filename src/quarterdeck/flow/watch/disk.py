"""How long will the disk last? By how the free space went down lately, twice as long as one thing usually takes."""

from collections import deque

from quarterdeck.flow.watch.watching import Disk

SAMPLE_S = 60.0
KEPT = 41
LEAST = 21  # samples from which a forecast is made


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
