"""The disk is full, and then it is not: what could not be kept is told so, the process goes on, and takes it again.

What is told is held against what a start-up would find after a kill at that moment: a copy of the files, read anew.
"""

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import Retry, StoreFailed
from quarterdeck.store import uploads
from quarterdeck.store.blob_files import FileBlobs
from quarterdeck.store.migrate import migrate
from quarterdeck.store.operations import operation
from quarterdeck.store.sqlite import SqliteStore
from tests.standins.small_disk import command, fill, permitted

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.proves("M1"),
    pytest.mark.skipif(not permitted(), reason="this machine lets nobody mount a small disk"),
]
SIZE = 8 * 1024 * 1024
ROOT = Path(__file__).parents[2]


def test_a_full_disk_keeps_nothing_says_so_and_is_written_again_when_there_is_room(tmp_path: Path) -> None:
    disk, outside = tmp_path / "disk", tmp_path / "outside"
    disk.mkdir()
    outside.mkdir()
    words = command(disk, SIZE, sys.executable, "-m", __name__, str(disk), str(outside))
    done = subprocess.run(words, capture_output=True, text=True, timeout=100, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert set(seen["before"]) == {"kept"}
    assert [set(group) for group in seen["full"]] == [{"Retry"}] * len(seen["full"])
    assert "database or disk is full" in seen["trouble"]
    assert seen["found by a start-up"] == ["before"]
    assert seen["file while full"] == ["Retry", 0], "no part of it stays"
    assert (set(seen["after"]), seen["file after"]) == ({"kept"}, "kept")
    assert seen["trouble after"] == ""
    assert seen["failures"] == 0, "the process need not end"
    assert seen["found at the end"] == ["after", "before"]


# -- the process on the small disk -----------------------------------------------------------------------------


async def on_a_small_disk(disk: Path, outside: Path) -> dict[str, object]:
    """Write before, while and after it is full; what was said, and what is found."""
    path = disk / "quarterdeck.db"
    migrate(path)
    failures: list[BaseException] = []
    store = SqliteStore(path, CrashPoints(), failures.append)
    blobs = FileBlobs(disk / "blobs", CrashPoints())
    seen: dict[str, object] = {"before": await _group(store, "before")}
    filler = fill(disk, leave=100_000)
    seen["full"] = [await _group(store, "full") for _ in range(5)]
    seen["trouble"] = store.trouble
    seen["found by a start-up"] = _found(path, outside / "full.db")
    fill(disk)
    said = await _outcome(blobs.write(_chunks(), "text/plain"))
    seen["file while full"] = [said, _parts(disk)]
    filler.unlink()
    seen["after"] = await _group(store, "after")
    seen["file after"] = await _outcome(blobs.write(_chunks(), "text/plain"))
    seen["trouble after"] = store.trouble
    seen["failures"] = len(failures)
    seen["found at the end"] = _found(path, outside / "end.db")
    await store.close()
    return seen


async def _group(store: SqliteStore, name: str) -> list[str]:
    """Four operations in one COMMIT, larger together than what is left of the disk."""
    rows = [uploads.insert(f"{name} {n} {'x' * 60_000}", "p", 1.0) for n in range(4)]
    return await asyncio.gather(*(_outcome(store.commit(operation("blob", row))) for row in rows))


async def _outcome(commit: Coroutine[Any, Any, object]) -> str:
    try:
        await commit
    except (Retry, StoreFailed) as error:
        return type(error).__name__
    return "kept"


def _parts(disk: Path) -> int:
    return len(list(disk.glob("blobs/**/.part-*")))


async def _chunks() -> AsyncIterator[bytes]:
    yield b"x" * 100_000


def _found(path: Path, copy: Path) -> list[str]:
    """The first words of what is there when a copy of the files is opened, as after a kill."""
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", f"{copy}{end}")
    with closing(sqlite3.connect(copy)) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = file.execute("SELECT DISTINCT substr(digest, 1, instr(digest, ' ') - 1) FROM uploads ORDER BY 1")
        return [row[0] for row in rows]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(on_a_small_disk(Path(sys.argv[1]), Path(sys.argv[2])))))
