"""How much may one asker ask? A bucket of requests for each, refilled evenly.

`RateLimit-Policy` and `RateLimit` are written as in draft-ietf-httpapi-ratelimit-headers-11: the quota `q` of a window
of `w` seconds, and what remains of it (`r`), with the seconds until it is whole again (`t`).
"""

import math
from collections import OrderedDict
from collections.abc import Mapping

from quarterdeck.api.problems import TooMany
from quarterdeck.base.clock import Clock

WINDOW_SECONDS = 60
ASKERS = 10_000  # remembered; whoever asked longest ago is forgotten first, and has a full bucket again


class RateLimits:
    """The buckets. `per_minute` requests fit into one; 0 means that nothing is limited."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._size = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # requests left, and when that was

    def take(self, asker: str) -> Mapping[str, str]:
        """Take one request out of a bucket; the headers that say what remains. Raises TooMany with the same headers."""
        if not self._size:
            return {}
        now, rate = self._clock.monotonic(), self._size / WINDOW_SECONDS
        left, at = self._buckets.pop(asker, (float(self._size), now))
        left = min(self._size, left + (now - at) * rate)
        enough = left >= 1
        self._buckets[asker] = (left - enough, now)
        if len(self._buckets) > ASKERS:
            self._buckets.popitem(last=False)
        headers = self._headers(left - enough, rate)
        if not enough:
            limit = f"{self._size} requests a minute are let in for one asker (server.requests_per_minute)"
            raise TooMany(limit, retry_after=(1 - left) / rate, headers=headers)
        return headers

    def _headers(self, left: float, rate: float) -> Mapping[str, str]:
        whole = math.ceil((self._size - left) / rate)
        return {
            "ratelimit-policy": f'"asker";q={self._size};w={WINDOW_SECONDS}',
            "ratelimit": f'"asker";r={int(left)};t={whole}',
        }
