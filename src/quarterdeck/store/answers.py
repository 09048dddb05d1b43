"""Kept answers: what a client was told under a key of its own, so that the same request does nothing twice.

A row is written in the operation of what the request does: both are there, or neither.
"""

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, value
from quarterdeck.store.tenancy import TENANT

KEPT_SECONDS = 48 * 3600.0
DROPPED_AT_ONCE = 100  # old rows that go with a new one


class KeptAnswer(msgspec.Struct, frozen=True):
    """One row of `kept_answers`. Hashes are sha256; `answer` is sealed, `status` is that of HTTP."""

    key_hash: bytes
    request_hash: bytes
    status: int
    answer: bytes
    created_at: float


def insert(kept: KeptAnswer) -> Statement:
    """Keep an answer; touches no row when the key was used before."""
    marks = ", ".join(":" + name for name in KeptAnswer.__struct_fields__)
    return Statement(
        "kept_answers.insert",
        f"INSERT INTO kept_answers (tenant, {columns(KeptAnswer)}) VALUES (:tenant, {marks})"
        " ON CONFLICT (tenant, key_hash) DO NOTHING",
        {"tenant": TENANT, **{name: getattr(kept, name) for name in KeptAnswer.__struct_fields__}},
        expect=1,
    )


def drop_old(now: float) -> Statement:
    """Answers older than KEPT_SECONDS go, some at a time, when a new one is kept."""
    return Statement(
        "kept_answers.drop_old",
        "DELETE FROM kept_answers WHERE tenant = :tenant AND key_hash IN (SELECT key_hash FROM kept_answers"
        " WHERE tenant = :tenant AND created_at < :before ORDER BY created_at LIMIT :most)",
        {"tenant": TENANT, "before": now - KEPT_SECONDS, "most": DROPPED_AT_ONCE},
    )


async def get(store: Store, key_hash: bytes) -> KeptAnswer | None:
    """The answer under a key."""
    rows = await store.fetch(
        f"SELECT {columns(KeptAnswer)} FROM kept_answers WHERE tenant = :tenant AND key_hash = :key",
        {"tenant": TENANT, "key": key_hash},
    )
    return value(KeptAnswer, rows[0]) if rows else None
