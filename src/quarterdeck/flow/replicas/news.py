"""What processes tell each other so that nobody waits for the next look at the rows. Losing it costs time only.

Several pieces travel together: whatever was said within GATHER_S is one message, or a few where it is long.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeVar

import msgspec

from quarterdeck.base.errors import Retry
from quarterdeck.base.supervise import EventLog
from quarterdeck.flow.commands import CutReason

GATHER_S: Final = 0.03
MOST: Final = 10_000  # pieces that wait to be told; beyond it they are not, and the rows are looked at in time
AT_ONCE: Final = 30  # pieces of one kind in a message: ids of 32 characters, so that it stays below 8,000 bytes

T = TypeVar("T")

Changed = Literal["rooms", "pauses"]
"""What a process keeps a copy of: ids of rooms on their platforms, pauses of connections."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message: by whom; sessions with work, sessions with new events, rooms with something to send, turns to cut,
    copies that are old.
    """

    by: str
    lanes: list[str] = []
    events: list[str] = []
    rooms: list[tuple[str, str]] = []
    cuts: list[tuple[str, CutReason, int]] = []
    changed: list[Changed] = []


class Hearers:
    """Who is told of what others say."""

    def __init__(
        self,
        lane: Callable[[str], None],
        event: Callable[[str], None],
        room: Callable[[str, str], None],
        cut: Callable[[str, CutReason, int], None],
        changed: Callable[[Changed], None],
        missed: Callable[[], None],
    ) -> None:
        self.lane = lane
        self.event = event
        self.room = room
        self.cut = cut
        self.changed = changed
        self.missed = missed


class News:
    """Gathers what is to be told, and hands on what is heard."""

    def __init__(self, process: str, log: EventLog) -> None:
        self._process = process
        self._log = log
        self._lanes: dict[str, None] = {}
        self._events: dict[str, None] = {}
        self._rooms: dict[tuple[str, str], None] = {}
        self._cuts: dict[tuple[str, CutReason, int], None] = {}
        self._changed: dict[Changed, None] = {}
        self.wanted = asyncio.Event()
        self.hearers: Hearers | None = None

    def lane(self, session_id: str) -> None:
        """A session has work for whoever runs turns."""
        self._add(self._lanes, session_id)

    def event(self, session_id: str) -> None:
        """Events of a session are committed."""
        self._add(self._events, session_id)

    def room(self, connection: str, room_id: str) -> None:
        """Something is ready to be sent."""
        self._add(self._rooms, (connection, room_id))

    def cut(self, session_id: str, reason: CutReason, position: int) -> None:
        """A turn is to be cut, if it is for acts before `position`."""
        self._add(self._cuts, (session_id, reason, position))

    def changed(self, what: Changed) -> None:
        """Something that processes keep a copy of has changed."""
        self._add(self._changed, what)

    async def tell(self, say: Callable[[str], Awaitable[None]]) -> None:
        """Tell what was gathered."""
        self.wanted.clear()
        while self._lanes or self._events or self._rooms or self._cuts or self._changed:
            message = Message(
                self._process, _some(self._lanes), _some(self._events), _some(self._rooms), _some(self._cuts),
                _some(self._changed),
            )  # fmt: skip
            try:
                await say(msgspec.json.encode(message).decode())
            except Retry as error:
                self._log.warning("news.lost", reason=str(error))

    def forget(self) -> None:
        """What was gathered concerns nobody."""
        self.wanted.clear()
        for pieces in (self._lanes, self._events, self._rooms, self._cuts, self._changed):
            pieces.clear()

    def missed(self) -> None:
        """What others have said for a while was not heard."""
        if self.hearers is not None:
            self.hearers.missed()

    def hear(self, text: str) -> None:
        """Something was said, perhaps by this process."""
        try:
            message = msgspec.json.decode(text, type=Message)
        except msgspec.DecodeError as error:  # a newer version says more
            self._log.warning("news.unknown", reason=str(error))
            return
        if message.by == self._process or self.hearers is None:
            return
        for cut in message.cuts:
            self.hearers.cut(*cut)
        for session_id in message.lanes:
            self.hearers.lane(session_id)
        for session_id in message.events:
            self.hearers.event(session_id)
        for room in message.rooms:
            self.hearers.room(*room)
        for what in message.changed:
            self.hearers.changed(what)

    def _add(self, pieces: dict[T, None], piece: T) -> None:
        if len(pieces) < MOST:
            pieces[piece] = None
        self.wanted.set()


def _some(pieces: dict[T, None]) -> list[T]:
    """Take out the oldest."""
    return [pieces.pop(piece) or piece for piece in list(pieces)[:AT_ONCE]]
