"""Which model is asked? The one that is wanted, its fallbacks in order where it fails; for a while after a fallback
the one that answered, so that a conversation does not jump and a provider's cache of its prompt stays warm.

What is known lives in memory: after a restart the first failure says it again.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from quarterdeck.base.clock import Clock
from quarterdeck.ports import FailureKind

REST_SECONDS: Mapping[FailureKind, float] = {
    "auth": 600.0,
    "credit": 600.0,
    "access": 600.0,
    "rate": 60.0,
    "overload": 30.0,
    "network": 30.0,
    "timeout": 30.0,
    "cut": 30.0,
    "server": 30.0,
}
"""How long a route rests that was given up. What is wrong with one request alone (context, invalid) rests nobody."""

LONGEST_REST = 3600.0
STICKY_SECONDS = 1800.0
KNOWN = 10_000  # sessions whose fallback is remembered


class Routes:
    """The order in which routes are tried."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._resting: dict[str, float] = {}  # bounded by the routes that assistants name
        self._sticky: OrderedDict[str, tuple[str, str, float]] = OrderedDict()

    def order(self, session_id: str, wanted: Sequence[str]) -> list[str]:
        """The wanted routes, first to be tried first: whoever answered this session lately, then who does not rest,
        then who rests, the soonest ready first.
        """
        now = self._clock.monotonic()
        own, answered, until = self._sticky.get(session_id, ("", "", 0.0))
        sticks = answered if until > now and own == wanted[0] else ""
        place = {route: n for n, route in reversed(list(enumerate(wanted)))}

        def rank(route: str) -> tuple[float, bool, int]:
            return max(0.0, self._resting.get(route, 0.0) - now), route != sticks, place[route]

        return sorted(place, key=rank)

    def gave_up(self, route: str, kind: FailureKind, retry_after: float | None) -> None:
        """A route was given up for this turn."""
        if kind not in REST_SECONDS:
            return
        seconds = REST_SECONDS[kind] if retry_after is None else max(retry_after, 1.0)
        self._resting[route] = self._clock.monotonic() + min(seconds, LONGEST_REST)

    def answered(self, session_id: str, wanted: str, route: str) -> None:
        """`route` answered a session that wanted `wanted`."""
        self._resting.pop(route, None)
        if route == wanted:
            if self._sticky:
                self._sticky.pop(session_id, None)
            return
        _, before, until = self._sticky.get(session_id, ("", "", 0.0))
        now = self._clock.monotonic()
        if before != route or until <= now:  # it does not stick for ever: the clock runs from the fallback on
            self._sticky[session_id] = (wanted, route, now + STICKY_SECONDS)
            self._sticky.move_to_end(session_id)
        if len(self._sticky) > KNOWN:
            self._sticky.popitem(last=False)

    def resting(self) -> dict[str, float]:
        """Seconds for which each route still rests; those that do not are left out."""
        now = self._clock.monotonic()
        return {route: until - now for route, until in self._resting.items() if until > now}
