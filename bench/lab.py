"""What a measurement is given: a place, and how much to do."""

from pathlib import Path

import msgspec


class Lab(msgspec.Struct, frozen=True):
    """One round. `quick` tries everything with few samples; what is measured once in a run is done when `first`."""

    root: Path
    round: int
    quick: bool

    @property
    def first(self) -> bool:
        """Whether this is the first round."""
        return self.round == 0

    def folder(self, name: str) -> Path:
        """A fresh folder for this round."""
        path = self.root / f"{self.round}-{name}"
        path.mkdir(parents=True)
        return path

    def count(self, full: int, *, quick: int) -> int:
        """How many samples to take."""
        return quick if self.quick else full
