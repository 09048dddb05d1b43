"""The loopback wire: events in, texts out. Pure."""

from collections.abc import Sequence

import msgspec

from quarterdeck.model.button import ButtonRows
from quarterdeck.model.inbound import Inbound, Room, RoomKind, Sender
from quarterdeck.model.message import Attachment
from quarterdeck.ports import MARK_RESERVE

PRESS = "press/"  # before the id of a press, in an act's key


class WireFile(msgspec.Struct, frozen=True):
    """A file of a message."""

    id: str
    name: str
    mime: str
    size: int


class WireRoom(msgspec.Struct, frozen=True):
    """Where it was said."""

    id: str
    kind: RoomKind = "dm"
    title: str = ""


class WireSender(msgspec.Struct, frozen=True):
    """Who said it."""

    id: str
    name: str = ""
    language: str = ""


class WireEvent(msgspec.Struct, frozen=True):
    """One event of the feed; an edit has the id of what it edits and a higher revision. A press has an id of its own,
    the message that has the button, and the button's value.
    """

    seq: int
    kind: str
    id: str
    room: WireRoom
    sender: WireSender
    text: str = ""
    revision: int = 0
    sent_at: float = 0.0
    attachments: tuple[WireFile, ...] = ()
    message: str = ""
    value: str = ""


class WireFeed(msgspec.Struct, frozen=True):
    """One page of the feed."""

    events: tuple[WireEvent, ...]


class WireId(msgspec.Struct, frozen=True):
    """The answer to a send."""

    id: str


class WireError(msgspec.Struct, frozen=True):
    """The answer to what was not done."""

    error: str = ""
    retry_after: float | None = None


class WireUpload(msgspec.Struct, frozen=True):
    """A file that is sent; in JSON its bytes are base64."""

    name: str
    mime: str
    data: bytes


class WireButton(msgspec.Struct, frozen=True):
    """A button; `value` comes back with a press."""

    label: str
    value: str


class WireSend(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message to a room."""

    text: str
    key: str = ""
    reply_to: str = ""
    file: WireUpload | None = None
    buttons: tuple[tuple[WireButton, ...], ...] = ()


def wire_buttons(buttons: ButtonRows) -> tuple[tuple[WireButton, ...], ...]:
    """Buttons as they go over the wire."""
    return tuple(tuple(WireButton(one.label, one.value) for one in row) for row in buttons)


def inbound(connection: str, event: WireEvent) -> Inbound | None:
    """An event as an act; None for kinds that are not known."""
    if event.kind == "press":
        return _press(connection, event)
    if event.kind not in ("message", "edit"):
        return None
    return Inbound(
        connection=connection,
        act_key=f"{event.room.id}/{event.id}/{event.revision}",
        room=Room(event.room.id, event.room.kind, event.room.title),
        sender=Sender(event.sender.id, event.sender.name, event.sender.language),
        text=event.text,
        kind="edit" if event.kind == "edit" else "message",
        message_ref=event.id,
        sent_at=event.sent_at,
        attachments=tuple(Attachment(f.name, f.mime, f.size, native_id=f.id) for f in event.attachments),
    )


def _press(connection: str, event: WireEvent) -> Inbound:
    return Inbound(
        connection=connection,
        act_key=f"{PRESS}{event.id}",
        room=Room(event.room.id, event.room.kind, event.room.title),
        sender=Sender(event.sender.id, event.sender.name, event.sender.language),
        text="",
        kind="press",
        message_ref=event.message,
        sent_at=event.sent_at,
        press=event.value,
    )


def cut(text: str, limit: int) -> Sequence[str]:
    """Texts of at most `limit` code points less the mark's room, cut at line ends or spaces where there are any."""
    room = max(1, limit - MARK_RESERVE)
    parts: list[str] = []
    while len(text) > room:
        at = max(text.rfind("\n", 1, room), text.rfind(" ", 1, room))
        at = at if at > room // 2 else room
        parts.append(text[:at].rstrip())
        text = text[at:].lstrip()
    parts.append(text)
    return [part for part in parts if part]
