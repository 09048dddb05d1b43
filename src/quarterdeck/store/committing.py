"""What becomes of whoever waits for a commit? The same on every database."""

import asyncio

from quarterdeck.store.database import Kept
from quarterdeck.store.operations import Receipt

ADMITTED = 4096  # operations waiting or running; beyond it `commit` raises Retry


class Commit(asyncio.Future[Receipt]):
    """A commit's end. A task that is cancelled while it waits for this hears of that when the commit has ended, or
    when its answer is lost: how long it takes to learn its fate then, nobody can say.
    """

    _lost = False
    _cancelled = False

    def cancel(self, msg: object = None) -> bool:
        """Refuse while an answer may come: the task then keeps the cancellation for its next step."""
        self._cancelled = True
        return self._lost and super().cancel(msg)

    def lose(self) -> None:
        """The answer is lost; who was told to go may go."""
        self._lost = True
        if self._cancelled:
            self.cancel()

    def settle(self, end: Receipt | BaseException, kept: Kept | None) -> None:
        """The end is known; `kept` hears of a receipt that nobody waits for any more."""
        if self.done():
            if kept is not None and isinstance(end, Receipt):
                kept(end)
        elif isinstance(end, Receipt):
            self.set_result(end)
        else:
            self.set_exception(end)
