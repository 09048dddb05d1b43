"""How do requests, events and entries look?"""

from typing import Literal, Protocol

import msgspec

Route = Literal["events", "messages", "edit", "typing", "files", "upload", "effect", "buttons", "press", "reaction"]
RoomKind = Literal["dm", "group"]


class Note(Protocol):
    """Writes one line into the record."""

    def __call__(self, event: str, **fields: object) -> None: ...


class Room(msgspec.Struct, frozen=True):
    id: str
    kind: RoomKind = "dm"
    title: str = ""


class Person(msgspec.Struct, frozen=True):
    id: str
    name: str = ""


class Attachment(msgspec.Struct, frozen=True):
    """`size` in bytes; the bytes are at /files/{id}."""

    id: str
    name: str
    mime: str
    size: int


class Button(msgspec.Struct, frozen=True):
    label: str
    value: str


class Event(msgspec.Struct, frozen=True):
    """What the bot reads. `id` is the message's native id; an edit has the same id and a higher revision.

    A press has an id of its own, and says which `message` has the button, and the button's `value`.
    """

    seq: int
    kind: Literal["message", "edit", "press"]
    id: str
    revision: int
    room: Room
    sender: Person
    text: str
    sent_at: float
    attachments: tuple[Attachment, ...] = ()
    message: str = ""
    value: str = ""


class Upload(msgspec.Struct, frozen=True):
    """A file; in JSON `data` is base64."""

    name: str
    mime: str
    data: bytes


class Post(msgspec.Struct, frozen=True):
    """The body of a message that the bot sends; with a file the text may be empty."""

    text: str
    key: str | None = None
    reply_to: str | None = None
    file: Upload | None = None
    buttons: tuple[tuple[Button, ...], ...] = ()


class Told(msgspec.Struct, frozen=True):
    """What the one who pressed a button is shown; an empty text only ends the waiting."""

    text: str = ""


class Edit(msgspec.Struct, frozen=True):
    text: str


class Version(msgspec.Struct, frozen=True):
    """One text that an entry had, and since when."""

    text: str
    at: float


class Entry(msgspec.Struct, kw_only=True):
    """A message as its room shows it.

    `author` is "bot" or a person's id; `edits` are the texts that came later.

    `reacted`: the bot has set its reaction on it.

    `posts` counts the requests that created it or that its key made be answered with its id.
    """

    id: str
    author: str
    text: str
    at: float
    key: str | None = None
    reply_to: str | None = None
    revision: int = 1
    posts: int = 1
    edits: list[Version] = msgspec.field(default_factory=list)
    file: Attachment | None = None
    buttons: tuple[tuple[Button, ...], ...] = ()
    reacted: bool = False


class Press(msgspec.Struct, kw_only=True):
    """A press; `told` are the bot's answers to it."""

    id: str
    room: str
    message: str
    value: str
    told: list[str] = msgspec.field(default_factory=list)


class Ack(msgspec.Struct, frozen=True):
    """The events that one poll confirmed."""

    at: float
    after: int
    seqs: list[int]


class Effect(msgspec.Struct, frozen=True):
    """One POST /effect; `body` as text."""

    n: int
    at: float
    key: str | None
    body: str


class Inject(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a person does.

    Without an id a message gets a new one; an edit needs a known id and raises its revision. With `duplicate`
    a known id is delivered again as it last was, with a new seq; a new one is delivered twice. A press names the
    `message` and a `value`, whether or not a button with it is there: a person's client may send what it likes.
    """

    kind: Literal["message", "edit", "press"] = "message"
    id: str | None = None
    room: Room = Room("r1")
    sender: Person = Person("u1", "Ada")
    text: str = ""
    sent_at: float | None = None
    attachments: tuple[Upload, ...] = ()
    duplicate: bool = False
    message: str = ""
    value: str = ""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What happens to the next `count` requests of a route.

    status: answered with it, not processed. rate: 429 with `retry_after` (seconds). hang: never answered, not
    processed. drop_before: the connection closes, not processed. drop_after: processed, then the same. slow:
    processed, answered `retry_after` seconds later.
    """

    route: Route
    kind: Literal["status", "rate", "hang", "drop_before", "drop_after", "slow"]
    status: int = 500
    retry_after: float = 0.0
    count: int = 1


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The platform's rules.

    `keys`: whether a room's idempotency keys count, for `key_window` seconds. `limit`: code points of a
    message. `rooms` exist from the beginning, others appear with the first message in them; `blocked` ones
    take none. `buttons`: whether messages may have some, and how many, in one row and in all; a label has 1 to 40
    characters, a value 1 to 64 bytes.
    """

    keys: bool = False
    key_window: float = 600.0
    edits: bool = True
    limit: int = 2000
    rooms: tuple[Room, ...] = ()
    blocked: tuple[str, ...] = ()
    buttons: tuple[int, int] = (4, 24)
