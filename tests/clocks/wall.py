"""A wall clock of a process's own, which a test sets while the process runs. What lasts, lasts as long as before.

libfaketime (Debian's package) stands between the process and the system, and reads from a file how far it is off.
"""

from collections.abc import Mapping
from pathlib import Path

HOUR = 3600.0
LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
MISSING = "libfaketime is not here; see tools/system_packages.sh"


class WallClock:
    """A clock that is `ahead` by so many seconds (behind, where that is below 0); `file` says so to its process."""

    def __init__(self, file: Path, ahead: float = 0.0) -> None:
        self._file = file
        self.set(ahead)

    def set(self, ahead: float) -> None:
        """Let it jump to so many seconds before or behind the right time."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{ahead:+.0f}\n")
        new.replace(self._file)

    @property
    def environ(self) -> Mapping[str, str]:
        """What a process is started with so that it goes by this clock. Times of files stay as they are."""
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
