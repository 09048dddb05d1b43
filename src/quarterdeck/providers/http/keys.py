"""Which of a provider's keys is used? The first that does not rest. A key rests when it was refused, for as long as
the provider says or its kind of refusal deserves.

What is known of keys lives in memory: after a restart the first refusal says it again.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.ports import FailureKind

REST_SECONDS: Mapping[FailureKind, float] = {"auth": 600.0, "credit": 600.0, "rate": 30.0}
"""For these another key may help; what the provider says about `rate` goes first."""

LONGEST_REST = 3600.0


class KeyHealth(msgspec.Struct, frozen=True):
    """One key: `state` ok, or the kind of refusal for which it rests `seconds` more."""

    key: str
    state: Literal["ok", "auth", "credit", "rate"]
    seconds: float


class KeyRing:
    """The keys of one provider, `k0`, `k1` ... in the order of the configuration."""

    def __init__(self, count: int, clock: Clock) -> None:
        self._names = tuple(f"k{n}" for n in range(count))
        self._clock = clock
        self._resting: dict[str, tuple[float, FailureKind]] = {}

    def pick(self) -> str:
        """The key for the next call: the first that does not rest, else the one that is ready first.

        Empty where the provider has no key.
        """
        return min(self._names, key=lambda name: (self._left(name), name), default="")

    def refused(self, name: str, kind: FailureKind, retry_after: float | None) -> bool:
        """A call with this key was refused; whether another key is ready to be tried at once."""
        if kind not in REST_SECONDS or name not in self._names:
            return False
        seconds = REST_SECONDS[kind] if retry_after is None or kind != "rate" else retry_after
        self._resting[name] = (self._clock.monotonic() + min(seconds, LONGEST_REST), kind)
        return any(self._left(other) == 0.0 for other in self._names)

    def answered(self, name: str) -> None:
        """A call with this key went well."""
        self._resting.pop(name, None)

    def health(self) -> tuple[KeyHealth, ...]:
        """All keys as they are now."""
        return tuple(self._health(name) for name in self._names)

    def _health(self, name: str) -> KeyHealth:
        left = self._left(name)
        kind = self._resting[name][1] if left else None
        return KeyHealth(name, kind if kind in ("auth", "credit", "rate") else "ok", left)

    def _left(self, name: str) -> float:
        """Seconds for which it still rests."""
        until, _ = self._resting.get(name, (0.0, None))
        return max(0.0, until - self._clock.monotonic())
