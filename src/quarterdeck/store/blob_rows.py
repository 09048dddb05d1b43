"""Blobs as rows, in parts of a size that a connection carries in one go: every process on the database has them.

All parts are committed before anything refers to them. What is read is held against its name, so a blob that is not
whole is gone, and never short.
"""

import asyncio
import contextlib
import hashlib
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from itertools import count
from pathlib import Path
from typing import Final

from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import Retry
from quarterdeck.store.blob_files import Spooled, spool
from quarterdeck.store.blobs import MAX_BYTES, Blob, gone
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement, operation
from quarterdeck.store.tenancy import TENANT

PART_BYTES: Final = 1024 * 1024
PATIENCE_S: Final = 20.0  # with a database that is away, before the bytes are given up
AGAIN_S: Final = 0.5


class RowBlobs:
    """Implements Blobs. `folder` holds what is being written or is open as a file, and nothing for long."""

    def __init__(self, store: Store, folder: Path, crash: CrashPoints) -> None:
        self._store = store
        self._folder = folder
        self._crash = crash

    async def write(self, chunks: AsyncIterator[bytes], mime: str, max_bytes: int = MAX_BYTES) -> Blob:
        """See Blobs. A short absence of the database is waited out: whoever sent the bytes may not send them again."""
        async with spool(self._folder, chunks, max_bytes) as there:
            await self._keep_all(there)
        self._crash.reach("blob.written")
        return Blob(there.digest, there.size, mime)

    async def bring_in(self) -> None:
        """Keep, and take away, the files of a folder that an earlier version kept bytes in. Raises Retry."""
        for path in await asyncio.to_thread(lambda: sorted(self._folder.glob("??/*"))):
            async with spool(self._folder, _chunks(path), path.stat().st_size) as there:
                if there.digest == path.name:
                    await self._keep_all(there)
                    await asyncio.to_thread(path.unlink)

    async def read(self, digest: str) -> bytes:
        """See Blobs."""
        data = bytearray()
        async for part in self._parts(digest):
            data += part
        return bytes(data)

    async def has(self, digest: str) -> bool:
        """See Blobs."""
        rows = await self._store.fetch(
            "SELECT 1 FROM blobs b WHERE b.tenant = :tenant AND b.digest = :digest AND b.size ="
            " (SELECT COALESCE(SUM(LENGTH(data)), 0) FROM blob_parts WHERE tenant = :tenant AND digest = :digest)",
            {"tenant": TENANT, "digest": digest},
        )
        return bool(rows)

    @contextlib.asynccontextmanager
    async def file(self, digest: str) -> AsyncGenerator[Path]:
        """See Blobs."""
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True, mode=0o700)
            file = stack.enter_context(tempfile.NamedTemporaryFile(dir=self._folder, prefix=".open-"))
            async for part in self._parts(digest):
                await asyncio.to_thread(file.write, part)
            await asyncio.to_thread(file.flush)
            yield Path(file.name)

    async def _parts(self, digest: str) -> AsyncGenerator[bytes]:
        """All parts; raises NotFound before the end where they are not what the name says."""
        found = hashlib.sha256()
        for n in count():
            part = await self._part(digest, n)
            await asyncio.to_thread(found.update, part)
            yield part
            if len(part) < PART_BYTES:
                break
        if found.hexdigest() != digest:
            raise gone(digest)

    async def _part(self, digest: str, n: int) -> bytes:
        """One of them; behind the last one there is nothing."""
        rows = await self._store.fetch(
            "SELECT data FROM blob_parts WHERE tenant = :tenant AND digest = :digest AND n = :n",
            {"tenant": TENANT, "digest": digest, "n": n},
        )
        data = rows[0][0] if rows else b""
        assert isinstance(data, bytes)
        return data

    async def _keep_all(self, there: Spooled) -> None:
        until = asyncio.get_running_loop().time() + PATIENCE_S
        for at in range(0, there.size, PART_BYTES):
            data = await asyncio.to_thread(os.pread, there.descriptor, PART_BYTES, at)
            await self._keep(_insert(there.digest, at // PART_BYTES, data), until)

    async def _keep(self, part: Statement, until: float) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._store.commit(operation("blob_part", part))
                return
            except Retry as error:
                if loop.time() >= until:
                    raise
                await asyncio.sleep(error.retry_after or AGAIN_S)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, PART_BYTES):
            yield chunk


def _insert(digest: str, n: int, data: bytes) -> Statement:
    """Part `n` of these bytes, which may be there already: their name says what they are."""
    return Statement(
        "blob_parts.insert",
        "INSERT INTO blob_parts (tenant, digest, n, data) VALUES (:tenant, :digest, :n, :data)"
        " ON CONFLICT (tenant, digest, n) DO NOTHING",
        {"tenant": TENANT, "digest": digest, "n": n, "data": data},
    )
