"""Assistants: what is in force for each, and the files that tell it how to be, with everything that they once held."""

from urllib.parse import quote

import msgspec

from quarterdeck.actions.assistants import Assistants
from quarterdeck.actions.workspaces import Instructions, Workspaces
from quarterdeck.base.errors import Conflict
from quarterdeck.model.assistant import WORKSPACE_FILES
from quarterdeck.web.console.visit import Done, Page, Visit

LIST = "/console/assistants"
VERSIONS = 50
MEANING = {
    "AGENTS.md": "what it does and how",
    "SOUL.md": "how it speaks",
    "USER.md": "whom it talks to",
    "MEMORY.md": "what it keeps in mind",
}


class Text(msgspec.Struct, frozen=True):
    """A text to save; `seen` is the digest of the one that was edited, `anyway` that another one may be replaced."""

    text: str
    seen: str
    anyway: str = ""


class Seen(msgspec.Struct, frozen=True):
    """The digest of the text that is to be replaced."""

    seen: str


class Behind(msgspec.Struct, frozen=True):
    """A page of a history."""

    cursor: str = ""


class AssistantsPage:
    """The list, one assistant, one file, one version."""

    def __init__(self, assistants: Assistants, workspaces: Workspaces) -> None:
        self._assistants = assistants
        self._workspaces = workspaces

    async def list(self, visit: Visit) -> Page:
        """GET /console/assistants."""
        return Page("assistants.html", "Assistants", {"found": self._assistants.all()}, "/api/v1/assistants")

    async def show(self, visit: Visit) -> Page:
        """GET /console/assistants/{id}."""
        found = self._assistants.get(visit.path("id"))
        name = found.assistant.id
        files = [await self._workspaces.read(name, file) for file in WORKSPACE_FILES]
        data = {"one": found.assistant, "found": found, "files": files, "meaning": MEANING}
        return Page("assistant.html", name, data, f"/api/v1/assistants/{quote(name)}")

    async def file(self, visit: Visit) -> Page:
        """GET /console/assistants/{id}/files/{name}."""
        name, file, cursor = visit.path("id"), visit.path("name"), visit.ask(Behind).cursor
        history = await self._workspaces.history(name, file, VERSIONS, cursor)
        there = await self._workspaces.read(name, file)
        data = {
            "there": there,
            "history": history,
            "first": not cursor,
            "older": f"{_address(name, file)}?cursor={history[-1].id}" if len(history) == VERSIONS else "",
            "meaning": MEANING[file],
        }
        return Page("file.html", f"{file} of {name}", data, f"/api/v1/assistants/{quote(name)}/files/{quote(file)}")

    async def version(self, visit: Visit) -> Page:
        """GET /console/assistants/{id}/files/{name}/versions/{version}."""
        name, file, version = visit.path("id"), visit.path("name"), visit.path("version")
        found = await self._workspaces.version(name, file, version)
        there = await self._workspaces.read(name, file)
        data = {"found": found, "row": found.row, "there": there}
        json = f"/api/v1/assistants/{quote(name)}/files/{quote(file)}/versions/{quote(version)}"
        return Page("version.html", f"{file} as it was", data, json)

    async def save(self, visit: Visit) -> Done:
        """POST /console/assistants/{id}/files/{name}."""
        name, file, ask = visit.path("id"), visit.path("name"), visit.ask(Text)
        text = ask.text.replace("\r\n", "\n")  # how browsers send a line's end
        check = _anything if ask.anyway else _Only(ask.seen)
        saved = await self._workspaces.write(name, file, text, visit.actor, check)
        return Done(
            f"{file} is saved and in force for the next turn, release {saved.release[:8]}.", _address(name, file)
        )

    async def restore(self, visit: Visit) -> Done:
        """POST /console/assistants/{id}/files/{name}/versions/{version}/restore."""
        name, file, version = visit.path("id"), visit.path("name"), visit.path("version")
        check = _Only(visit.ask(Seen).seen)
        await self._workspaces.restore(name, file, version, visit.actor, check)
        return Done(f"{file} holds the older text again.", _address(name, file), leave=True)


def _address(name: str, file: str) -> str:
    return f"{LIST}/{quote(name)}/files/{quote(file)}"


def _anything(there: Instructions) -> None:
    """Whatever is there may be replaced; it stays in the history."""


class _Only:
    """Only the text that was seen may be replaced."""

    def __init__(self, seen: str) -> None:
        self._seen = seen

    def __call__(self, there: Instructions) -> None:
        if there.digest != self._seen:
            raise Conflict(f"{there.name} was changed meanwhile, and what you typed is not saved yet")
