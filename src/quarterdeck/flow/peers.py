"""What does a process have to know of others on the same database? One that is alone: nothing (`ALONE`)."""

from collections.abc import Awaitable, Callable
from typing import Final, Literal, Protocol

from quarterdeck.base.supervise import Life

Run = Callable[[Life], Awaitable[None]]

Changed = Literal["rooms", "pauses", "instructions"]
"""What a process keeps a copy of: ids of rooms on their platforms, pauses of connections, instruction files."""


class Peers(Protocol):
    """The other processes, and what this one holds of what only one may do."""

    @property
    def shared(self) -> bool:
        """Whether there may be others."""
        ...

    async def gone(self, process: str) -> bool:
        """Whether what a process had begun may be taken up: it is dead, or this very one, which knows of no more."""
        ...

    def holds(self, connection: str) -> bool:
        """Whether this process receives and sends for a connection."""
        ...

    def holding(self, name: str, run: Run) -> Run:
        """`run` as a service that runs in one process at a time."""
        ...

    def ready(self, connection: str, room_id: str) -> None:
        """Something is ready to be sent for a connection that this process does not hold."""
        ...

    def changed(self, what: Changed) -> None:
        """Something that processes keep a copy of has changed here."""
        ...


class Alone:
    """One process has it all."""

    shared = False

    async def gone(self, process: str) -> bool:
        """Everybody else is."""
        return True

    def holds(self, connection: str) -> bool:
        """All of them."""
        return True

    def holding(self, name: str, run: Run) -> Run:
        """It runs here."""
        return run

    def ready(self, connection: str, room_id: str) -> None:
        """Nobody has to be told."""

    def changed(self, what: Changed) -> None:
        """Nobody else has a copy."""


ALONE: Final = Alone()
