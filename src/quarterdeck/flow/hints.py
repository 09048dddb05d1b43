"""What does intake tell those who work, once an act is committed?"""

from collections.abc import Callable

from quarterdeck.flow.commands import CutReason


class Hints:
    """What intake tells the lanes after a commit, `moved` of rooms with another id; losing it only costs time.

    `wake` has the session, and the connection by which something came.
    """

    def __init__(
        self,
        wake: Callable[[str, str], None],
        cut: Callable[[str, CutReason, int], None],
        committed: Callable[[str], None],
        idle: Callable[[str], bool],
        moved: Callable[[], None],
    ) -> None:
        self.wake = wake
        self.cut = cut
        self.committed = committed
        self.idle = idle
        self.moved = moved
