"""For how long has something not changed, or been true? By the monotonic clock: a clock that jumps changes nothing."""

from collections.abc import Collection


class Silence:
    """Remembers values and since when they stand; `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[object, float]] = {}

    def age(self, name: str, value: object, now: float) -> float:
        """For how long `name` has had this value; 0 when it is new."""
        known = self._values.get(name)
        if known is None or known[0] != value:
            self._values[name] = (value, now)
            return 0.0
        return now - known[1]

    def forget_others(self, names: Collection[str]) -> None:
        """Keep only these."""
        for name in [name for name in self._values if name not in names]:
            del self._values[name]


class Backlog:
    """For how long has the oldest of a growing number waited to be reached by another that follows it?"""

    def __init__(self) -> None:
        self._mark = 0
        self._since = 0.0

    def age(self, newest: int, reached: int, now: float) -> float:
        """`reached` follows `newest`; seconds (monotonic) for which it has not come up to where that was."""
        if reached >= self._mark:  # what was waited for has been reached: the next mark is where the other is now
            self._mark, self._since = newest, now
        return 0.0 if reached >= newest else now - self._since
