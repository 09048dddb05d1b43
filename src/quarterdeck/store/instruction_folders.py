"""Instruction files in the folders of assistants: the file on disk is the text, also for people with an editor."""

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from quarterdeck.base.errors import ConfigRefused
from quarterdeck.model.assistant import WORKSPACE_FILES
from quarterdeck.store.instructions import MAX_BYTES, Folders, InstructionFile, Texts
from quarterdeck.store.operations import Statement


class FolderInstructions:
    """Implements InstructionFiles."""

    async def bring_in(self, folders: Folders) -> None:
        """See InstructionFiles. They are where they have to be."""

    async def texts(self, folders: Folders) -> Texts:
        """See InstructionFiles."""
        return await asyncio.to_thread(texts_in, folders)

    async def read(self, file: InstructionFile) -> str:
        """See InstructionFiles."""
        return await asyncio.to_thread(_read, file.path)

    def change(self, file: InstructionFile, seen: str, text: str) -> Sequence[Statement]:
        """See InstructionFiles. A commit does not reach a folder."""
        return ()

    async def write(self, file: InstructionFile, text: str) -> None:
        """See InstructionFiles."""
        await asyncio.to_thread(_write, file.path, text)

    async def unheeded(self, folders: Folders) -> Sequence[InstructionFile]:
        """See InstructionFiles. What is written there is in force with the next reload."""
        return ()


def texts_in(folders: Folders) -> dict[str, dict[str, str]]:
    """What the files say now. Raises ConfigRefused for one that is too large."""
    return {name: {file: _bounded(folder / file) for file in WORKSPACE_FILES} for name, folder in folders.items()}


def _bounded(file: Path) -> str:
    if file.is_file() and file.stat().st_size > MAX_BYTES:
        raise ConfigRefused(str(file), f"is larger than {MAX_BYTES} bytes", "Shorten it.")
    return _read(file)


def _read(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "replace") if file.is_file() else ""


def _write(file: Path, text: str) -> None:
    """Replace a file as a whole: whoever reads it sees the old text or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as temporary:
            temporary.write(text.encode())
            temporary.flush()
            os.fsync(temporary.fileno())
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
