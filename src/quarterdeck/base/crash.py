"""Places at which a test may kill this process; in production every call returns at once.

`QUARTERDECK_CRASH_AT=<point>[:<hit>]` with `QUARTERDECK_TESTING=1` sends SIGKILL to this very process the
hit-th time (from 1) that the point is reached. Every durable operation has two points of its own,
`op.<name>.before` and `op.<name>.after`; the places between commits that matter are listed in `PLACES`.
"""

import os
import signal
from collections.abc import Mapping

from quarterdeck.base.errors import BadInput

PLACES = (
    "intake.acknowledge",  # accepted, the platform is not yet told
    "provider.before",  # intent committed, nothing asked yet
    "provider.delta",  # a piece of an answer has come in
    "provider.after",  # the answer is here, nothing of it recorded
    "tool.before",  # intent committed, the tool has not begun
    "tool.after",  # the tool has run, its result is not recorded
    "send.before",  # intent committed, nothing sent
    "send.after",  # the platform has it, the outcome is not recorded
    "stream.shown",  # the first piece is on the platform, its id is not recorded
    "blob.written",  # bytes are kept, no row refers to them
    "group.before_commit",  # statements ran, COMMIT was not issued
    "group.after_commit",  # COMMIT returned, nobody has been told
    "seal.hashed",  # the tree is computed, the checkpoint is not recorded
    "drain.begun",  # SIGTERM arrived, turns are still running
)


class CrashPoints:
    """Counts hits of one armed point and kills the process there; unarmed, `reach` costs one comparison.

    With a `trace` file each point is written to it the first time that it is reached.
    """

    __slots__ = ("_left", "_point", "_seen", "_trace")

    def __init__(self, point: str = "", hit: int = 1, trace: str = "") -> None:
        self._point = point
        self._left = hit
        self._trace = trace
        self._seen: set[str] = set()

    def reach(self, point: str) -> None:
        """Die here if this is the armed point and its hit has come."""
        if self._trace and point not in self._seen:
            self._seen.add(point)
            with open(self._trace, "a", encoding="utf-8") as file:
                file.write(point + "\n")
        if point != self._point:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def from_environment(environ: Mapping[str, str]) -> CrashPoints:
    """The armed point of a test run, else an unarmed one. Refuses a malformed or unpermitted setting."""
    setting, trace = environ.get("QUARTERDECK_CRASH_AT", ""), environ.get("QUARTERDECK_CRASH_TRACE", "")
    if not setting and not trace:
        return CrashPoints()
    if environ.get("QUARTERDECK_TESTING") != "1":
        raise BadInput("QUARTERDECK_CRASH_AT", "is for tests only", "Unset it, or set QUARTERDECK_TESTING=1.")
    point, _, hit = setting.partition(":")
    if hit and not hit.isdigit():
        raise BadInput("QUARTERDECK_CRASH_AT", f"hit {hit!r} is not a number", "Write <point> or <point>:<hit>.")
    return CrashPoints(point, int(hit or "1"), trace)
