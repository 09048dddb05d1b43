"""What the watcher counts: what waits too long, per connection and assistant. Each by an index of what is open."""

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.rows import value, values
from quarterdeck.store.tenancy import TENANT

MOST = 10_000  # open rows that one look reads; more than so many are alert enough


class Waiting(msgspec.Struct, frozen=True):
    """So many rows of one connection or assistant; `since` is the oldest one's time (Unix seconds)."""

    subject: str
    count: int
    since: float


class RunningTurn(msgspec.Struct, frozen=True):
    """A turn that runs; `active_at` is when it last began something (Unix seconds)."""

    id: str
    assistant: str
    active_at: float


class Sealed(msgspec.Struct, frozen=True):
    """The newest record, and the newest that is sealed (row numbers)."""

    newest: int
    sealed: int


async def unanswered(store: Store, before: float, now: float) -> list[Waiting]:
    """Messages without an outcome that were accepted before `before`, by connection."""
    rows = await store.scan(
        "SELECT connection, COUNT(*), MIN(created_at) FROM (SELECT connection, created_at FROM inbox"
        " WHERE tenant = :tenant AND state <> 'ended' AND created_at < :before AND not_before <= :now"
        " LIMIT :limit) late GROUP BY connection ORDER BY connection",
        {"tenant": TENANT, "before": before, "now": now, "limit": MOST},
    )
    return values(Waiting, rows)


async def unworked(store: Store, before: float, now: float) -> list[Waiting]:
    """Sessions whose messages have waited since before `before` while no turn of theirs runs, by assistant."""
    rows = await store.scan(
        "SELECT s.assistant, COUNT(DISTINCT i.session_id), MIN(i.created_at) FROM (SELECT session_id, created_at"
        " FROM inbox WHERE tenant = :tenant AND state <> 'ended' AND state = 'waiting' AND created_at < :before"
        " AND not_before <= :now LIMIT :limit) i"
        " JOIN sessions s ON s.tenant = :tenant AND s.id = i.session_id"
        " WHERE NOT EXISTS (SELECT 1 FROM turns t WHERE t.tenant = :tenant AND t.session_id = i.session_id"
        " AND t.state = 'running') GROUP BY s.assistant ORDER BY s.assistant",
        {"tenant": TENANT, "before": before, "now": now, "limit": MOST},
    )
    return values(Waiting, rows)


async def running(store: Store) -> list[RunningTurn]:
    """Turns that run, with the time of the newest effect that each began."""
    rows = await store.scan(
        "SELECT t.id, s.assistant, COALESCE((SELECT MAX(i.created_at) FROM intents i WHERE i.tenant = t.tenant"
        " AND i.turn_id = t.id), t.started_at) FROM turns t JOIN sessions s ON s.tenant = t.tenant"
        " AND s.id = t.session_id WHERE t.tenant = :tenant AND t.state = 'running' LIMIT :limit",
        {"tenant": TENANT, "limit": MOST},
    )
    return values(RunningTurn, rows)


async def unsent(store: Store) -> list[Waiting]:
    """Parts that are to be sent, by connection; the oldest is that which was first tried, or made, longest ago."""
    rows = await store.scan(
        "SELECT connection, COUNT(*), MIN(CASE WHEN first_at > 0 THEN first_at ELSE updated_at END)"
        " FROM (SELECT connection, state, first_at, updated_at FROM parts WHERE tenant = :tenant"
        " AND state IN ('ready', 'sending', 'streaming') LIMIT :limit) open"
        " WHERE state <> 'streaming' GROUP BY connection ORDER BY connection",
        {"tenant": TENANT, "limit": MOST},
    )
    return values(Waiting, rows)


async def sealed(store: Store) -> Sealed:
    """How far the record goes, and how far it is sealed."""
    rows = await store.scan(
        "SELECT COALESCE((SELECT MAX(rowid) FROM audit), 0), COALESCE((SELECT audit_rowid FROM audit_positions"
        " WHERE tenant = :tenant ORDER BY position DESC LIMIT 1), 0)",
        {"tenant": TENANT},
    )
    return value(Sealed, rows[0])
