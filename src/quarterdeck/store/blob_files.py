"""Blobs as files below a folder, named by their digest; and the file that any bytes are first written to."""

import asyncio
import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from pathlib import Path

import msgspec

from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import BadInput, Retry
from quarterdeck.store.blobs import MAX_BYTES, Blob, gone

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Spooled(msgspec.Struct, frozen=True):
    """Bytes of which all are there: the open file, where it is, and what it holds."""

    descriptor: int
    path: Path
    digest: str
    size: int


@contextlib.asynccontextmanager
async def spool(folder: Path, chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncGenerator[Spooled]:
    """Write bytes to a file that is gone at the end, unless it was moved.

    Raises BadInput when there are more than `max_bytes`, Retry when the disk is full.
    """
    with _room():
        descriptor, name = await asyncio.to_thread(_temporary, folder)
        try:
            found, size = await _written(descriptor, chunks, max_bytes)
            yield Spooled(descriptor, Path(name), found, size)
        finally:
            await asyncio.to_thread(Path(name).unlink, missing_ok=True)
            os.close(descriptor)


class FileBlobs:
    """Implements Blobs. A file without a row is swept by nobody's hand but harmless."""

    def __init__(self, folder: Path, crash: CrashPoints) -> None:
        self._folder = folder
        self._crash = crash

    async def write(self, chunks: AsyncIterator[bytes], mime: str, max_bytes: int = MAX_BYTES) -> Blob:
        """See Blobs."""
        async with spool(self._folder, chunks, max_bytes) as there:
            await asyncio.to_thread(_keep, there, self._path(there.digest))
        self._crash.reach("blob.written")
        return Blob(there.digest, there.size, mime)

    async def read(self, digest: str) -> bytes:
        """See Blobs."""
        try:
            return await asyncio.to_thread(self._path(digest).read_bytes)
        except FileNotFoundError as error:
            raise gone(digest) from error

    async def has(self, digest: str) -> bool:
        """See Blobs."""
        return await asyncio.to_thread(self._path(digest).is_file)

    @contextlib.asynccontextmanager
    async def file(self, digest: str) -> AsyncGenerator[Path]:
        """See Blobs."""
        if not await self.has(digest):
            raise gone(digest)
        yield self._path(digest)

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest


async def _written(descriptor: int, chunks: AsyncIterator[bytes], max_bytes: int) -> tuple[str, int]:
    found, size = hashlib.sha256(), 0
    async for chunk in chunks:
        size += len(chunk)
        if size > max_bytes:
            raise BadInput("file", f"is larger than {max_bytes} bytes", "Send a smaller one.")
        found.update(chunk)
        await asyncio.to_thread(_write_all, descriptor, chunk)
    return found.hexdigest(), size


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


def _keep(there: Spooled, target: Path) -> None:
    os.fsync(there.descriptor)
    target.parent.mkdir(exist_ok=True, mode=0o700)
    os.replace(there.path, target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
