"""How much of points x scenarios did a test run execute?"""

from dataclasses import dataclass

import pytest


@dataclass
class Tally:
    """Counts of the short form. `expected` are the points that the scenarios reach."""

    scenarios: int = 0
    expected: int = 0
    executed: int = 0
    not_reached: int = 0
    random_kills: int = 0

    @property
    def skipped(self) -> int:
        """What was left to the long form."""
        return self.expected - self.executed

    def __str__(self) -> str:
        return (
            f"{self.scenarios} scenarios, points that they reach: expected {self.expected}, executed {self.executed} "
            f"({self.not_reached} not reached this time), skipped {self.skipped}; {self.random_kills} random kills"
        )


TALLY = pytest.StashKey[Tally]()
