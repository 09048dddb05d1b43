"""What is a figure, and when is it met?"""

import math
from collections.abc import Mapping, Sequence
from statistics import median

import msgspec


class Target(msgspec.Struct, frozen=True):
    """What is promised of one figure; `limit` None is a figure that is only shown."""

    name: str
    unit: str
    limit: float | None = None
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Whether `value` keeps the promise."""
        if self.limit is None:
            return True
        return value >= self.limit if self.at_least else value <= self.limit


class Measured(msgspec.Struct, frozen=True):
    """What one round of one promise gave: its figures by name, and on how many samples they rest."""

    values: Mapping[str, float]
    samples: int


class Figure(msgspec.Struct, frozen=True):
    """One figure over all rounds."""

    name: str
    value: float
    unit: str
    target: float | None
    met: bool
    rounds: tuple[float, ...]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values do not exceed. Raises ValueError without any."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def figures(targets: Sequence[Target], rounds: Sequence[Measured]) -> tuple[Figure, ...]:
    """The median of every figure that was measured, in the order of `targets`.

    Raises ValueError for a figure without a target, and for a promised one that was not measured.
    """
    unknown = {name for one in rounds for name in one.values} - {target.name for target in targets}
    if unknown:
        raise ValueError(f"no target stands for {', '.join(sorted(unknown))}")
    found: list[Figure] = []
    for target in targets:
        values = tuple(one.values[target.name] for one in rounds if target.name in one.values)
        if values:
            value = median(values)
            found.append(Figure(target.name, value, target.unit, target.limit, target.met(value), values))
        elif target.limit is not None:
            raise ValueError(f"{target.name} was not measured")
    return tuple(found)
