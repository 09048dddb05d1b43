"""Which connections has a person paused? Such a one receives nothing, and what is to be sent there waits.

The rows are the truth; this is what a running process obeys. What is under way when a pause begins ends by itself.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from quarterdeck.base.supervise import Life
from quarterdeck.ports import Channel, IntakePort


class Pause(msgspec.Struct, frozen=True):
    """A connection that is paused: since when (Unix seconds), by whom, why in that person's words."""

    connection: str
    since: float
    by: str
    reason: str


class Pauses:
    """Pauses in force, and the receiving that obeys them."""

    def __init__(self) -> None:
        self._pauses: dict[str, Pause] = {}
        self._resumed: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._receiving: dict[str, asyncio.Timeout] = {}

    def replace(self, pauses: Iterable[Pause]) -> None:
        """Obey the pauses that the store has: from a start on, and when another process has changed them."""
        found = {one.connection: one for one in pauses}
        for connection in self._pauses.keys() - found.keys():
            self.end(connection)
        for connection, pause in found.items():
            if self._pauses.get(connection) != pause:
                self.begin(pause)

    def of(self, connection: str) -> Pause | None:
        """The pause of a connection, None where it is not paused."""
        return self._pauses.get(connection)

    def begin(self, pause: Pause) -> None:
        """A pause was committed: receiving ends now."""
        self._pauses[pause.connection] = pause
        self._resumed[pause.connection].clear()
        if (scope := self._receiving.get(pause.connection)) is not None:
            scope.reschedule(asyncio.get_running_loop().time())

    def end(self, connection: str) -> None:
        """The end of a pause was committed: receiving begins again."""
        self._pauses.pop(connection, None)
        self._resumed[connection].set()

    def receiving(self, connection: str, channel: Channel, intake: IntakePort) -> Callable[[Life], Awaitable[None]]:
        """A connection's receiving as a service, whenever it is not paused. It ends when it is told to stop."""

        async def run(life: Life) -> None:
            life.ready()
            try:
                async with asyncio.timeout(None) as scope:
                    life.spawn("stop", _end_with(life, scope))
                    await self._receive(connection, channel, intake)
            except TimeoutError:
                if not life.stopping.is_set():
                    raise

        return run

    async def _receive(self, connection: str, channel: Channel, intake: IntakePort) -> None:
        while True:
            if connection in self._pauses:
                await self._resumed[connection].wait()
            scope = asyncio.timeout(None)
            try:
                async with scope:
                    self._receiving[connection] = scope
                    return await channel.receive(intake)
            except TimeoutError:
                if not scope.expired():
                    raise
            finally:
                self._receiving.pop(connection, None)


async def _end_with(life: Life, scope: asyncio.Timeout) -> None:
    await life.stopping.wait()
    scope.reschedule(asyncio.get_running_loop().time())
