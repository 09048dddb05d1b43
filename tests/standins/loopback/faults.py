"""What goes wrong next, and where?"""

from collections import deque

from tests.standins.loopback.values import Fault, Route

MAX_QUEUED = 10_000


class Faults:
    """One queue for each route."""

    def __init__(self) -> None:
        self._queues: dict[Route, deque[Fault]] = {}

    def add(self, fault: Fault) -> None:
        """Queue the fault `count` times."""
        self._queues.setdefault(fault.route, deque(maxlen=MAX_QUEUED)).extend([fault] * fault.count)

    def clear(self) -> None:
        """Forget all that wait."""
        self._queues.clear()

    def take(self, route: Route) -> Fault | None:
        """The fault of the request that has just come."""
        queue = self._queues.get(route)
        return queue.popleft() if queue else None
