"""Instruction files beside SQLite and in PostgreSQL: what is in force is the same for whoever shares the database."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from quarterdeck.base.errors import ConfigRefused
from quarterdeck.store import versions
from quarterdeck.store.database import Kept, Store
from quarterdeck.store.instructions import MAX_BYTES, InstructionFile, InstructionFiles, digest
from quarterdeck.store.operations import ExpectationFailed, Operation, Receipt, operation
from quarterdeck.store.versions import FileVersion
from tests.databases import Database, new_database

FILES = ("AGENTS.md", "SOUL.md", "USER.md", "MEMORY.md")


def folder(path: Path, texts: Mapping[str, str]) -> Path:
    """A folder of an assistant on one machine."""
    path.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (path / name).write_bytes(text.encode())
    return path


def agents(path: Path) -> InstructionFile:
    return InstructionFile("default", "AGENTS.md", path)


async def put(files: InstructionFiles, store: Store, path: Path, seen: str, text: str) -> None:
    """Change a text as a use case does: in the commit, or after it."""
    await store.commit(operation("workspace", files.change(agents(path), digest(seen), text)))
    await files.write(agents(path), text)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    opened = await database.open()
    yield opened
    await opened.close()


@pytest.mark.parametrize("text", ["Be brief.\n", "", "\u00e9\r\n\0 and on", "x" * MAX_BYTES])
async def test_what_a_folder_holds_at_the_start_is_in_force_and_can_be_changed(
    database: Database, store: Store, tmp_path: Path, text: str
) -> None:
    files, here = database.instructions(store), folder(tmp_path / "w", {"AGENTS.md": text, "SOUL.md": "Kind.\n"})
    for _ in range(2):
        await files.bring_in({"default": here})
        found = await files.texts({"default": here})
        assert [found["default"].get(name, "") for name in FILES] == [text, "Kind.\n", "", ""]
    assert await files.read(agents(here)) == text
    await put(files, store, here, text, "Changed.\n")
    assert (
        await files.read(agents(here)) == (await files.texts({"default": here}))["default"]["AGENTS.md"] == "Changed.\n"
    )


async def test_where_nothing_is_anything_can_be_begun(database: Database, store: Store, tmp_path: Path) -> None:
    files, here = database.instructions(store), tmp_path / "none"
    await files.bring_in({"default": here})
    assert await files.read(agents(here)) == ""
    assert not any((await files.texts({"default": here}))["default"].values())
    await put(files, store, here, "", "First.\n")
    assert await files.read(agents(here)) == "First.\n"


async def test_a_file_that_is_too_large_is_refused(database: Database, store: Store, tmp_path: Path) -> None:
    files, here = database.instructions(store), folder(tmp_path, {"AGENTS.md": "x" * (MAX_BYTES + 1)})

    async def begin() -> None:
        await files.bring_in({"default": here})
        await files.texts({"default": here})

    with pytest.raises(ConfigRefused, match="is larger than"):
        await begin()


# --- in rows only ---------------------------------------------------------------------------------------------


@pytest.fixture
def shared(tmp_path: Path, request: pytest.FixtureRequest) -> Database:
    """A database that several processes share."""
    return new_database("postgresql", tmp_path, request)


@pytest.fixture
async def two(shared: Database) -> AsyncIterator[tuple[Store, Store]]:
    stores = await shared.open(), await shared.open()
    yield stores
    for store in stores:
        await store.close()


class Overtaken:
    """A store before whose first commit another process does something."""

    def __init__(self, store: Store, other: Callable[[], Awaitable[None]]) -> None:
        self.fetch, self.scan, self.close = store.fetch, store.scan, store.close
        self.trouble, self.troubled = store.trouble, store.troubled
        self._commit = store.commit
        self._other = other

    async def commit(self, operation: Operation, kept: Kept | None = None) -> Receipt:
        await self._other()
        return await self._commit(operation, kept)


async def test_of_two_that_start_at_once_one_brings_in_all_its_files(
    shared: Database, two: tuple[Store, Store], tmp_path: Path
) -> None:
    a, of_a = shared.instructions(two[0]), {"default": folder(tmp_path / "a", {"AGENTS.md": "of a", "USER.md": "of a"})}
    of_b = {"default": folder(tmp_path / "b", {"SOUL.md": "of b"})}
    b = shared.instructions(Overtaken(two[1], lambda: a.bring_in(of_a)))
    await b.bring_in(of_b)
    first, second = await a.texts(of_a), await b.texts(of_b)
    assert first == second
    assert [first["default"].get(name, "") for name in FILES] == ["of a", "", "of a", ""]


async def test_whoever_has_no_files_leaves_it_to_others_and_a_new_assistant_is_brought_in_alone(
    shared: Database, two: tuple[Store, Store], tmp_path: Path
) -> None:
    files, with_files = shared.instructions(two[0]), folder(tmp_path / "b", {"SOUL.md": "of b"})
    await files.bring_in({"default": tmp_path / "none"})
    await shared.instructions(two[1]).bring_in({"default": with_files})
    (with_files / "SOUL.md").write_text("edited")
    await files.bring_in({"default": with_files, "new": with_files})
    found = await files.texts({"default": with_files, "new": with_files})
    assert (found["default"]["SOUL.md"], found["new"]["SOUL.md"]) == ("of b", "edited")


async def test_a_change_is_seen_by_the_other_and_refused_to_whoever_saw_another_text(
    shared: Database, two: tuple[Store, Store], tmp_path: Path
) -> None:
    a, b = (shared.instructions(store) for store in two)
    await a.bring_in({"default": folder(tmp_path, {"AGENTS.md": "old"})})
    assert await b.read(agents(tmp_path)) == "old"
    await put(a, two[0], tmp_path, "old", "of a")
    assert await b.read(agents(tmp_path)) == "of a"
    with pytest.raises(ExpectationFailed):
        await put(b, two[1], tmp_path, "old", "of b")
    assert await a.read(agents(tmp_path)) == await b.read(agents(tmp_path)) == "of a"
    assert (tmp_path / "AGENTS.md").read_text() == "old", "the folder is left alone"


async def test_a_file_on_disk_that_never_was_in_force_is_named(
    shared: Database, two: tuple[Store, Store], tmp_path: Path
) -> None:
    files, folders = shared.instructions(two[0]), {"default": folder(tmp_path, {"AGENTS.md": "old"})}
    await files.bring_in(folders)
    assert await files.unheeded(folders) == []
    row = FileVersion("ver_1", "default", "AGENTS.md", digest("old"), 3, "written", "", 1.0)
    await two[0].commit(operation("workspace", versions.insert(row)))
    await put(files, two[0], tmp_path, "old", "new")
    assert await files.unheeded(folders) == [], "it is what was in force before"
    for text in ("by an editor", "x" * (MAX_BYTES + 1)):
        (tmp_path / "AGENTS.md").write_text(text)
        (file,) = await files.unheeded(folders)
        assert file.path == tmp_path / "AGENTS.md"
    (tmp_path / "AGENTS.md").unlink()
    assert await files.unheeded(folders) == []
    folder(tmp_path, {"SOUL.md": "added"})
    assert [file.name for file in await files.unheeded(folders)] == ["SOUL.md"]
    cannot_be_looked_at = tmp_path / ("x" * 300)
    assert [file.name for file in await files.unheeded({"default": cannot_be_looked_at})] == list(FILES)
