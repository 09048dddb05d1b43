"""What processes tell each other so that nobody waits for the next look at the rows. Losing it costs time only.

Several pieces travel together: whatever was said within GATHER_S is one message, or a few where it is long.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

import msgspec

from quarterdeck.base.errors import Retry
from quarterdeck.base.supervise import EventLog
from quarterdeck.flow.commands import CutReason
from quarterdeck.flow.peers import Changed

GATHER_S: Final = 0.03
MOST: Final = 10_000  # pieces that wait to be told; beyond it they are not, and the rows are looked at in time
AT_ONCE: Final = 25  # pieces of one kind in a message: with the longest names it stays below 8,000 bytes

PARTS_BYTES: Final = 5_000  # of pieces in a message, beside twice AT_ONCE sessions

T = TypeVar("T")


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """What has grown of an answer from character `at` on; up to piece `seq`, unless `more` of that follows.

    `over`: the answer does not grow any more.
    """

    session: str
    turn: str
    attempt: int
    seq: int
    at: int
    text: str
    more: bool = False
    over: bool = False


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message: by whom; sessions with work and the connection by which it came, sessions with new events, rooms
    with something to send, turns to cut, copies that are old.

    And of answers that grow: sessions that are watched there, those of which all that has grown is asked for, and
    parts of answers.
    """

    by: str
    lanes: list[tuple[str, str]] = []
    events: list[str] = []
    rooms: list[tuple[str, str]] = []
    cuts: list[tuple[str, CutReason, int]] = []
    changed: list[Changed] = []
    watched: list[str] = []
    asked: list[str] = []
    grown: list[Part] = []


class Watches(Protocol):
    """Growing answers, here and at others."""

    def parts(self) -> list[Part]:
        """What is to be told next, PARTS_BYTES at most as JSON; empty when all is told."""
        ...

    def others_watch(self, session_id: str) -> None:
        """Somebody watches there."""
        ...

    def others_ask(self, session_id: str) -> None:
        """Somebody watches there who knows nothing yet of what has grown."""
        ...

    def others_grew(self, part: Part) -> None:
        """An answer has grown there."""
        ...


class Hearers:
    """Who is told of what others say."""

    def __init__(
        self,
        lane: Callable[[str, str], None],
        event: Callable[[str], None],
        room: Callable[[str, str], None],
        cut: Callable[[str, CutReason, int], None],
        changed: Callable[[Changed], None],
        missed: Callable[[], None],
        watches: Watches,
    ) -> None:
        self.lane = lane
        self.event = event
        self.room = room
        self.cut = cut
        self.changed = changed
        self.missed = missed
        self.watches = watches


class News:
    """Gathers what is to be told, and hands on what is heard."""

    def __init__(self, process: str, log: EventLog) -> None:
        self._process = process
        self._log = log
        self._lanes: dict[tuple[str, str], None] = {}
        self._events: dict[str, None] = {}
        self._rooms: dict[tuple[str, str], None] = {}
        self._cuts: dict[tuple[str, CutReason, int], None] = {}
        self._changed: dict[Changed, None] = {}
        self._watched: dict[str, None] = {}
        self._asked: dict[str, None] = {}
        self.wanted = asyncio.Event()
        self.hearers: Hearers | None = None

    def lane(self, session_id: str, connection: str) -> None:
        """A session has work for whoever runs turns; by which connection it came."""
        self._add(self._lanes, (session_id, connection))

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

    def watched(self, session_id: str) -> None:
        """Somebody watches a session here."""
        self._add(self._watched, session_id)

    def asked(self, session_id: str) -> None:
        """Somebody watches a session here who knows nothing yet of what has grown."""
        self._add(self._asked, session_id)

    async def tell(self, say: Callable[[str], Awaitable[None]]) -> None:
        """Tell what was gathered."""
        self.wanted.clear()
        while messages := [one for one in (self._growing(), self._next()) if one is not None]:  # neither waits for long
            for message in messages:
                try:
                    await say(msgspec.json.encode(message).decode())
                except Retry as error:
                    self._log.warning("news.lost", reason=str(error))

    def forget(self) -> None:
        """What was gathered concerns nobody."""
        self.wanted.clear()
        for pieces in (self._lanes, self._events, self._rooms, self._cuts, self._changed, self._watched, self._asked):
            pieces.clear()

    def _growing(self) -> Message | None:
        """Pieces come before the events that are committed after them, and have messages of their own."""
        parts = self.hearers.watches.parts() if self.hearers is not None else []
        if not (parts or self._watched or self._asked):
            return None
        return Message(self._process, watched=_some(self._watched), asked=_some(self._asked), grown=parts)

    def _next(self) -> Message | None:
        if not (self._lanes or self._events or self._rooms or self._cuts or self._changed):
            return None
        return Message(
            self._process, _some(self._lanes), _some(self._events), _some(self._rooms), _some(self._cuts),
            _some(self._changed),
        )  # fmt: skip

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
        self._hear_growing(message, self.hearers.watches)
        for cut in message.cuts:
            self.hearers.cut(*cut)
        for session_id, connection in message.lanes:
            self.hearers.lane(session_id, connection)
        for session_id in message.events:
            self.hearers.event(session_id)
        for room in message.rooms:
            self.hearers.room(*room)
        for what in message.changed:
            self.hearers.changed(what)

    def _hear_growing(self, message: Message, watches: Watches) -> None:
        for session_id in message.watched:
            watches.others_watch(session_id)
        for session_id in message.asked:
            watches.others_ask(session_id)
        for part in message.grown:
            watches.others_grew(part)

    def _add(self, pieces: dict[T, None], piece: T) -> None:
        if len(pieces) < MOST:
            pieces[piece] = None
        self.wanted.set()


def _some(pieces: dict[T, None]) -> list[T]:
    """Take out the oldest."""
    return [pieces.pop(piece) or piece for piece in list(pieces)[:AT_ONCE]]
