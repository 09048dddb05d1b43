"""One act of a person or a system, parsed once at the edge. Everything enters through this value."""

from typing import Literal

import msgspec

from quarterdeck.model.asking import NO_WISHES, Options
from quarterdeck.model.message import Attachment, Message, Quoted, ToolResult

RoomKind = Literal["dm", "group", "thread"]
QueueMode = Literal["followup", "collect", "steer", "interrupt"]
QUEUE_MODES: tuple[QueueMode, ...] = ("followup", "collect", "steer", "interrupt")


class Room(msgspec.Struct, frozen=True):
    """Where a conversation takes place, in the platform's own words. `native_id` is unique per connection.

    `parent` is the `native_id` of the room that a thread is in, empty where there is none.
    """

    native_id: str
    kind: RoomKind = "dm"
    title: str = ""
    parent: str = ""


class Sender(msgspec.Struct, frozen=True):
    """One provider-given identity; it may not belong to a known person yet.

    `language` is a BCP 47 tag as the platform gives it, such as `de` or `pt-BR`; empty where it does not say.
    """

    native_id: str
    name: str = ""
    language: str = ""


class RoomChange(msgspec.Struct, frozen=True):
    """What the platform says about a room itself: the bot can write there again, or no more (and why), or the room goes
    on under another id (`native_id`), with its conversations.
    """

    what: Literal["reachable", "removed", "blocked", "muted", "moved"]
    native_id: str = ""


class Due(msgspec.Struct, frozen=True):
    """Which timer fell due: of which kind, for which session, when (Unix seconds) and how late in seconds.

    `head` is the session's newest event when it was decided: what happens behind it takes the decision back.
    """

    timer: str
    kind: str
    session: str
    at: float
    late: float
    head: int


class Inbound(msgspec.Struct, frozen=True):
    """A parsed act. `act_key` is the same for one act by whatever route it comes, and another for an edit of it.

    `message_ref` is the platform's id of the message (empty where there is none); an edit has the ref of what
    it edits. `sent_at` is Unix seconds by the platform's clock, 0 when unknown. `history` is what an API client
    sent along for a session of one turn, `options` how it wants to be answered, `results` what its own tools brought.
    `asked` is what a door keeps with the act, in its own words. `mode` overrides the assistant's queue mode. `due`:
    nobody spoke, a timer fell due; room and sender are empty then. `change`: nobody spoke, the room changed.

    `addressed` is whether it was said to the bot; in private everything is. `quoted` is the message that it answers.
    `gather_ms` is how long it waits for more of the same act (the pictures of an album), all taken together.
    `press`: a button was pressed, and this is its value; `message_ref` is the message that has it, the text is empty.
    `follows`: it is accepted only while this turn is the newest of its session, and nothing else waits there.
    """

    connection: str
    act_key: str
    room: Room
    sender: Sender
    text: str
    kind: Literal["message", "edit", "timer", "room", "press"] = "message"
    message_ref: str = ""
    sent_at: float = 0.0
    attachments: tuple[Attachment, ...] = ()
    history: tuple[Message, ...] = ()
    mode: QueueMode | None = None
    assistant: str = ""
    options: Options = NO_WISHES
    results: tuple[ToolResult, ...] = ()
    asked: bytes = b""
    due: Due | None = None
    change: RoomChange | None = None
    addressed: bool = True
    quoted: Quoted | None = None
    gather_ms: int = 0
    press: str = ""
    follows: str = ""


class Accepted(msgspec.Struct, frozen=True):
    """The inbox row is committed; the platform may be acknowledged. `outcome` is set when it ended at once.

    Without an `inbox_id` nothing was kept: what people of a group say to each other is no act towards the assistant.
    `told` is for the one who pressed a button, where the platform can show them a line; empty: nothing is to be said.
    """

    inbox_id: str
    session_id: str
    position: int
    outcome: str = ""
    told: str = ""


class Duplicate(msgspec.Struct, frozen=True):
    """The same act was accepted before; acknowledge it again, nothing else happens."""

    inbox_id: str
    session_id: str


Acceptance = Accepted | Duplicate
