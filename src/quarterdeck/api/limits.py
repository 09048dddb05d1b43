"""How much may one asker ask? A bucket of requests for each, refilled evenly.

Gateways on one database have equal shares of the limit, at least 1: whatever door is asked, all of them together let in
no more than it says.

`RateLimit-Policy` and `RateLimit` are written as in draft-ietf-httpapi-ratelimit-headers-11: the quota `q` of a window
of `w` seconds, and what remains of it (`r`), with the seconds until it is whole again (`t`).
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping

from quarterdeck.api.problems import TooMany
from quarterdeck.base.clock import Clock

WINDOW_SECONDS = 60
ASKERS = 10_000  # remembered; whoever asked longest ago is forgotten first, and has a full bucket again


class RateLimits:
    """The buckets. `per_minute` requests fit into one, 0: nothing is limited. `gateways` says how many share that."""

    def __init__(self, per_minute: int, clock: Clock, gateways: Callable[[], int] = lambda: 1) -> None:
        self._per_minute = per_minute
        self._gateways = gateways
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # requests left, and when that was

    def take(self, asker: str) -> Mapping[str, str]:
        """Take one request out of a bucket; the headers that say what remains. Raises TooMany with the same headers."""
        if not self._per_minute:
            return {}
        gateways = self._gateways()
        size = max(1, self._per_minute // gateways)
        now, rate = self._clock.monotonic(), size / WINDOW_SECONDS
        left, at = self._buckets.pop(asker, (float(size), now))
        left = min(size, left + (now - at) * rate)
        enough = left >= 1
        self._buckets[asker] = (left - enough, now)
        if len(self._buckets) > ASKERS:
            self._buckets.popitem(last=False)
        headers = _headers(size, left - enough)
        if not enough:
            limit = f"{size} requests a minute are let in for one asker (server.requests_per_minute)"
            if gateways > 1:
                limit += f"; {gateways} gateways share the limit"
            raise TooMany(limit, retry_after=(1 - left) / rate, headers=headers)
        return headers


def _headers(size: int, left: float) -> Mapping[str, str]:
    whole = math.ceil((size - left) * WINDOW_SECONDS / size)
    return {
        "ratelimit-policy": f'"asker";q={size};w={WINDOW_SECONDS}',
        "ratelimit": f'"asker";r={int(left)};t={whole}',
    }
