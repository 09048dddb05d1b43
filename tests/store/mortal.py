"""A store whose process dies beside a chosen commit."""

from quarterdeck.store.operations import Operation, Receipt
from quarterdeck.store.sqlite import Kept, SqliteStore


class Killed(Exception):
    """The process ended here."""


class Mortal(SqliteStore):
    """A store whose process dies before or after the n-th commit from now."""

    dies_in = 0
    side = ""

    async def commit(self, operation: Operation, kept: Kept | None = None) -> Receipt:
        self.dies_in -= 1
        if self.dies_in == 0 and self.side == "before":
            raise Killed
        receipt = await super().commit(operation, kept)
        if self.dies_in == 0 and self.side == "after":
            raise Killed
        return receipt
