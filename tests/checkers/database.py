"""The rows of a gateway's SQLite file, as far as they are judged."""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

BUTTONS = "buttons"
"""The kind of a delivery that takes buttons off a message."""

ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


class Room(msgspec.Struct, frozen=True):
    id: str
    native_id: str


class Session(msgspec.Struct, frozen=True):
    id: str
    room_id: str
    head: int
    stop_at: int = 0


class Inbox(msgspec.Struct, frozen=True):
    id: str
    session_id: str
    room_id: str
    position: int
    lane_order: int
    kind: str
    mode: str
    message_ref: str
    content: bytes
    state: str
    outcome: str | None
    turn_id: str | None
    takes: int
    act_key: str = ""


class Turn(msgspec.Struct, frozen=True):
    id: str
    session_id: str
    state: str
    outcome: str | None
    attempt: int
    position: int = 0


class Step(msgspec.Struct, frozen=True):
    turn_id: str
    step: str
    content: bytes


class Intent(msgspec.Struct, frozen=True):
    id: str
    kind: str
    turn_id: str
    step: str
    delivery_id: str
    state: str


class Entry(msgspec.Struct, frozen=True):
    """One row of the ledger; `amount` is 10^-9 of the currency."""

    intent_id: str
    kind: str
    route: str
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    tokens_cache_write: int
    reported: int
    amount: int | None
    currency: str
    assistant: str
    session_id: str


class Message(msgspec.Struct, frozen=True):
    session_id: str
    position: int
    part: int
    content: bytes
    turn_id: str
    inbox_id: str


class Delivery(msgspec.Struct, frozen=True):
    id: str
    session_id: str
    turn_id: str
    connection: str
    room_id: str
    kind: str


class Part(msgspec.Struct, frozen=True):
    seq: int
    delivery_id: str
    n: int
    connection: str
    room_id: str
    text: str
    state: str
    native_id: str
    resends: int
    attempts: int = 1

    @property
    def words(self) -> str:
        """What a platform shows of its Markdown; of that, scenarios use escaped characters and nothing else."""
        return ESCAPED.sub(r"\1", self.text)

    @property
    def name(self) -> str:
        """How a finding names it."""
        return f"{self.delivery_id}.{self.n}"


class Choices(msgspec.Struct, frozen=True):
    """What was offered under a message; a button's value is its id and a number."""

    id: str
    delivery_id: str
    state: str


class Event(msgspec.Struct, frozen=True):
    session_id: str
    seq: int
    kind: str
    data: bytes


class Leaf(msgspec.Struct, frozen=True):
    id: str
    leaf: bytes


class Blob(msgspec.Struct, frozen=True):
    digest: str
    size: int


class BlobPart(msgspec.Struct, frozen=True):
    digest: str
    n: int
    data: bytes


class Database(msgspec.Struct, frozen=True):
    """Every table in its own order."""

    rooms: Sequence[Room] = ()
    sessions: Sequence[Session] = ()
    inbox: Sequence[Inbox] = ()
    turns: Sequence[Turn] = ()
    steps: Sequence[Step] = ()
    intents: Sequence[Intent] = ()
    ledger: Sequence[Entry] = ()
    messages: Sequence[Message] = ()
    deliveries: Sequence[Delivery] = ()
    parts: Sequence[Part] = ()
    choices: Sequence[Choices] = ()
    events: Sequence[Event] = ()
    audit: Sequence[Leaf] = ()
    blobs: Sequence[Blob] = ()
    blob_parts: Sequence[BlobPart] = ()

    @property
    def showing(self) -> Sequence[Part]:
        """The parts that show something; the others take buttons off a message that is there."""
        own = {part.name for part in self.unbuttoning}
        return [part for part in self.parts if part.name not in own]

    @property
    def unbuttoning(self) -> Sequence[Part]:
        """The parts that take buttons off the message with their native id."""
        own = {delivery.id for delivery in self.deliveries if delivery.kind == BUTTONS}
        return [part for part in self.parts if part.delivery_id in own]

    def native(self, room_id: str) -> str:
        """The platform's id of a room; empty for an unknown one."""
        return next((room.native_id for room in self.rooms if room.id == room_id), "")


def read_database(path: Path) -> Database:
    """Read the file in one snapshot."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as file:
        file.execute("BEGIN")
        return Database(
            rooms=_rows(file, "rooms", Room, "id"),
            sessions=_rows(file, "sessions", Session, "id"),
            inbox=_rows(file, "inbox", Inbox, "session_id, position"),
            turns=_rows(file, "turns", Turn, "started_at, id"),
            steps=_rows(file, "steps", Step, "turn_id, created_at, step"),
            intents=_rows(file, "intents", Intent, "id"),
            ledger=_rows(file, "ledger", Entry, "intent_id, kind"),
            messages=_rows(file, "messages", Message, "session_id, position, part"),
            deliveries=_rows(file, "deliveries", Delivery, "id"),
            parts=_rows(file, "parts", Part, "seq"),
            choices=_rows(file, "choices", Choices, "id"),
            events=_rows(file, "events", Event, "session_id, seq"),
            audit=_rows(file, "audit", Leaf, "rowid"),
            blobs=_rows(file, "blobs", Blob, "digest"),
            blob_parts=_rows(file, "blob_parts", BlobPart, "digest, n"),
        )


def _rows(file: sqlite3.Connection, table: str, kind: type[T], order: str) -> tuple[T, ...]:
    names = ", ".join(kind.__struct_fields__)
    return tuple(kind(*row) for row in file.execute(f"SELECT {names} FROM {table} ORDER BY {order}"))
