"""Uploads: who handed in which file. Bytes are stored once, however many hand them in."""

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.tenancy import TENANT


def insert(digest: str, principal: str, now: float) -> Statement:
    """Somebody handed a file in; once is enough."""
    return Statement(
        "uploads.insert",
        "INSERT INTO uploads (tenant, digest, principal, created_at) VALUES (:tenant, :digest, :principal, :now)"
        " ON CONFLICT (tenant, digest, principal) DO NOTHING",
        {"tenant": TENANT, "digest": digest, "principal": principal, "now": now},
    )


async def is_of(store: Store, digest: str, principal: str) -> bool:
    """Whether this one handed the file in."""
    rows = await store.fetch(
        "SELECT 1 FROM uploads WHERE tenant = :tenant AND digest = :digest AND principal = :principal",
        {"tenant": TENANT, "digest": digest, "principal": principal},
    )
    return bool(rows)
