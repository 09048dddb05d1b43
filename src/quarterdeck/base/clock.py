"""What time is it? Everything that needs the time is given a `Clock`; nothing else reads the system's."""

import time
from collections.abc import Callable
from typing import Final, Protocol

from quarterdeck.base.standing import boot_seconds

SET_BACK_S: Final = 5.0
"""What is later than now by so much was before the clock was set back; by less, a clock was corrected."""


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


def left(due_at: float, put_off_at: float, now: float) -> float:
    """Seconds until something is due that was put off then; none where the clock was set back since."""
    return 0.0 if put_off_at > now + SET_BACK_S else max(0.0, due_at - now)


class SharedClock:
    """The time of a database that several machines work on, so that all of them agree on what is due.

    It is carried on between answers of the database by this machine's own steps, and so does not jump with its wall
    clock. Before the first answer it shows that one. `elapsed` gives seconds that never jump.
    """

    def __init__(self, elapsed: Callable[[], float] = boot_seconds) -> None:
        self._elapsed = elapsed
        self._ahead: float | None = None  # what the database's time is ahead of `elapsed`

    def now(self) -> float:
        return time.time() if self._ahead is None else self._elapsed() + self._ahead

    def monotonic(self) -> float:
        return time.monotonic()

    def ask(self) -> float:
        """When the database is asked: what `heard` is given with the answer."""
        return self._elapsed()

    def heard(self, at: float, asked: float) -> None:
        """It was `at` at some moment between the question and now: only what cannot be so is corrected."""
        least, most = at - self._elapsed(), at - asked
        ahead = (least + most) / 2 if self._ahead is None else self._ahead
        self._ahead = min(max(ahead, least), most)
