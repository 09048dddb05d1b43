"""Versions of what the processes on a database have in common of their configuration; the newest is in force."""

from typing import Final

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, value
from quarterdeck.store.tenancy import TENANT

KEPT: Final = 100  # versions that are remembered


class Version(msgspec.Struct, frozen=True):
    """One row of `configurations`: `shared` is JSON, `digest` its sha256, `process` the one whose file said so first.

    `created_at`: Unix seconds.
    """

    number: int
    digest: str
    shared: str
    process: str
    created_at: float


def accept(new: Version) -> Statement:
    """It is in force, unless another came first."""
    marks = ", ".join(":" + name for name in Version.__struct_fields__)
    return Statement(
        "configurations.accept",
        f"INSERT INTO configurations (tenant, {columns(Version)}) VALUES (:tenant, {marks})"
        " ON CONFLICT (tenant, number) DO NOTHING",
        {"tenant": TENANT, **msgspec.structs.asdict(new)},
        expect=1,
    )


def forget(newest: int) -> Statement:
    """Versions that are long past."""
    return Statement(
        "configurations.forget",
        "DELETE FROM configurations WHERE tenant = :tenant AND number <= :last",
        {"tenant": TENANT, "last": newest - KEPT},
    )


async def newest(store: Store) -> Version | None:
    """The one in force; None before there is one."""
    rows = await store.fetch(
        f"SELECT {columns(Version)} FROM configurations WHERE tenant = :tenant ORDER BY number DESC LIMIT 1",
        {"tenant": TENANT},
    )
    return value(Version, rows[0]) if rows else None


async def newest_number(store: Store) -> int:
    """Its number; 0 before there is one."""
    rows = await store.fetch(
        "SELECT COALESCE(MAX(number), 0) FROM configurations WHERE tenant = :tenant", {"tenant": TENANT}
    )
    return int(str(rows[0][0]))


async def known(store: Store, digest: str) -> bool:
    """Whether any version said that."""
    rows = await store.fetch(
        "SELECT 1 FROM configurations WHERE tenant = :tenant AND digest = :digest LIMIT 1",
        {"tenant": TENANT, "digest": digest},
    )
    return bool(rows)
