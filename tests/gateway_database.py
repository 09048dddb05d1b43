"""What the gateways of tests live on: SQLite, or with `--database postgresql` a database for each folder.

Whoever starts a gateway or a command in a folder puts `environ(folder)` into its environment. Tests with the mark
`own_database`, about a file of SQLite for example, are left out there.
"""

import sqlite3
import tempfile
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from quarterdeck.store import migrate_postgresql
from tests.postgresql import Cluster, apart
from tests.reading import Reader

FILE = "data/quarterdeck.db"  # of SQLite, in a gateway's folder


class Databases:
    """One for each folder in which something is started, a copy of a migrated one; on a cluster that may be set."""

    def __init__(self) -> None:
        self.cluster: Cluster | None = None
        self._template = ""
        self._urls: dict[Path, str] = {}

    def url(self, folder: Path) -> str:
        """The one of this folder; empty means SQLite."""
        if self.cluster is None:
            return ""
        if not self._template:
            self._template = self.cluster.create()
            apart(migrate_postgresql.migrate(self._template))
        if folder not in self._urls:
            self._urls[folder] = self.cluster.create(self._template.rpartition("/")[2])
        return self._urls[folder]

    @property
    def folders(self) -> set[Path]:
        """Those that have one."""
        return set(self._urls)

    def drop(self, folder: Path) -> None:
        """Whoever is still connected is not asked."""
        assert self.cluster is not None
        self.cluster.drop(self._urls.pop(folder).rpartition("/")[2])


DATABASES = Databases()


def environ(folder: Path) -> dict[str, str]:
    """What makes a gateway in this folder live on the database of the run."""
    url = DATABASES.url(folder.resolve())
    return {"QUARTERDECK_DATABASE": url} if url else {}


def everything(folder: Path) -> bytes:
    """All that the gateway of a folder has in its database."""
    if not (url := DATABASES.url(folder.resolve())):
        return b"".join(path.read_bytes() for path in folder.glob(f"{FILE}*"))
    reader = Reader(url)
    with closing(reader), tempfile.TemporaryDirectory() as place:
        reader.copy(copy := Path(place) / "copy.db")
        return copy.read_bytes()


def rows(folder: Path, sql: str, **params: object) -> list[dict[str, Any]]:
    """What SQLite answers, or would answer."""
    if url := DATABASES.url(folder.resolve()):
        with closing(Reader(url)) as reader:
            return reader.rows(sql, params)
    with closing(sqlite3.connect(folder / FILE, timeout=10)) as file:
        file.row_factory = sqlite3.Row
        return [dict(row) for row in file.execute(sql, params).fetchall()]


def change(folder: Path, sql: str, postgresql: str = "") -> int:
    """Change rows behind the gateway's back, by another statement on PostgreSQL where one is given; how many."""
    if url := DATABASES.url(folder.resolve()):
        return int(apart(_execute(url, postgresql or sql)).rpartition(" ")[2])
    with closing(sqlite3.connect(folder / FILE, timeout=10)) as file, file:
        return file.execute(sql).rowcount


def bend(folder: Path, old: str, new: str) -> None:
    """Replace words in the first entry of the record."""
    first = "WHERE rowid = (SELECT MIN(rowid) FROM audit)"
    sqlite = f"UPDATE audit SET leaf = CAST(replace(leaf, '{old}', '{new}') AS BLOB) {first}"
    bent = f"convert_to(replace(convert_from(leaf, 'UTF8'), '{old}', '{new}'), 'UTF8')"
    assert change(folder, sqlite, f"UPDATE audit SET leaf = {bent} {first}") == 1


async def _execute(url: str, sql: str) -> str:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return str(await connection.execute(sql))
    finally:
        await connection.close()


@pytest.fixture(scope="session", autouse=True)
def gateways_live_on(request: pytest.FixtureRequest) -> None:
    """The server is started where it is asked for."""
    if request.config.getoption("--database") == "postgresql":
        DATABASES.cluster = request.getfixturevalue("postgresql")


@pytest.fixture(autouse=True)
def gateways_of_a_test(gateways_live_on: None) -> Generator[None]:
    """The databases that a test has made are gone with it."""
    before = DATABASES.folders
    yield
    for folder in DATABASES.folders - before:
        DATABASES.drop(folder)
