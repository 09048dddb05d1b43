"""Bytes beside SQLite and in PostgreSQL: what is written is read by whoever shares the database, or is gone."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import BadInput, NotFound, Retry
from quarterdeck.store import blobs
from quarterdeck.store.blob_files import FileBlobs
from quarterdeck.store.blob_rows import PART_BYTES, RowBlobs
from quarterdeck.store.blobs import Blobs
from quarterdeck.store.database import Kept, Store
from quarterdeck.store.operations import Operation, Receipt, Statement, operation
from tests.databases import Database, new_database

SIZES = [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES]


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def bytes_of(size: int) -> bytes:
    """No two of its parts are the same."""
    return b"".join(n.to_bytes(8, "big") for n in range(-(-size // 8)))[:size]


def here(database: Database, store: Store, folder: Path) -> Blobs:
    return database.blobs(store, folder / "blobs", CrashPoints())


async def keep(kept: Blobs, store: Store, data: bytes) -> str:
    blob = await kept.write(chunks(data[:10], data[10:]), "text/plain")
    await store.commit(operation("blob", blobs.row(blob, 1.0)))
    assert (blob.digest, blob.size) == (hashlib.sha256(data).hexdigest(), len(data))
    return blob.digest


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    opened = await database.open()
    yield opened
    await opened.close()


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_written_is_read(database: Database, store: Store, tmp_path: Path, size: int) -> None:
    kept, data = here(database, store, tmp_path), bytes_of(size)
    digest = await keep(kept, store, data)
    assert await kept.read(digest) == data
    assert await kept.has(digest)
    async with kept.file(digest) as path:
        assert path.read_bytes() == data
    assert await keep(kept, store, data) == digest, "and once more"
    assert await kept.read(digest) == data


async def test_bytes_that_are_gone_are_said_to_be(database: Database, store: Store, tmp_path: Path) -> None:
    kept, unknown = here(database, store, tmp_path), "0" * 64
    assert not await kept.has(unknown)
    with pytest.raises(NotFound):
        await kept.read(unknown)
    with pytest.raises(NotFound):
        async with kept.file(unknown):
            pass


async def test_too_much_leaves_nothing(database: Database, store: Store, tmp_path: Path) -> None:
    kept = here(database, store, tmp_path)
    with pytest.raises(BadInput, match="larger than 5 bytes"):
        await kept.write(chunks(b"123", b"456"), "text/plain", 5)
    assert not await kept.has(hashlib.sha256(b"123456").hexdigest())
    assert files_in(tmp_path) == []


def files_in(folder: Path) -> list[Path]:
    return [path for path in (folder / "blobs").rglob("*") if path.is_file()]


# --- in rows only ---------------------------------------------------------------------------------------------


@pytest.fixture
def shared(tmp_path: Path, request: pytest.FixtureRequest) -> Database:
    """A database that several processes share."""
    return new_database("postgresql", tmp_path, request)


@pytest.fixture
async def mine(shared: Database) -> AsyncIterator[Store]:
    opened = await shared.open()
    yield opened
    await opened.close()


async def test_bytes_of_one_process_are_read_by_another(shared: Database, mine: Store, tmp_path: Path) -> None:
    data = bytes_of(PART_BYTES + 1)
    digest = await keep(here(shared, mine, tmp_path / "a"), mine, data)
    other = await shared.open()
    assert await here(shared, other, tmp_path / "b").read(digest) == data
    await other.close()
    assert files_in(tmp_path / "a") == files_in(tmp_path / "b") == [], "nothing stays in a folder"


@pytest.mark.parametrize("what", ["n = 0", "n = 1", "n = 2"])
async def test_a_blob_that_is_not_whole_is_gone(shared: Database, mine: Store, tmp_path: Path, what: str) -> None:
    kept = here(shared, mine, tmp_path)
    digest = await keep(kept, mine, bytes_of(2 * PART_BYTES + 1))
    await mine.commit(operation("blob", Statement("lose", f"DELETE FROM blob_parts WHERE {what}", {}, expect=1)))
    assert not await kept.has(digest)
    with pytest.raises(NotFound):
        await kept.read(digest)
    with pytest.raises(NotFound):
        async with kept.file(digest):
            pass
    assert files_in(tmp_path) == []


class Hesitant:
    """A store that refuses some commits."""

    def __init__(self, store: Store, refusals: int) -> None:
        self.left = refusals
        self.fetch, self.scan, self.close = store.fetch, store.scan, store.close
        self.trouble, self.troubled = store.trouble, store.troubled
        self._commit = store.commit

    async def commit(self, operation: Operation, kept: Kept | None = None) -> Receipt:
        self.left -= 1
        if self.left >= 0:
            raise Retry("not now", 0.01)
        return await self._commit(operation, kept)


async def test_a_database_that_is_away_for_a_moment_costs_no_bytes(
    shared: Database, mine: Store, tmp_path: Path
) -> None:
    kept = RowBlobs(Hesitant(mine, 3), tmp_path / "blobs", CrashPoints())
    assert await kept.read(await keep(kept, mine, b"data")) == b"data"


async def test_two_processes_that_write_the_same_bytes_keep_them_once(
    shared: Database, mine: Store, tmp_path: Path
) -> None:
    data = bytes_of(2 * PART_BYTES)
    both = [here(shared, mine, tmp_path / name) for name in "ab"]
    digests = await asyncio.gather(*(keep(one, mine, data) for one in both))
    assert set(digests) == {hashlib.sha256(data).hexdigest()}
    assert len(shared.rows("SELECT n FROM blob_parts", {})) == 2


async def test_files_of_an_earlier_version_are_brought_in_once(shared: Database, mine: Store, tmp_path: Path) -> None:
    data = bytes_of(PART_BYTES + 1)
    before = FileBlobs(tmp_path / "blobs", CrashPoints())
    digest = (await before.write(chunks(data), "text/plain")).digest
    other = tmp_path / "blobs" / "00" / ("0" * 64)
    other.parent.mkdir()
    other.write_bytes(b"not what its name says")
    kept = RowBlobs(mine, tmp_path / "blobs", CrashPoints())
    await kept.bring_in()
    assert await kept.read(digest) == data
    assert files_in(tmp_path) == [other], "it is kept for whoever looks after the machine"
    await kept.bring_in()
    assert await kept.read(digest) == data
