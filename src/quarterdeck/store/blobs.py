"""Blobs: bytes that are named by their digest, written and kept before the row that refers to them.

Where the bytes are is the database's matter: files beside SQLite (`blob_files`), rows in PostgreSQL (`blob_rows`), so
that every process on it has them.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import msgspec

from quarterdeck.base.errors import NotFound
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.tenancy import TENANT

MAX_BYTES = 20 * 1024 * 1024


class Blob(msgspec.Struct, frozen=True):
    """Stored bytes: sha256 (hex), size in bytes, MIME type as whoever sent it said."""

    digest: str
    size: int
    mime: str


class Blobs(Protocol):
    """Where bytes are kept. Bytes without a row that refers to them are harmless."""

    async def write(self, chunks: AsyncIterator[bytes], mime: str, max_bytes: int = MAX_BYTES) -> Blob:
        """Keep bytes; once it returns, a crash does not lose them.

        Raises BadInput when there are more than `max_bytes`, Retry when they cannot be kept now.
        """
        ...

    async def read(self, digest: str) -> bytes:
        """All bytes of a blob. Raises NotFound where they are gone, Retry where they cannot be read now."""
        ...

    async def has(self, digest: str) -> bool:
        """Whether the bytes are there. Raises Retry."""
        ...

    def file(self, digest: str) -> AbstractAsyncContextManager[Path]:
        """The bytes as a file, for whoever opens one by its path; it is only to be read, and only meanwhile.

        Raises as `read` does.
        """
        ...


def digest(data: bytes) -> str:
    """The name of these bytes."""
    return hashlib.sha256(data).hexdigest()


def gone(digest: str) -> NotFound:
    """The bytes are not there, whatever rows say."""
    return NotFound(f"the bytes of {digest} are gone")


def row(blob: Blob, now: float) -> Statement:
    """The row that refers to written bytes; the same bytes have one row."""
    return Statement(
        "blobs.insert",
        "INSERT INTO blobs (tenant, digest, size, mime, created_at) VALUES (:tenant, :digest, :size, :mime, :now)"
        " ON CONFLICT (tenant, digest) DO NOTHING",
        {"tenant": TENANT, "digest": blob.digest, "size": blob.size, "mime": blob.mime, "now": now},
    )


async def get(store: Store, digest: str) -> Blob:
    """A blob's row. Raises NotFound."""
    rows = await store.fetch(
        "SELECT digest, size, mime FROM blobs WHERE tenant = :tenant AND digest = :digest",
        {"tenant": TENANT, "digest": digest},
    )
    if not rows:
        raise NotFound(f"there is no file {digest}")
    found_digest, size, mime = rows[0]
    return Blob(str(found_digest), int(size or 0), str(mime))
