"""Instruction files as rows: every process on the database has the same, whatever its machine's folders hold.

The first process that has files of an assistant brings them in, all at once. From then on the rows are in force; a file
that somebody writes on a disk is not, and is said to be so.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from quarterdeck.model.assistant import WORKSPACE_FILES
from quarterdeck.store import versions
from quarterdeck.store.database import Store
from quarterdeck.store.instruction_folders import texts_in
from quarterdeck.store.instructions import MAX_BYTES, Folders, InstructionFile, Texts, digest
from quarterdeck.store.operations import ExpectationFailed, Statement, operation
from quarterdeck.store.tenancy import TENANT

NOTHING = digest("")


class _Text(msgspec.Struct, frozen=True):
    digest: str
    text: str


class RowInstructions:
    """Implements InstructionFiles. A text that was read once is read again when its row has another digest."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[str, str], _Text] = {}

    async def bring_in(self, folders: Folders) -> None:
        """See InstructionFiles."""
        there = {assistant for assistant, _ in await self._digests()}
        found = await asyncio.to_thread(texts_in, {name: path for name, path in folders.items() if name not in there})
        for assistant, texts in found.items():
            if any(texts.values()):
                try:
                    await self._store.commit(operation("instructions", _insert(assistant, texts)))
                except ExpectationFailed:  # another process was faster: its files are in force
                    continue

    async def texts(self, folders: Folders) -> Texts:
        """See InstructionFiles."""
        found: dict[str, dict[str, str]] = {assistant: {} for assistant in folders}
        for (assistant, name), newest in (await self._digests()).items():
            if assistant in found:
                found[assistant][name] = (await self._text(assistant, name, newest)).text
        return found

    async def read(self, file: InstructionFile) -> str:
        """See InstructionFiles."""
        newest = (await self._digests()).get((file.assistant, file.name), NOTHING)
        return (await self._text(file.assistant, file.name, newest)).text

    def change(self, file: InstructionFile, seen: str, text: str) -> Sequence[Statement]:
        """See InstructionFiles."""
        return [
            Statement(
                "instructions.change",
                "INSERT INTO instruction_files (tenant, assistant, name, data, digest)"
                " VALUES (:tenant, :assistant, :name, :data, :digest)"
                " ON CONFLICT (tenant, assistant, name) DO UPDATE SET data = :data, digest = :digest"
                " WHERE instruction_files.digest = :seen",
                {**_row(file.assistant, file.name, text), "seen": seen},
                expect=1,
            )
        ]

    async def write(self, file: InstructionFile, text: str) -> None:
        """See InstructionFiles. The commit has done it."""

    async def unheeded(self, folders: Folders) -> Sequence[InstructionFile]:
        """See InstructionFiles. What was in force once is left over from then."""
        newest, found = await self._digests(), list[InstructionFile]()
        for assistant, folder in folders.items():
            for name in WORKSPACE_FILES:
                file = InstructionFile(assistant, name, folder)
                held = await asyncio.to_thread(_held, file)
                if held in (NOTHING, newest.get((assistant, name))):
                    continue
                if not await versions.held(self._store, assistant, name, held):
                    found.append(file)
        return found

    async def _digests(self) -> dict[tuple[str, str], str]:
        rows = await self._store.fetch(
            "SELECT assistant, name, digest FROM instruction_files WHERE tenant = :tenant ORDER BY assistant, name",
            {"tenant": TENANT},
        )
        return {(str(assistant), str(name)): str(found) for assistant, name, found in rows}

    async def _text(self, assistant: str, name: str, newest: str) -> _Text:
        known = self._known.get((assistant, name), _Text(NOTHING, ""))
        if known.digest == newest:
            return known
        rows = await self._store.fetch(
            "SELECT data FROM instruction_files WHERE tenant = :tenant AND assistant = :assistant AND name = :name",
            {"tenant": TENANT, "assistant": assistant, "name": name},
        )
        data = rows[0][0] if rows else b""
        assert isinstance(data, bytes)
        text = data.decode()
        self._known[assistant, name] = known = _Text(digest(text), text)
        return known


def _insert(assistant: str, texts: dict[str, str]) -> list[Statement]:
    """All files of an assistant that has none; it fails where it has one."""
    return [
        Statement(
            f"instructions.insert.{name}",
            "INSERT INTO instruction_files (tenant, assistant, name, data, digest)"
            " VALUES (:tenant, :assistant, :name, :data, :digest) ON CONFLICT (tenant, assistant, name) DO NOTHING",
            _row(assistant, name, text),
            expect=1,
        )
        for name, text in texts.items()
    ]


def _row(assistant: str, name: str, text: str) -> dict[str, str | int | float | bytes | None]:
    return {"tenant": TENANT, "assistant": assistant, "name": name, "data": text.encode(), "digest": digest(text)}


def _held(file: InstructionFile) -> str:
    """The digest of what a folder holds, empty where it cannot be read; one that is too large can be nobody's text."""
    try:
        if not file.path.is_file():
            return NOTHING
        with file.path.open("rb") as opened:
            return digest(opened.read(MAX_BYTES + 1).decode("utf-8", "replace"))
    except OSError:
        return ""
