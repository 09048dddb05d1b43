"""Audit rows: inserted in the operation of the fact; positions and checkpoints are given by the sealer later."""

import msgspec

from quarterdeck.store.database import SETTLED, Row, Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import value, values
from quarterdeck.store.tenancy import TENANT


def insert(audit_id: str, leaf: bytes, leaf_hash: bytes, *, with_intent: str = "") -> Statement:
    """Add a leaf; one that belongs to a riding intent is left out with it."""
    guard = " WHERE EXISTS (SELECT 1 FROM intents WHERE tenant = :tenant AND id = :intent)" if with_intent else ""
    return Statement(
        "audit.insert",
        f"INSERT INTO audit (tenant, id, leaf, leaf_hash) SELECT :tenant, :id, :leaf, :hash{guard}",
        {"tenant": TENANT, "id": audit_id, "leaf": leaf, "hash": leaf_hash, "intent": with_intent},
        expect=None if with_intent else 1,
    )


def insert_content(audit_id: str, subject: str, salt: bytes, content: bytes) -> Statement:
    """The erasable part of a row."""
    return Statement(
        "audit.content",
        "INSERT INTO audit_content (tenant, audit_id, subject, salt, content)"
        " VALUES (:tenant, :id, :subject, :salt, :content)",
        {"tenant": TENANT, "id": audit_id, "subject": subject, "salt": salt, "content": content},
        expect=1,
    )


class Checkpoint(msgspec.Struct, frozen=True):
    """The newest sealed state of the tree; `last_rowid` is the newest audit row in it."""

    size: int
    frontier: bytes
    sealed_at: float
    last_rowid: int
    note: str


async def checkpoint(store: Store) -> Checkpoint | None:
    """The newest checkpoint."""
    rows = await store.fetch(
        "SELECT c.size, c.frontier, c.sealed_at, p.audit_rowid, c.note FROM audit_checkpoints c JOIN audit_positions p"
        " ON p.tenant = c.tenant AND p.position = c.size - 1 WHERE c.tenant = :tenant ORDER BY c.size DESC LIMIT 1",
        {"tenant": TENANT},
    )
    return value(Checkpoint, rows[0]) if rows else None


async def unsealed(store: Store, after_rowid: int, limit: int) -> list[Row]:
    """(rowid, leaf hash) of rows that have no position yet, in commit order."""
    rows = await store.fetch(
        "SELECT rowid, leaf_hash FROM audit WHERE tenant = :tenant AND rowid > :after AND rowid < :settled"
        " ORDER BY rowid LIMIT :limit",
        {"tenant": TENANT, "after": after_rowid, "settled": SETTLED, "limit": limit},
    )
    return list(rows)


def seal_positions(first_position: int, after_rowid: int, last_rowid: int, count: int) -> Statement:
    """Give the rows behind `after_rowid` up to `last_rowid` the next positions."""
    return Statement(
        "audit.seal_positions",
        "INSERT INTO audit_positions (tenant, position, audit_rowid, leaf_hash)"
        " SELECT tenant, :first - 1 + ROW_NUMBER() OVER (ORDER BY rowid), rowid, leaf_hash FROM audit"
        " WHERE tenant = :tenant AND rowid > :after AND rowid <= :last ORDER BY rowid",
        {"tenant": TENANT, "first": first_position, "after": after_rowid, "last": last_rowid},
        expect=count,
    )


def insert_checkpoint(size: int, root: bytes, note: str, frontier: bytes, now: float) -> Statement:
    """Record a signed state of the tree; the key (tenant, size) admits one per size."""
    return Statement(
        "audit.checkpoint",
        "INSERT INTO audit_checkpoints (tenant, size, root, note, frontier, sealed_at)"
        " VALUES (:tenant, :size, :root, :note, :frontier, :now)",
        {"tenant": TENANT, "size": size, "root": root, "note": note, "frontier": frontier, "now": now},
        expect=1,
    )


class AuditEntry(msgspec.Struct, frozen=True):
    """A record for people: its position (-1: not sealed yet), its leaf (JSON) and the leaf's hash."""

    rowid: int
    position: int
    id: str
    leaf: bytes
    leaf_hash: bytes


class Sealed(msgspec.Struct, frozen=True):
    """A checkpoint for people: the size of the log that it signs, the root, the signed note, when (Unix seconds)."""

    size: int
    root: bytes
    note: str
    sealed_at: float


_ENTRY = (
    "SELECT a.rowid, COALESCE(p.position, -1), a.id, a.leaf, a.leaf_hash FROM audit a LEFT JOIN audit_positions p"
    " ON p.tenant = a.tenant AND p.audit_rowid = a.rowid WHERE a.tenant = :tenant"
)
_SEALED = "SELECT size, root, note, sealed_at FROM audit_checkpoints WHERE tenant = :tenant"


async def listed(store: Store, limit: int, before: int) -> list[AuditEntry]:
    """Newest first, behind row `before` (0: from the newest)."""
    rows = await store.scan(
        f"{_ENTRY} AND (:before = 0 OR a.rowid < :before) ORDER BY a.rowid DESC LIMIT :limit",
        {"tenant": TENANT, "before": before, "limit": limit},
    )
    return values(AuditEntry, rows)


async def get(store: Store, audit_id: str) -> AuditEntry | None:
    """One record."""
    rows = await store.fetch(f"{_ENTRY} AND a.id = :id", {"tenant": TENANT, "id": audit_id})
    return value(AuditEntry, rows[0]) if rows else None


async def has_content(store: Store, audit_id: str) -> bool:
    """Whether the erasable part of a record is there."""
    rows = await store.fetch(
        "SELECT 1 FROM audit_content WHERE tenant = :tenant AND audit_id = :id", {"tenant": TENANT, "id": audit_id}
    )
    return bool(rows)


async def covering(store: Store, position: int) -> Sealed | None:
    """The first checkpoint that signs the entry at `position`."""
    rows = await store.fetch(
        f"{_SEALED} AND size > :position ORDER BY size LIMIT 1", {"tenant": TENANT, "position": position}
    )
    return value(Sealed, rows[0]) if rows else None


async def newest_seal(store: Store) -> Sealed | None:
    """The newest checkpoint."""
    rows = await store.fetch(f"{_SEALED} ORDER BY size DESC LIMIT 1", {"tenant": TENANT})
    return value(Sealed, rows[0]) if rows else None


async def row_sealed_by(store: Store, moment: float) -> int:
    """A row behind all that was sealed by `moment` (Unix seconds); 0 when nothing was sealed later."""
    rows = await store.scan(
        "SELECT audit_rowid + 1 FROM audit_positions WHERE tenant = :tenant AND position = (SELECT MIN(size) - 1"
        " FROM audit_checkpoints WHERE tenant = :tenant AND sealed_at > :moment)",
        {"tenant": TENANT, "moment": moment},
    )
    return int(rows[0][0] or 0) if rows else 0


async def unsealed_since(store: Store, after_rowid: int) -> tuple[int, bytes]:
    """How many rows behind `after_rowid` there are, and the leaf of the first; (0, empty) when there is none."""
    rows = await store.scan(
        "SELECT (SELECT COUNT(*) FROM audit WHERE tenant = :tenant AND rowid > :after), leaf FROM audit"
        " WHERE tenant = :tenant AND rowid > :after ORDER BY rowid LIMIT 1",
        {"tenant": TENANT, "after": after_rowid},
    )
    for count, leaf in rows:
        return int(count or 0), leaf if isinstance(leaf, bytes) else b""
    return 0, b""
