"""Instruction files of an assistant: read, changed from a door, every version kept; in force for the next turn.

What is in force is the truth: beside SQLite the file on disk, also for people with an editor. What it says that no
version does becomes one when somebody looks at the file's history or writes it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import islice

import msgspec

from quarterdeck.actions.configuration import Configuration
from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import BadInput, NotFound
from quarterdeck.flow import configured
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.peers import ALONE, Peers
from quarterdeck.governance.audit import SYSTEM, Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.assistant import WORKSPACE_FILES
from quarterdeck.store import blobs, versions
from quarterdeck.store.blobs import Blobs
from quarterdeck.store.database import Store
from quarterdeck.store.instructions import MAX_BYTES, InstructionFile, InstructionFiles, digest
from quarterdeck.store.operations import ExpectationFailed, Statement, operation
from quarterdeck.store.versions import FileVersion

DIFFERENCE_LINES = 2_000
NO_TEXT = digest("")


class Instructions(msgspec.Struct, frozen=True):
    """A file as it is; no file is an empty one. `release` is the digest of the assistant that is in force."""

    assistant: str
    name: str
    text: str
    release: str

    @property
    def digest(self) -> str:
        """What a change of this text names as seen."""
        return digest(self.text)


class Version(msgspec.Struct, frozen=True):
    """A version with its text, and its difference to the one before as lines of a unified diff."""

    row: FileVersion
    text: str
    difference: tuple[str, ...]


class Workspaces:
    """The use cases of looking at a file and of writing it. One is written at a time."""

    def __init__(
        self,
        configuration: Configuration,
        directory: Directory,
        store: Store,
        auditor: Auditor,
        blobs: Blobs,
        files: InstructionFiles,
        clock: Clock,
        new_id: Callable[[str], str],
        peers: Peers = ALONE,
    ) -> None:
        self._configuration = configuration
        self._directory = directory
        self._store = store
        self._auditor = auditor
        self._blobs = blobs
        self._files = files
        self._clock = clock
        self._new_id = new_id
        self._peers = peers
        self._one = asyncio.Lock()

    async def read(self, assistant: str, name: str) -> Instructions:
        """A file. Raises NotFound for an assistant or a name that is none."""
        text = await self._files.read(self._file(assistant, name))
        return Instructions(assistant, name, text, self._directory.assistant(assistant).release())

    async def write(
        self, assistant: str, name: str, text: str, actor: Actor, check: Callable[[Instructions], None]
    ) -> Instructions:
        """Replace a file's text; `check` is shown what is there and may refuse. Raises NotFound, and what it raises.

        The text is kept and on record before the file is written, and what came of it after, or in the commit that
        changes it: a change that nobody recorded cannot be, and a text that somebody sent is not lost.
        """
        if (size := len(text.encode())) > MAX_BYTES:
            raise BadInput("text", f"has {size} bytes", f"Shorten it to {MAX_BYTES} bytes.")
        async with self._one:
            try:
                return await self._replaced(assistant, name, text, actor, check)
            except ExpectationFailed:  # another process was faster: `check` is shown what it wrote
                return await self._replaced(assistant, name, text, actor, check)

    async def restore(
        self, assistant: str, name: str, version_id: str, actor: Actor, check: Callable[[Instructions], None]
    ) -> Instructions:
        """Write the text of a version once more, as the newest one. Raises NotFound, and what `check` raises."""
        return await self.write(assistant, name, (await self.version(assistant, name, version_id)).text, actor, check)

    async def history(self, assistant: str, name: str, limit: int, before: str = "") -> Sequence[FileVersion]:
        """A file's versions, newest first, behind id `before`. Raises NotFound."""
        async with self._one:
            await self._noticed(assistant, name)
        return await versions.listed(self._store, assistant, name, limit, before)

    async def version(self, assistant: str, name: str, version_id: str) -> Version:
        """One version. Raises NotFound."""
        self._file(assistant, name)
        row = await versions.get(self._store, version_id)
        if row is None or (row.assistant, row.name) != (assistant, name):
            raise NotFound(f"{name} of {assistant} has no version {version_id}")
        before = await versions.written_before(self._store, row)
        text, old = await self._text(row.digest), await self._text(before.digest) if before else ""
        return Version(row, text, await asyncio.to_thread(_difference, old, text))

    async def _replaced(
        self, assistant: str, name: str, text: str, actor: Actor, check: Callable[[Instructions], None]
    ) -> Instructions:
        there, file = await self._noticed(assistant, name), self._file(assistant, name)
        check(there)
        changed = self._files.change(file, there.digest, text)
        row = self._version(assistant, name, text, "written" if changed else "begun", actor.id)
        record = self._record(actor, row, row.state, text.encode())
        await self._commit([*await self._keep(row, text), *changed], record)
        await self._files.write(file, text)
        self._peers.changed("instructions")
        await self._configuration.read_files_again()
        written = await self.read(assistant, name)
        if row.state == "begun":
            content = msgspec.json.encode({"sha256": row.digest, "release": written.release})
            await self._commit([versions.settle(row.id, "written")], self._record(actor, row, "written", content))
        return written

    async def _noticed(self, assistant: str, name: str) -> Instructions:
        """The file as it is, after its newest version says the same."""
        there = await self.read(assistant, name)
        newest = await self._newest(assistant, name)
        statements: list[Statement] = []
        if newest and newest.state == "begun":  # the process ended in the act; the file tells how far it came
            written = newest.digest == there.digest
            statements.append(versions.settle(newest.id, "written" if written else "unwritten"))
            newest = newest if written else await versions.written_before(self._store, newest)
        record: list[Statement] = []
        if there.digest != (newest.digest if newest else NO_TEXT):
            row = self._version(assistant, name, there.text, "written", "")
            statements += await self._keep(row, there.text)
            record = self._record(SYSTEM, row, "noticed", there.text.encode())
        if statements:
            await self._commit(statements, record)
        return there

    async def _newest(self, assistant: str, name: str) -> FileVersion | None:
        found = await versions.listed(self._store, assistant, name, 1)
        if found and found[0].state == "unwritten":
            return await versions.written_before(self._store, found[0])
        return found[0] if found else None

    def _file(self, assistant: str, name: str) -> InstructionFile:
        self._directory.assistant(assistant)
        if name not in WORKSPACE_FILES:
            raise NotFound(f"there is no file {name!r}; there are: {', '.join(WORKSPACE_FILES)}")
        return InstructionFile(assistant, name, configured.folders(self._configuration.current)[assistant])

    def _version(self, assistant: str, name: str, text: str, state: str, actor: str) -> FileVersion:
        size, now = len(text.encode()), self._clock.now()
        return FileVersion(self._new_id("ver"), assistant, name, digest(text), size, state, actor, now)

    async def _keep(self, row: FileVersion, text: str) -> list[Statement]:
        """What makes a version, after its text is a blob."""
        blob = await self._blobs.write(_once(text.encode()), "text/markdown")
        return [blobs.row(blob, row.created_at), versions.insert(row)]

    async def _text(self, digest: str) -> str:
        return "" if digest == NO_TEXT else (await self._blobs.read(digest)).decode()

    def _record(self, actor: Actor, row: FileVersion, outcome: str, content: bytes) -> list[Statement]:
        about = Subject(assistant=row.assistant, resource=f"{row.assistant}/{row.name}")
        return self._auditor.record("change.workspace", actor, about, outcome=outcome, content=content)

    async def _commit(self, statements: Sequence[Statement], record: Sequence[Statement]) -> None:
        await self._store.commit(operation("workspace", statements, record))


def _difference(old: str, new: str) -> tuple[str, ...]:
    import difflib  # 0.2 MB that few processes need

    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "after", lineterm="")
    return tuple(islice(lines, 2, 2 + DIFFERENCE_LINES))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
