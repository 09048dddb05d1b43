"""Instruction files of assistants: look, and change what one has seen."""

from quarterdeck.actions.workspaces import Instructions
from quarterdeck.api import asked, shown
from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.api.etags import Tagged, check_match, etag


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


def _tagged(file: Instructions) -> Tagged[shown.WorkspaceFile]:
    return Tagged(shown.WorkspaceFile(file.assistant, file.name, file.text, file.release), etag(file.text))
