"""May this process still begin something? Beside others on one database it may not once they could hold it for dead.

Others call a process dead when its heartbeat has not changed for DEAD_S of their own clocks; it begins nothing more
EFFECTS_S after it sent the last heartbeat that was confirmed. No two machines' clocks are compared.
"""

import time
from collections.abc import Callable
from typing import Final

from quarterdeck.base.errors import Retry

BEAT_S: Final = 1.0
EFFECTS_S: Final = 3.0
DEAD_S: Final = 4.0


class CutOff(Retry):
    """This process has not been able to say for too long that it lives: nothing is begun until it has."""

    code = "cut_off"


def boot_seconds() -> float:
    """Seconds that go on while the machine sleeps, where the system tells them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Standing:
    """Its name among the processes of one database (empty: it is alone), and when others last heard of it."""

    def __init__(self, process: str = "", elapsed: Callable[[], float] = boot_seconds) -> None:
        self.process: Final = process
        self._elapsed = elapsed
        self._sent = elapsed() - EFFECTS_S  # nothing is begun before the first heartbeat

    def send(self) -> float:
        """When a heartbeat is sent: what `confirmed` is given afterwards."""
        return self._elapsed()

    def confirmed(self, sent: float) -> None:
        """The heartbeat that was sent then is in the database."""
        self._sent = max(self._sent, sent)

    @property
    def assured(self) -> bool:
        """Whether an effect may begin now."""
        return not self.process or self._elapsed() - self._sent < EFFECTS_S

    def check(self) -> None:
        """Raises CutOff where nothing may begin."""
        if not self.assured:
            raise CutOff("this process has lost touch with its database; it begins nothing until it has it again", 1.0)


ALONE: Final = Standing()
