"""Instruction files of assistants: look, change what one has seen, and what was there before."""

from typing import Literal

import msgspec

from quarterdeck.actions.workspaces import Instructions
from quarterdeck.api import asked, shown
from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.api.etags import Tagged, check_match, etag
from quarterdeck.store.versions import FileVersion


class Version(msgspec.Struct, frozen=True):
    """What a file held from `created_at` on; `size` is bytes, `digest` sha256 of the text.

    `state`: begun, written, or unwritten (the process ended before it was). `actor` is empty where somebody changed the
    file on the machine's disk; that is noticed when somebody looks at the history or writes the file.
    """

    id: str
    state: Literal["begun", "written", "unwritten"]
    digest: str
    size: int
    actor: str
    created_at: shown.Moment


class VersionText(msgspec.Struct, frozen=True):
    """A version with its text; `difference` to the one before is in the lines of a unified diff."""

    version: Version
    text: str
    difference: list[str]


class WorkspacesDoor:
    """One file at a time."""

    def __init__(self, doors: Doors) -> None:
        self._workspaces = doors.workspaces

    async def get_file(self, call: Call, ask: Nothing) -> Tagged[shown.WorkspaceFile]:
        """GET /api/v1/assistants/{id}/files/{name}."""
        return _tagged(await self._workspaces.read(call.path("id"), call.path("name")))

    async def put_file(self, call: Call, ask: asked.FileAsk) -> Tagged[shown.WorkspaceFile]:
        """PUT /api/v1/assistants/{id}/files/{name}."""

        def check(there: Instructions) -> None:
            check_match(call, etag(there.text))

        actor = call.principal.actor
        return _tagged(await self._workspaces.write(call.path("id"), call.path("name"), ask.text, actor, check))

    async def list_versions(self, call: Call, ask: asked.Paged) -> shown.Page[Version]:
        """GET /api/v1/assistants/{id}/files/{name}/versions, newest first."""
        found = await self._workspaces.history(call.path("id"), call.path("name"), ask.limit, ask.cursor)
        return shown.Page([_version(row) for row in found], found[-1].id if len(found) == ask.limit else None)

    async def get_version(self, call: Call, ask: Nothing) -> VersionText:
        """GET /api/v1/assistants/{id}/files/{name}/versions/{version}."""
        found = await self._workspaces.version(call.path("id"), call.path("name"), call.path("version"))
        return VersionText(_version(found.row), found.text, list(found.difference))


def _version(row: FileVersion) -> Version:
    state = msgspec.convert(row.state, Literal["begun", "written", "unwritten"])
    return Version(row.id, state, row.digest, row.size, row.actor, shown.moment(row.created_at))


def _tagged(file: Instructions) -> Tagged[shown.WorkspaceFile]:
    return Tagged(shown.WorkspaceFile(file.assistant, file.name, file.text, file.release), etag(file.text))
