"""What becomes of whoever waits for a commit? The same on every database."""

import asyncio

from quarterdeck.store.operations import Receipt

ADMITTED = 4096  # operations waiting or running; beyond it `commit` raises Retry


class Commit(asyncio.Future[Receipt]):
    """A commit's end. A task that is cancelled while it waits for this hears of that when the commit has ended."""

    def cancel(self, msg: object = None) -> bool:
        """Refuse: the task then keeps the cancellation for its next step."""
        return False
