"""What time is it? Everything that needs the time is given a `Clock`; nothing else reads the system's."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings, because a wall clock may jump and a monotonic one has no date."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC. For records and comparisons with other machines' dates."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start, never going back. For durations and deadlines."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
