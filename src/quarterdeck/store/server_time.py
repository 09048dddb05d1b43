"""What time is it in PostgreSQL? A `SharedClock` is told."""

from collections.abc import Sequence
from typing import Final, Protocol

from quarterdeck.base.clock import SharedClock
from quarterdeck.store.operations import Value

_TIME: Final = "SELECT CAST(extract(epoch FROM clock_timestamp()) AS REAL)"


class Answers(Protocol):
    """A way to the database."""

    async def fetch(self, sql: str, params: dict[str, Value], /) -> Sequence[Sequence[Value]]:
        """The rows of a statement. Raises Retry."""
        ...


async def set_clock(clock: SharedClock, database: Answers) -> None:
    """Ask once. Raises Retry."""
    asked = clock.ask()
    ((at,),) = await database.fetch(_TIME, {})
    assert isinstance(at, float)
    clock.heard(at, asked)
