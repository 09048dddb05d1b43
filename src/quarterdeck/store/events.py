"""Events: what doors show as it happens. One counter per session (`sessions.head`) numbers them."""

from collections.abc import Mapping

import msgspec

from quarterdeck.store.database import SETTLED, Store
from quarterdeck.store.operations import Statement, Value
from quarterdeck.store.rows import columns, values
from quarterdeck.store.tenancy import TENANT

_encoder = msgspec.json.Encoder()


class StoredEvent(msgspec.Struct, frozen=True):
    """One event as it was committed; `data` is JSON. `id` orders events over sessions (SQLite: the row id)."""

    id: int
    session_id: str
    seq: int
    kind: str
    data: bytes
    created_at: float


def insert(session_id: str, back: int, kind: str, data: dict[str, object], now: float) -> Statement:
    """Add an event whose number is the session's head less `back`; the head was raised earlier in the operation."""
    return Statement(
        "events.insert",
        "INSERT INTO events (tenant, session_id, seq, kind, data, created_at)"
        " SELECT :tenant, :session, head - :back, :kind, :data, :now FROM sessions"
        " WHERE tenant = :tenant AND id = :session",
        {
            "tenant": TENANT,
            "session": session_id,
            "back": back,
            "kind": kind,
            "data": _encoder.encode(data),
            "now": now,
        },
        expect=1,
    )


def insert_apart(kind: str, data: Mapping[str, object], now: float) -> Statement:
    """Add an event that belongs to no session; those are numbered among themselves."""
    return Statement(
        "events.insert_apart",
        "INSERT INTO events (tenant, session_id, seq, kind, data, created_at) SELECT :tenant, '',"
        " COALESCE(MAX(seq), 0) + 1, :kind, :data, :now FROM events WHERE tenant = :tenant AND session_id = ''",
        {"tenant": TENANT, "kind": kind, "data": _encoder.encode(data), "now": now},
        expect=1,
    )


RAISE = "UPDATE sessions SET head = head + (SELECT COUNT(*) FROM ("
RAISED = ") found) WHERE tenant = :tenant AND id = :session"
ADD = (
    "INSERT INTO events (tenant, session_id, seq, kind, data, created_at)"
    " SELECT :tenant, :session, s.head + 1 - ROW_NUMBER() OVER (ORDER BY f.place DESC), :kind,"
    " CAST(f.data AS BLOB), :now FROM sessions s, ("
)
ADDED = ") f WHERE s.tenant = :tenant AND s.id = :session"
"""A query of `data` (JSON text) and `place` goes between the two of a pair: one event each row, in that order."""


class Found(msgspec.Struct, frozen=True):
    """Events of which only the operation itself can know how many there are: SQL that counts, and that adds them."""

    kind: str
    number: str
    add: str
    params: dict[str, Value]


def insert_found(session_id: str, found: Found, now: float) -> list[Statement]:
    """Add as many events as are found, behind those of the operation that are numbered from the head."""
    params = {**found.params, "tenant": TENANT, "session": session_id, "kind": found.kind, "now": now}
    return [
        Statement("sessions.number", found.number, params, expect=1),
        Statement("events.insert_found", found.add, params),
    ]


async def after(store: Store, session_id: str, seq: int, limit: int) -> list[StoredEvent]:
    """Events of one session behind cursor `seq`, oldest first."""
    rows = await store.fetch(
        f"SELECT {columns(StoredEvent)} FROM events"
        " WHERE tenant = :tenant AND session_id = :session AND seq > :seq ORDER BY seq LIMIT :limit",
        {"tenant": TENANT, "session": session_id, "seq": seq, "limit": limit},
    )
    return values(StoredEvent, rows)


async def after_any(store: Store, cursor: int, limit: int) -> list[StoredEvent]:
    """Events of all sessions behind the feed's cursor, in commit order; `+` keeps SQLite from an index by tenant."""
    rows = await store.fetch(
        f"SELECT {columns(StoredEvent)} FROM events WHERE +tenant = :tenant AND id > :cursor AND id < :settled"
        " ORDER BY id LIMIT :limit",
        {"tenant": TENANT, "cursor": cursor, "settled": SETTLED, "limit": limit},
    )
    return values(StoredEvent, rows)


async def sessions_behind(store: Store, cursor: int, limit: int) -> list[tuple[int, str, str]]:
    """Of the events behind the feed's cursor: (id, session, its connection), in commit order; both empty for none."""
    rows = await store.fetch(
        "SELECT e.id, e.session_id, COALESCE(s.connection, '') FROM (SELECT id, session_id FROM events"
        " WHERE +tenant = :tenant AND id > :cursor AND id < :settled ORDER BY id LIMIT :limit) e"
        " LEFT JOIN sessions s ON s.id = e.session_id ORDER BY e.id",
        {"tenant": TENANT, "cursor": cursor, "settled": SETTLED, "limit": limit},
    )
    return [(int(event or 0), str(session), str(connection)) for event, session, connection in rows]


async def newest(store: Store) -> int:
    """The feed's newest cursor."""
    rows = await store.fetch("SELECT COALESCE(MAX(id), 0) FROM events WHERE id < :settled", {"settled": SETTLED})
    return int(rows[0][0] or 0)
