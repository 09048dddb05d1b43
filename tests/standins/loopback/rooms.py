"""What does each room show?"""

import time
from collections import OrderedDict

from tests.standins.loopback.files import Files
from tests.standins.loopback.refusals import Refused
from tests.standins.loopback.values import Entry, Event, Note, Post, Press, Room, Settings, Version

BOT = "bot"
MAX_MESSAGES = 1_000_000
LABEL = 40  # characters
VALUE = 64  # bytes


class Rooms:
    """Every message of every room, in the order in which they became visible."""

    def __init__(self, settings: Settings, files: Files, note: Note) -> None:
        self.rooms: dict[str, Room] = {}
        self.presses: dict[str, Press] = {}
        self._entries: dict[str, dict[str, Entry]] = {}
        self._keys: OrderedDict[tuple[str, str], tuple[float, Entry]] = OrderedDict()
        self._count = 0
        self._files = files
        self._note = note
        self._settings = settings
        self.set(settings)

    @property
    def settings(self) -> Settings:
        return self._settings

    def set(self, settings: Settings) -> None:
        """Change the rules; rooms that it names appear."""
        self._settings = settings
        for room in settings.rooms:
            self._open(room)

    def entries(self, room: str) -> list[Entry]:
        """The messages of a room, oldest first; an unknown room has none."""
        return list(self._entries.get(room, {}).values())

    def next_id(self) -> str:
        """A native id. Raises Refused when there are MAX_MESSAGES."""
        if self._count >= MAX_MESSAGES:
            raise Refused(507, "full")
        self._count += 1
        return f"m{self._count}"

    def show(self, event: Event) -> None:
        """What a person wrote or changed."""
        self._open(event.room)
        shown = self._entries[event.room.id]
        if (entry := shown.get(event.id)) is None:
            shown[event.id] = Entry(id=event.id, author=event.sender.id, text=event.text, at=event.sent_at)
        elif event.revision > entry.revision:
            entry.revision = event.revision
            self._retext(entry, event.text)

    def post(self, room: str, post: Post) -> Entry:
        """What the bot sends. Raises Refused."""
        self._check(room, post.text or (post.file.name if post.file else ""))
        self._check_buttons(post)
        if (entry := self._known(room, post.key)) is not None:
            entry.posts += 1
            self._note("message", room=room, id=entry.id, key=post.key, repeated=True)
            return entry
        at = time.time()
        entry = Entry(id=self.next_id(), author=BOT, text=post.text, at=at, key=post.key, reply_to=post.reply_to)
        entry.file = self._files.keep(post.file) if post.file else None
        entry.buttons = post.buttons
        self._entries[room][entry.id] = entry
        if post.key is not None and self._settings.keys:
            self._keys[room, post.key] = (at, entry)
        self._note(
            "message",
            room=room,
            id=entry.id,
            key=post.key,
            repeated=False,
            text=post.text,
            file=entry.file,
            buttons=entry.buttons,
        )
        return entry

    def edit(self, room: str, native_id: str, text: str) -> Entry:
        """What the bot changes in a message of its own. Raises Refused."""
        if not self._settings.edits:
            raise Refused(405, "no_edits")
        self._check(room, text)
        entry = self._entries[room].get(native_id)
        if entry is None or entry.author != BOT:
            raise Refused(404, "unknown_message")
        entry.revision += 1
        self._retext(entry, text)
        self._note("edit", room=room, id=native_id, text=text)
        return entry

    def unbutton(self, room: str, native_id: str) -> Entry:
        """The bot takes the buttons off a message of its own; there need not be any. Raises Refused."""
        self.known(room)
        entry = self._entries[room].get(native_id)
        if entry is None or entry.author != BOT:
            raise Refused(404, "unknown_message")
        entry.buttons = ()
        self._note("unbutton", room=room, id=native_id)
        return entry

    def react(self, room: str, native_id: str, *, on: bool) -> None:
        """The bot sets its reaction on a message, or takes it off. Raises Refused."""
        self.known(room)
        if (entry := self._entries[room].get(native_id)) is None:
            raise Refused(404, "unknown_message")
        entry.reacted = on
        self._note("reaction", room=room, id=native_id, on=on)

    def pressed(self, room: str, press: Press) -> None:
        """A person pressed something. Raises Refused for a message that is not the bot's."""
        entry = self._entries.get(room, {}).get(press.message)
        if entry is None or entry.author != BOT:
            raise Refused(409, "unknown_message")
        if len(self.presses) >= MAX_MESSAGES:
            raise Refused(507, "full")
        self.presses[press.id] = press

    def answer(self, press: str, text: str) -> None:
        """The bot answers a press. Raises Refused for one that nobody made."""
        if press not in self.presses:
            raise Refused(404, "unknown_press")
        self.presses[press].told.append(text)
        self._note("told", press=press, text=text)

    def known(self, room: str) -> None:
        """Raises Refused when there is no such room."""
        if room not in self.rooms:
            raise Refused(404, "unknown_room")

    def _check(self, room: str, text: str) -> None:
        self.known(room)
        if room in self._settings.blocked:
            raise Refused(403, "blocked")
        if not text.strip():
            raise Refused(400, "empty")
        if len(text) > self._settings.limit:
            raise Refused(400, "too_long")

    def _check_buttons(self, post: Post) -> None:
        abreast, most = self._settings.buttons
        if sum(map(len, post.buttons)) > most or any(not 0 < len(row) <= abreast for row in post.buttons):
            raise Refused(400, "bad_buttons")
        for button in (one for row in post.buttons for one in row):
            if not 1 <= len(button.label) <= LABEL or not 1 <= len(button.value.encode()) <= VALUE:
                raise Refused(400, "bad_buttons")

    def _known(self, room: str, key: str | None) -> Entry | None:
        """The entry that this key made, while its window is open; older keys are forgotten."""
        oldest = time.time() - self._settings.key_window
        while self._keys and next(iter(self._keys.values()))[0] <= oldest:
            self._keys.popitem(last=False)
        if key is None or not self._settings.keys or (room, key) not in self._keys:
            return None
        return self._keys[room, key][1]

    def _open(self, room: Room) -> None:
        self.rooms[room.id] = room
        self._entries.setdefault(room.id, {})

    @staticmethod
    def _retext(entry: Entry, text: str) -> None:
        entry.edits.append(Version(text, time.time()))
        entry.text = text
