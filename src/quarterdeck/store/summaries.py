"""Summaries: which one stands for the oldest messages of a session. None is ever changed; one may be dropped."""

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, value, values
from quarterdeck.store.tenancy import TENANT


class Summary(msgspec.Struct, frozen=True):
    """One row of `summaries`. It stands for all messages up to (position, part)."""

    id: str
    session_id: str
    position: int
    part: int
    text: str
    messages: int
    turn_id: str
    model: str
    created_at: float
    dropped_at: float | None = None


def insert(row: Summary) -> Statement:
    """A new summary."""
    marks = ", ".join(":" + name for name in Summary.__struct_fields__)
    return Statement(
        "summaries.insert",
        f"INSERT INTO summaries (tenant, {columns(Summary)}) VALUES (:tenant, {marks})",
        {"tenant": TENANT, **{name: getattr(row, name) for name in Summary.__struct_fields__}},
        expect=1,
    )


def drop(summary_id: str, now: float) -> Statement:
    """Let a summary stand for nothing any more, exactly once."""
    return Statement(
        "summaries.drop",
        "UPDATE summaries SET dropped_at = :now WHERE tenant = :tenant AND id = :id AND dropped_at IS NULL",
        {"tenant": TENANT, "id": summary_id, "now": now},
        expect=1,
    )


END = (2**62, 0)
"""A place behind every message."""


async def newest(store: Store, session_id: str, after: int, until: tuple[int, int] = END) -> Summary | None:
    """The summary in force of what was said behind position `after`, up to a message's (position, part)."""
    rows = await store.fetch(
        f"SELECT {columns(Summary)} FROM summaries WHERE tenant = :tenant AND session_id = :session"
        " AND position > :after AND (position, part) <= (:position, :part) AND dropped_at IS NULL"
        " ORDER BY position DESC, part DESC LIMIT 1",
        {"tenant": TENANT, "session": session_id, "after": after, "position": until[0], "part": until[1]},
    )
    return value(Summary, rows[0]) if rows else None


async def listed(store: Store, session_id: str, limit: int) -> list[Summary]:
    """A session's summaries for people, newest first, dropped ones too."""
    rows = await store.scan(
        f"SELECT {columns(Summary)} FROM summaries WHERE tenant = :tenant AND session_id = :session"
        " ORDER BY position DESC, part DESC LIMIT :limit",
        {"tenant": TENANT, "session": session_id, "limit": limit},
    )
    return values(Summary, rows)
