"""Can the database be reached, and does it take what is written? What the latest tries said, for whoever asks."""


class Reach:
    """Noted by the store at each try."""

    def __init__(self) -> None:
        self._reading = ""
        self._writing = ""
        self._untold = ""

    @property
    def trouble(self) -> str:
        """What is wrong, as a sentence; empty while nothing is."""
        return self._reading or self._writing

    def troubled(self) -> str:
        """The latest trouble since this was asked last, also one that is over; empty where there was none."""
        said, self._untold = self._untold, ""
        return said

    def lost(self, reason: str) -> None:
        """It was not reached, or did not answer in time."""
        self._reading = self._untold = reason

    def refused(self, reason: str) -> None:
        """It answers, and does not take what is written."""
        self._reading, self._writing = "", reason
        self._untold = reason

    def read(self) -> None:
        """A read was answered."""
        self._reading = ""

    def written(self) -> None:
        """An operation is committed."""
        self._reading = self._writing = ""
