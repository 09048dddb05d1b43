"""Timers: rows that produce acts, each once for a due time."""

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, value, values
from quarterdeck.store.sessions import derived_id
from quarterdeck.store.tenancy import TENANT


class Timer(msgspec.Struct, frozen=True):
    """One row of `timers`. Times are Unix seconds."""

    id: str
    kind: str
    session_id: str
    state: str
    armed_at: float
    due_at: float
    last_due: float
    late_seconds: float


def timer_id(kind: str, session_id: str) -> str:
    """The id of a session's timer of a kind."""
    return derived_id("tmr", TENANT, kind, session_id)


def arm(kind: str, session_id: str, due_at: float, now: float) -> Statement:
    """Set a timer that is not set, or is set for later (the clock was set back). Else no row is written."""
    return Statement(
        "timers.arm",
        "INSERT INTO timers (tenant, id, kind, session_id, state, armed_at, due_at, last_due, late_seconds)"
        " VALUES (:tenant, :id, :kind, :session, 'armed', :now, :due, 0, 0) ON CONFLICT (tenant, id)"
        " DO UPDATE SET state = 'armed', armed_at = excluded.armed_at, due_at = excluded.due_at"
        " WHERE timers.state = 'ended' OR timers.due_at > excluded.due_at",
        {
            "tenant": TENANT,
            "id": timer_id(kind, session_id),
            "kind": kind,
            "session": session_id,
            "due": due_at,
            "now": now,
        },
    )


def fire(timer: str, due_at: float, late: float) -> Statement:
    """The timer acts for `due_at`, once. `last_due` never goes back, so that no time of day comes twice."""
    return Statement(
        "timers.fire",
        "UPDATE timers SET state = 'ended', last_due = CASE WHEN due_at > last_due THEN due_at ELSE last_due END,"
        " late_seconds = :late WHERE tenant = :tenant"
        " AND id = :id AND due_at = :due AND state = 'armed'",
        {"tenant": TENANT, "id": timer, "due": due_at, "late": late},
        expect=1,
    )


def rearm(timer: Timer, due_at: float) -> Statement:
    """Another due time for a timer that nobody else has moved."""
    return Statement(
        "timers.rearm",
        "UPDATE timers SET due_at = :due WHERE tenant = :tenant AND id = :id AND due_at = :old AND state = 'armed'",
        {"tenant": TENANT, "id": timer.id, "due": due_at, "old": timer.due_at},
        expect=1,
    )


def end(timer: Timer) -> Statement:
    """A timer that is not wanted any more."""
    return Statement(
        "timers.end",
        "UPDATE timers SET state = 'ended' WHERE tenant = :tenant AND id = :id AND due_at = :old AND state = 'armed'",
        {"tenant": TENANT, "id": timer.id, "old": timer.due_at},
        expect=1,
    )


async def get(store: Store, timer: str) -> Timer | None:
    """One timer."""
    rows = await store.fetch(
        f"SELECT {columns(Timer)} FROM timers WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": timer},
    )
    return value(Timer, rows[0]) if rows else None


async def due(store: Store, now: float, limit: int) -> list[Timer]:
    """Timers whose time has come, the oldest first."""
    rows = await store.fetch(
        f"SELECT {columns(Timer)} FROM timers WHERE tenant = :tenant AND state = 'armed' AND due_at <= :now"
        " ORDER BY due_at LIMIT :limit",
        {"tenant": TENANT, "now": now, "limit": limit},
    )
    return values(Timer, rows)
