"""Instruction files of an assistant, read and changed from a door; a change is in force for the next turn."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from quarterdeck.actions.configuration import Configuration
from quarterdeck.base.errors import NotFound
from quarterdeck.flow.directory import Directory
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.assistant import WORKSPACE_FILES
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation


class Instructions(msgspec.Struct, frozen=True):
    """A file as it is; no file is an empty one. `release` is the digest of the assistant that is in force."""

    assistant: str
    name: str
    text: str
    release: str


class Workspaces:
    """The use cases of looking at a file and of writing it. One is written at a time."""

    def __init__(self, configuration: Configuration, directory: Directory, store: Store, auditor: Auditor) -> None:
        self._configuration = configuration
        self._directory = directory
        self._store = store
        self._auditor = auditor
        self._one = asyncio.Lock()

    async def read(self, assistant: str, name: str) -> Instructions:
        """A file. Raises NotFound for an assistant or a name that is none."""
        text = await asyncio.to_thread(_read, self._file(assistant, name))
        return Instructions(assistant, name, text, self._directory.assistant(assistant).release())

    async def write(
        self, assistant: str, name: str, text: str, actor: Actor, check: Callable[[Instructions], None]
    ) -> Instructions:
        """Replace a file's text; `check` is shown what is there and may refuse. Raises NotFound, and what it raises.

        What is to be written is on record before it is, and what came of it after: a change that nobody recorded
        cannot be.
        """
        async with self._one:
            check(await self.read(assistant, name))
            digest = hashlib.sha256(text.encode()).hexdigest()
            await self._record(actor, assistant, f"{assistant}/{name}", "begun", text.encode())
            await asyncio.to_thread(_write, self._file(assistant, name), text)
            await self._configuration.read_files_again()
            written = await self.read(assistant, name)
            content = msgspec.json.encode({"sha256": digest, "release": written.release})
            await self._record(actor, assistant, f"{assistant}/{name}", "written", content)
            return written

    def _file(self, assistant: str, name: str) -> Path:
        self._directory.assistant(assistant)
        if name not in WORKSPACE_FILES:
            raise NotFound(f"there is no file {name!r}; there are: {', '.join(WORKSPACE_FILES)}")
        return Path(self._configuration.current.assistants[assistant].workspace) / name

    async def _record(self, actor: Actor, assistant: str, resource: str, outcome: str, content: bytes) -> None:
        about = Subject(assistant=assistant, resource=resource)
        record = self._auditor.record("change.workspace", actor, about, outcome=outcome, content=content)
        await self._store.commit(operation("configuration", record))


def _read(file: Path) -> str:
    return file.read_text("utf-8", "replace") if file.is_file() else ""


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
