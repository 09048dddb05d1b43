"""Versions of instruction files: which text each held (a blob), since when, by whom."""

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, value, values
from quarterdeck.store.tenancy import TENANT


class FileVersion(msgspec.Struct, frozen=True):
    """One row of `file_versions`; `digest` is sha256 of the text, `created_at` Unix seconds.

    `state`: begun (it is being written), written, or unwritten (the process ended before it was). `actor` is empty
    where somebody changed the file on the machine's disk.
    """

    id: str
    assistant: str
    name: str
    digest: str
    size: int
    state: str
    actor: str
    created_at: float


_COLUMNS = columns(FileVersion)


def insert(row: FileVersion) -> Statement:
    """A new version."""
    marks = ", ".join(":" + name for name in FileVersion.__struct_fields__)
    return Statement(
        "versions.insert",
        f"INSERT INTO file_versions (tenant, {_COLUMNS}) VALUES (:tenant, {marks})",
        {"tenant": TENANT, **msgspec.structs.asdict(row)},
        expect=1,
    )


def settle(version_id: str, state: str) -> Statement:
    """Say what became of a version that was begun."""
    return Statement(
        "versions.settle",
        "UPDATE file_versions SET state = :state WHERE tenant = :tenant AND id = :id AND state = 'begun'",
        {"tenant": TENANT, "id": version_id, "state": state},
        expect=1,
    )


async def get(store: Store, version_id: str) -> FileVersion | None:
    """One version."""
    rows = await store.fetch(
        f"SELECT {_COLUMNS} FROM file_versions WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": version_id},
    )
    return value(FileVersion, rows[0]) if rows else None


async def held(store: Store, assistant: str, name: str, digest: str) -> bool:
    """Whether a file ever had this text."""
    rows = await store.fetch(
        "SELECT 1 FROM file_versions WHERE tenant = :tenant AND assistant = :assistant AND name = :name"
        " AND digest = :digest AND state = 'written' LIMIT 1",
        {"tenant": TENANT, "assistant": assistant, "name": name, "digest": digest},
    )
    return bool(rows)


async def listed(store: Store, assistant: str, name: str, limit: int, before: str = "") -> list[FileVersion]:
    """A file's versions, newest first, behind id `before`."""
    rows = await store.scan(
        f"SELECT {_COLUMNS} FROM file_versions WHERE tenant = :tenant AND assistant = :assistant AND name = :name"
        " AND (:before = '' OR id < :before) ORDER BY id DESC LIMIT :limit",
        {"tenant": TENANT, "assistant": assistant, "name": name, "before": before, "limit": limit},
    )
    return values(FileVersion, rows)


async def written_before(store: Store, row: FileVersion) -> FileVersion | None:
    """The version that a file had before this one."""
    rows = await store.fetch(
        f"SELECT {_COLUMNS} FROM file_versions WHERE tenant = :tenant AND assistant = :assistant AND name = :name"
        " AND id < :id AND state = 'written' ORDER BY id DESC LIMIT 1",
        {"tenant": TENANT, "assistant": row.assistant, "name": row.name, "id": row.id},
    )
    return value(FileVersion, rows[0]) if rows else None
