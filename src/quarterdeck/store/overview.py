"""What an operator sees at a glance: how much waits, is in trouble, or is not sealed yet."""

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.rows import value, values
from quarterdeck.store.tenancy import TENANT

_TROUBLE = "state IN ('unknown', 'failed', 'refused', 'held')"  # word for word as its index has it


class Overview(msgspec.Struct, frozen=True):
    """Counts of rows; `newest` is when something was last recorded anywhere (Unix seconds, 0: never)."""

    inbox_waiting: int
    turns_running: int
    parts_ready: int
    parts_unknown: int
    parts_failed: int
    dead_letters: int
    pairings_asked: int
    audit_sealed: int
    audit_unsealed: int
    newest: float


class Trouble(msgspec.Struct, frozen=True):
    """Deliveries in one state of trouble at one connection: how many, to how many rooms."""

    connection: str
    state: str
    deliveries: int
    rooms: int


class RunningTurn(msgspec.Struct, frozen=True):
    """A turn that runs now, with the conversation that it is for. `started_at` is Unix seconds."""

    id: str
    session_id: str
    title: str
    assistant: str
    connection: str
    model: str
    started_at: float


class Began(msgspec.Struct, frozen=True):
    """What came in and what began since some moment."""

    messages: int
    turns: int
    failed: int


async def overview(store: Store, now: float) -> Overview:
    """All counts, each by an index that holds only such rows."""
    rows = await store.scan(
        "SELECT (SELECT COUNT(*) FROM inbox WHERE tenant = :tenant AND state <> 'ended' AND state = 'waiting'),"
        " (SELECT COUNT(*) FROM turns WHERE tenant = :tenant AND state = 'running'),"
        " (SELECT COUNT(*) FROM parts WHERE tenant = :tenant AND state IN ('ready', 'sending', 'streaming')),"
        f" (SELECT COUNT(*) FROM parts WHERE tenant = :tenant AND {_TROUBLE} AND state = 'unknown'),"
        f" (SELECT COUNT(*) FROM parts WHERE tenant = :tenant AND {_TROUBLE} AND state IN ('failed', 'refused')),"
        " (SELECT COUNT(*) FROM inbox WHERE tenant = :tenant AND outcome IN ('dead_lettered', 'failed')"
        " AND outcome = 'dead_lettered'),"
        " (SELECT COUNT(*) FROM pairings WHERE tenant = :tenant AND state = 'asked' AND expires_at > :now),"
        " COALESCE((SELECT MAX(size) FROM audit_checkpoints WHERE tenant = :tenant), 0),"
        " (SELECT COUNT(*) FROM audit a WHERE a.rowid > COALESCE((SELECT p.audit_rowid FROM audit_positions p"
        " WHERE p.tenant = :tenant ORDER BY p.position DESC LIMIT 1), 0) AND a.tenant = :tenant),"
        " COALESCE((SELECT created_at FROM events ORDER BY id DESC LIMIT 1), 0)",
        {"tenant": TENANT, "now": now},
    )
    return value(Overview, rows[0])


async def schema(store: Store) -> int:
    """The number of the newest migration that the database has."""
    rows = await store.fetch("SELECT MAX(version) FROM schema_migrations", {})
    return int(rows[0][0] or 0)


async def audit_row(store: Store, audit_id: str) -> int:
    """The row number of a record of the audit log, 0 when there is none."""
    rows = await store.fetch("SELECT rowid FROM audit WHERE id = :id", {"id": audit_id})
    return int(rows[0][0] or 0) if rows else 0


async def trouble(store: Store) -> list[Trouble]:
    """Deliveries that need a person, by connection and state."""
    rows = await store.scan(
        "SELECT connection, state, COUNT(DISTINCT delivery_id), COUNT(DISTINCT room_id) FROM parts"
        f" WHERE tenant = :tenant AND {_TROUBLE} GROUP BY connection, state ORDER BY connection, state",
        {"tenant": TENANT},
    )
    return values(Trouble, rows)


async def running(store: Store, limit: int) -> list[RunningTurn]:
    """The turns that run now, the oldest first."""
    rows = await store.scan(
        "SELECT t.id, t.session_id, s.title, s.assistant, s.connection, t.model, t.started_at FROM turns t"
        " JOIN sessions s ON s.tenant = t.tenant AND s.id = t.session_id"
        " WHERE t.tenant = :tenant AND t.state = 'running' ORDER BY t.started_at, t.id LIMIT :limit",
        {"tenant": TENANT, "limit": limit},
    )
    return values(RunningTurn, rows)


async def began(store: Store, since: float) -> Began:
    """What came in and began since `since` (Unix seconds); ids begin with the time, so their index is enough."""
    first = f"{int(since * 1000):012x}"
    rows = await store.scan(
        "SELECT (SELECT COUNT(*) FROM inbox WHERE tenant = :tenant AND id >= :message),"
        " (SELECT COUNT(*) FROM turns WHERE tenant = :tenant AND id >= :turn),"
        " (SELECT COUNT(*) FROM turns WHERE tenant = :tenant AND id >= :turn"
        " AND outcome IN ('failed', 'dead_lettered'))",
        {"tenant": TENANT, "message": f"inb_{first}", "turn": f"turn_{first}"},
    )
    return value(Began, rows[0])
