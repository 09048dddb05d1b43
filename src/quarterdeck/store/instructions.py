"""Instruction files: which text does each have that is in force, and how is it changed?

Where that is kept is the database's matter: folders beside SQLite (`instruction_folders`), rows in PostgreSQL
(`instruction_rows`), so that every process on it works by the same.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from quarterdeck.store.operations import Statement

MAX_BYTES: Final = 256 * 1024  # of one file

Texts = Mapping[str, Mapping[str, str]]
"""Assistant -> name of the file -> text; a file that is not there is an empty one, or is not named."""

Folders = Mapping[str, Path]
"""Assistant -> its folder on this machine."""


class InstructionFile(msgspec.Struct, frozen=True):
    """One of the files of an assistant, and the folder on this machine that it has a place in."""

    assistant: str
    name: str
    folder: Path

    @property
    def path(self) -> Path:
        """Its place."""
        return self.folder / self.name


class InstructionFiles(Protocol):
    """The texts in force."""

    async def bring_in(self, folders: Folders) -> None:
        """Put what these folders hold in force where nothing is yet. Raises ConfigRefused, Retry."""
        ...

    async def texts(self, folders: Folders) -> Texts:
        """The texts of these assistants. Raises ConfigRefused for one that is too large, Retry."""
        ...

    async def read(self, file: InstructionFile) -> str:
        """The text of one; empty where there is none. Raises Retry."""
        ...

    def change(self, file: InstructionFile, seen: str, text: str) -> Sequence[Statement]:
        """What changes a text, in the commit that records it; it fails where the digest is not `seen` any more.

        Nothing where a commit cannot change it; then `write` does, after that commit.
        """
        ...

    async def write(self, file: InstructionFile, text: str) -> None:
        """Change a text as a whole, unless the commit did."""
        ...

    async def unheeded(self, folders: Folders) -> Sequence[InstructionFile]:
        """Files on this machine that somebody has written, and that are not in force and never were. Raises Retry."""
        ...


def digest(text: str) -> str:
    """The name of this text."""
    return hashlib.sha256(text.encode()).hexdigest()
