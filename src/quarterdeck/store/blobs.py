"""Blobs: content-addressed files, written and synced before the row that refers to them."""

import asyncio
import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import BadInput, NotFound, Retry
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.tenancy import TENANT

MAX_BYTES = 20 * 1024 * 1024
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Blob(msgspec.Struct, frozen=True):
    """Stored bytes: sha256 (hex), size in bytes, MIME type as whoever sent it said."""

    digest: str
    size: int
    mime: str


def digest(data: bytes) -> str:
    """The name of these bytes."""
    return hashlib.sha256(data).hexdigest()


class Blobs:
    """Files below `folder`, named by their digest; a file without a row is swept by nobody's hand but harmless."""

    def __init__(self, folder: Path, clock: Clock, crash: CrashPoints) -> None:
        self._folder = folder
        self._clock = clock
        self._crash = crash

    async def write(self, chunks: AsyncIterator[bytes], mime: str, max_bytes: int = MAX_BYTES) -> Blob:
        """Write and sync bytes. Raises BadInput when there are more than `max_bytes`, Retry when the disk is full."""
        with _room():
            blob = await self._write(chunks, mime, max_bytes)
        self._crash.reach("blob.written")
        return blob

    async def _write(self, chunks: AsyncIterator[bytes], mime: str, max_bytes: int) -> Blob:
        descriptor, name = await asyncio.to_thread(_temporary, self._folder)
        found, size = hashlib.sha256(), 0
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > max_bytes:
                    raise BadInput("file", f"is larger than {max_bytes} bytes", "Send a smaller one.")
                found.update(chunk)
                await asyncio.to_thread(_write_all, descriptor, chunk)
            target = self.path(found.hexdigest())
            await asyncio.to_thread(_keep, descriptor, name, target)
        except BaseException:
            await asyncio.to_thread(Path(name).unlink, missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        return Blob(found.hexdigest(), size, mime)

    def path(self, digest: str) -> Path:
        """Where a blob's bytes are."""
        return self._folder / digest[:2] / digest

    async def read(self, digest: str) -> bytes:
        """All bytes of a blob. Raises NotFound where they are gone."""
        try:
            return await asyncio.to_thread(self.path(digest).read_bytes)
        except FileNotFoundError as error:
            raise NotFound(f"the bytes of {digest} are gone") from error

    def row(self, blob: Blob) -> Statement:
        """The row that refers to written bytes; the same bytes have one row."""
        return Statement(
            "blobs.insert",
            "INSERT INTO blobs (tenant, digest, size, mime, created_at) VALUES (:tenant, :digest, :size, :mime, :now)"
            " ON CONFLICT (tenant, digest) DO NOTHING",
            {
                "tenant": TENANT,
                "digest": blob.digest,
                "size": blob.size,
                "mime": blob.mime,
                "now": self._clock.now(),
            },
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


@contextlib.contextmanager
def _room() -> Generator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise Retry(f"the file cannot be kept now: {error.strerror}", 5.0) from error
        raise


def _temporary(folder: Path) -> tuple[int, str]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return tempfile.mkstemp(dir=folder, prefix=".part-")


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def _keep(descriptor: int, name: str, target: Path) -> None:
    os.fsync(descriptor)
    target.parent.mkdir(exist_ok=True, mode=0o700)
    os.replace(name, target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
