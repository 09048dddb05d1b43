"""The store: commit operations durably, read rows. This file says what any database does; sqlite.py and postgresql.py
do it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from quarterdeck.store.operations import Operation, Receipt, Value

Row = tuple[Value, ...]
Kept = Callable[[Receipt], None]

SETTLED: Final = 2**63 - 1
"""The parameter `:settled` of whoever reads behind a cursor: rows below it were committed, and no row will come
between them any more. With one writer that is everything; PostgreSQL puts its own horizon in its place.
"""


class Store(Protocol):
    """What flow, governance and use cases need of a database."""

    @property
    def trouble(self) -> str:
        """What kept the latest tries from reaching or writing the database, as a sentence; empty where nothing did."""
        ...

    def troubled(self) -> str:
        """The latest trouble since this was asked last, also one that is over; for the one who records them."""
        ...

    async def commit(self, operation: Operation, kept: Kept | None = None) -> Receipt:
        """Commit all of it or nothing. Returns only after the commit is on disk.

        Raises ExpectationFailed (nothing kept), Retry (not admitted: overloaded or stopping) or StoreFailed
        (fate unknown: the process must end). A caller that is cancelled meanwhile hears of that when the commit has
        ended, or when its answer is lost; `kept` is called with the receipt all the same.
        """
        ...

    async def fetch(self, sql: str, params: Mapping[str, Value]) -> Sequence[Row]:
        """A short read by an index (at most a few hundred rows); sees everything that was committed before."""
        ...

    async def scan(self, sql: str, params: Mapping[str, Value]) -> Sequence[Row]:
        """A read that may take longer; runs beside the event loop."""
        ...

    async def close(self) -> None:
        """Finish what was admitted and close."""
        ...
