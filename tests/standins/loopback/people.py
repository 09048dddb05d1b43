"""What do people do?"""

import time

import msgspec

from tests.standins.loopback.feed import Feed
from tests.standins.loopback.files import Files
from tests.standins.loopback.refusals import Refused
from tests.standins.loopback.rooms import MAX_MESSAGES, Rooms
from tests.standins.loopback.values import Event, Inject, Press


class People:
    """Turns what a test injects into events that the bot reads and messages that the rooms show."""

    def __init__(self, feed: Feed, rooms: Rooms, files: Files) -> None:
        self._feed = feed
        self._rooms = rooms
        self._files = files
        self._latest: dict[tuple[str, str], Event] = {}

    def act(self, what: Inject) -> list[Event]:
        """Returns the delivered events. Raises Refused: an edit of nothing, a known id."""
        native_id = what.id or self._rooms.next_id()
        if what.kind == "press":
            return self._press(what, native_id)
        known = self._latest.get((what.room.id, native_id))
        if known is not None and what.duplicate:
            return [self._feed.add(known)]
        event = self._event(what, native_id, known)
        self._rooms.show(event)
        self._latest[what.room.id, native_id] = event
        return [self._feed.add(event) for _ in range(2 if what.duplicate else 1)]

    def _press(self, what: Inject, native_id: str) -> list[Event]:
        self._rooms.pressed(
            what.room.id, Press(id=native_id, room=what.room.id, message=what.message, value=what.value)
        )
        event = Event(
            seq=0,
            kind="press",
            id=native_id,
            revision=1,
            room=what.room,
            sender=what.sender,
            text="",
            sent_at=time.time(),
            message=what.message,
            value=what.value,
        )
        return [self._feed.add(event) for _ in range(2 if what.duplicate else 1)]

    def _event(self, what: Inject, native_id: str, known: Event | None) -> Event:
        if (known is None) != (what.kind == "message"):
            raise Refused(409, "known_id" if known else "unknown_message")
        if len(self._latest) >= MAX_MESSAGES:
            raise Refused(507, "full")
        sent_at = time.time() if what.sent_at is None else what.sent_at
        if known is not None:
            revision = known.revision + 1
            changes = {"kind": "edit", "revision": revision, "text": what.text, "sent_at": sent_at}
            return msgspec.structs.replace(known, **changes)
        return Event(
            seq=0,
            kind="message",
            id=native_id,
            revision=1,
            room=what.room,
            sender=what.sender,
            text=what.text,
            sent_at=sent_at,
            attachments=tuple(map(self._files.keep, what.attachments)),
        )
