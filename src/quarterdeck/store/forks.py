"""Forks: a conversation that begins as a copy of another one, copied in slices behind a durable cursor.

Each copied message stands at an event of its own (`message.copied`) and has that event's position. `origin` is its
position too, or 0 where the original's model was not shown it any more. What is kept in mind comes along: the summary
with the last message that it stands for, the pins with the end of the copy.
"""

from collections.abc import Sequence

import msgspec

from quarterdeck.store import events, pins
from quarterdeck.store.database import Store
from quarterdeck.store.messages import StoredMessage
from quarterdeck.store.operations import Statement
from quarterdeck.store.pins import Pin
from quarterdeck.store.rows import columns, value, values
from quarterdeck.store.summaries import Summary
from quarterdeck.store.tenancy import TENANT


class Fork(msgspec.Struct, frozen=True):
    """One row of `forks`; `state` is copying or done."""

    session_id: str
    source_id: str
    until_position: int
    until_part: int
    forgotten: int
    position: int
    part: int
    copied: int
    state: str


class Copied(msgspec.Struct, frozen=True):
    """A message on its way into a fork: its row, what its event shows, and whether the model is shown it."""

    stored: StoredMessage
    event: dict[str, object]
    shown: bool


class Original(StoredMessage, frozen=True):
    """A stored message with the newest act that its turn took."""

    origin: int = 0


def insert(fork: Fork, model: str) -> list[Statement]:
    """A new fork, which is asked of the same model; until it is done, no turn of its session runs."""
    marks = ", ".join(":" + name for name in Fork.__struct_fields__)
    return [
        Statement(
            "forks.insert",
            f"INSERT INTO forks (tenant, {columns(Fork)}) VALUES (:tenant, {marks})",
            {"tenant": TENANT, **{name: getattr(fork, name) for name in Fork.__struct_fields__}},
            expect=1,
        ),
        Statement(
            "sessions.forked",
            "UPDATE sessions SET forked_from = :source, model = :model, controller = 'waiting'"
            " WHERE tenant = :tenant AND id = :id",
            {"tenant": TENANT, "id": fork.session_id, "source": fork.source_id, "model": model},
            expect=1,
        ),
    ]


def copy(fork: Fork, page: Sequence[Copied], now: float) -> list[Statement]:
    """Write a slice under the session's head, which was raised by as many events earlier in the operation."""
    last = page[-1].stored
    statements = [
        Statement(
            "forks.move",
            "UPDATE forks SET position = :position, part = :part, copied = copied + :count WHERE tenant = :tenant"
            " AND session_id = :id AND copied = :copied AND state = 'copying'",
            {
                "tenant": TENANT,
                "id": fork.session_id,
                "position": last.position,
                "part": last.part,
                "count": len(page),
                "copied": fork.copied,
            },
            expect=1,
        )
    ]
    for n, one in enumerate(page):
        back = len(page) - 1 - n
        statements += [
            events.insert(fork.session_id, back, "message.copied", one.event, now),
            _message(fork.session_id, back, one),
        ]
    return statements


def _message(session_id: str, back: int, one: Copied) -> Statement:
    return Statement(
        "forks.message",
        "INSERT INTO messages (tenant, session_id, position, part, origin, content, turn_id, inbox_id, created_at)"
        " SELECT :tenant, :session, head - :back, 0, CASE WHEN :shown = 1 THEN head - :back ELSE 0 END, :content,"
        " :turn, '', :created FROM sessions WHERE tenant = :tenant AND id = :session",
        {
            "tenant": TENANT,
            "session": session_id,
            "back": back,
            "shown": int(one.shown),
            "content": one.stored.content,
            "turn": one.stored.turn_id,
            "created": one.stored.created_at,
        },
        expect=1,
    )


def summarized(fork: Fork, summary: Summary, new_id: str, back: int) -> Statement:
    """The original's summary, at the copy of the last message that it stands for: `back` events behind the head."""
    return Statement(
        "forks.summary",
        "INSERT INTO summaries (tenant, id, session_id, position, part, text, messages, turn_id, model, created_at)"
        " SELECT :tenant, :id, :session, head - :back, 0, :text, :messages, :turn, :model, :created FROM sessions"
        " WHERE tenant = :tenant AND id = :session",
        {
            "tenant": TENANT,
            "id": new_id,
            "session": fork.session_id,
            "back": back,
            "text": summary.text,
            "messages": summary.messages,
            "turn": summary.turn_id,
            "model": summary.model,
            "created": summary.created_at,
        },
        expect=1,
    )


def done(fork: Fork, pinned: Sequence[tuple[str, Pin]]) -> list[Statement]:
    """All is copied: the pins come along under new ids, and the assistant has the conversation."""
    return [
        *(pins.insert(new_id, fork.session_id, pin.text, pin.created_at) for new_id, pin in pinned),
        Statement(
            "forks.done",
            "UPDATE forks SET state = 'done' WHERE tenant = :tenant AND session_id = :id AND state = 'copying'",
            {"tenant": TENANT, "id": fork.session_id},
            expect=1,
        ),
        Statement(
            "sessions.begin",
            "UPDATE sessions SET controller = 'assistant' WHERE tenant = :tenant AND id = :id"
            " AND controller = 'waiting'",
            {"tenant": TENANT, "id": fork.session_id},
        ),
    ]


async def get(store: Store, session_id: str) -> Fork | None:
    """The fork that a session is."""
    rows = await store.fetch(
        f"SELECT {columns(Fork)} FROM forks WHERE tenant = :tenant AND session_id = :id",
        {"tenant": TENANT, "id": session_id},
    )
    return value(Fork, rows[0]) if rows else None


async def copying(store: Store, limit: int) -> list[str]:
    """Sessions whose copy is not complete."""
    rows = await store.fetch(
        "SELECT session_id FROM forks WHERE tenant = :tenant AND state = 'copying' ORDER BY session_id LIMIT :limit",
        {"tenant": TENANT, "limit": limit},
    )
    return [str(row[0]) for row in rows]


async def originals(store: Store, fork: Fork, limit: int) -> list[Original]:
    """The next messages to be copied."""
    rows = await store.scan(
        f"SELECT {columns(Original)} FROM messages WHERE tenant = :tenant AND session_id = :session"
        " AND (position, part) > (:position, :part) AND (position, part) <= (:until_position, :until_part)"
        " ORDER BY position, part LIMIT :limit",
        {
            "tenant": TENANT,
            "session": fork.source_id,
            "position": fork.position,
            "part": fork.part,
            "until_position": fork.until_position,
            "until_part": fork.until_part,
            "limit": limit,
        },
    )
    return values(Original, rows)
