"""Setup: from the stand-in for a model to a real one. A page for each step; the use case keeps what was typed."""

import msgspec

from quarterdeck.actions.restart import Restart
from quarterdeck.actions.setup.course import Setup, Step
from quarterdeck.actions.setup.service import FIRST
from quarterdeck.actions.setup.starters import STARTERS
from quarterdeck.web.console.visit import Done, Page, Visit

START, MODEL, ASSISTANT, REVIEW, END = "/setup", "/setup/model", "/setup/assistant", "/setup/review", "/setup/end"
SHOWN = 15  # models without a search

STEPS = ("Service", "Model", "Assistant", "Review")


class Key(msgspec.Struct, frozen=True):
    """Where the service is, and a key as it was pasted."""

    address: str = ""
    key: str = ""

    def __repr__(self) -> str:
        return f"Key(address={self.address!r})"


class Part(msgspec.Struct, frozen=True):
    """A part of models' names."""

    part: str = ""


class Model(msgspec.Struct, frozen=True):
    """The one that was chosen."""

    model: str = ""


class About(msgspec.Struct, frozen=True):
    """The first assistant."""

    starter: str = ""
    purpose: str = ""
    owner: str = ""
    contact: str = ""


class Seen(msgspec.Struct, frozen=True):
    """What was shown to whoever decides."""

    seen: str = ""


class SetupPage:
    """The steps in their order. A step that something is missing for leads back to the first."""

    def __init__(self, setup: Setup, restart: Restart) -> None:
        self._setup = setup
        self._restart = restart

    async def start(self, visit: Visit) -> Page | Done:
        """GET /setup: which service?"""
        stage = await self._setup.stage()
        if stage == "written":
            return _go(END)
        if stage == "kept":
            return self._page("kept", {"answers": self._setup.answers, "file": self._setup.file})
        known = self._setup.services()
        first = [known[name] for name in FIRST if name in known]
        rest = sorted((one for one in known.values() if one.name not in FIRST), key=lambda one: one.title.lower())
        data: dict[str, object] = {"first": first, "rest": rest, "ollama": await self._setup.here()}
        return self._page("service", data, 1)

    async def service(self, visit: Visit) -> Page | Done:
        """GET /setup/services/{service}: its address and a key."""
        if await self._setup.stage() != "open":
            return _go(START)
        one, step = self._setup.service(visit.path("service")), self._setup.step
        address = step.url if step.name == one.name else one.address
        return self._page("key", {"one": one, "address": address, "variable": self._setup.variable(one)}, 1)

    async def ask(self, visit: Visit) -> Done:
        """POST /setup/services/{service}."""
        given = visit.ask(Key)
        await self._setup.ask(visit.path("service"), given.address, given.key)
        return _go(MODEL)

    async def models(self, visit: Visit) -> Page | Done:
        """GET /setup/model: which of those that the key reaches?"""
        step, part = await self._at(), visit.ask(Part).part.strip()
        if step is None:
            return _go(START)
        found = [name for name in step.reached.models if part.lower() in name.lower()]
        shown = found[:SHOWN]
        if step.model and step.model in found and step.model not in shown:
            shown = [step.model, *shown]
        return self._page("model", {"step": step, "part": part, "shown": shown, "more": len(found) - len(shown)}, 2)

    async def choose(self, visit: Visit) -> Done:
        """POST /setup/model: one live call."""
        await self._setup.choose(visit.ask(Model).model, visit.actor)
        return _go(ASSISTANT)

    async def assistant(self, visit: Visit) -> Page | Done:
        """GET /setup/assistant: who answers, for what, and who is responsible?"""
        step = await self._at()
        if step is None or not step.model:
            return _go(START)
        return self._page("assistant", {"step": step, "starters": STARTERS}, 3)

    async def describe(self, visit: Visit) -> Done:
        """POST /setup/assistant."""
        given = visit.ask(About)
        self._setup.describe(given.starter, given.purpose, given.owner, given.contact)
        return _go(REVIEW)

    async def review(self, visit: Visit) -> Page | Done:
        """GET /setup/review: what will be written?"""
        step = await self._at()
        if step is None or not step.described:
            return _go(START)
        return self._page("review", {"step": step, "review": await self._setup.review()}, 4)

    async def write(self, visit: Visit) -> Done:
        """POST /setup/review."""
        await self._setup.write(visit.ask(Seen).seen, visit.actor)
        return _go(END)

    async def end(self, visit: Visit) -> Page | Done:
        """GET /setup/end: it is written; is it in use?"""
        stage = await self._setup.stage()
        if stage == "open":
            return _go(START)
        data: dict[str, object] = {
            "pending": stage == "written",
            "restarts": self._restart.wanted,
            "answers": self._setup.answers,
            "file": self._setup.file,
        }
        return self._page("end", data)

    async def used(self, visit: Visit) -> Page | Done:
        """GET /setup/used: leads on when a restart has put it in use; asked again and again until then."""
        return await self.end(visit) if await self._setup.stage() == "written" else _go(END)

    async def restart(self, visit: Visit) -> Done:
        """POST /setup/restart."""
        await self._restart.ask(visit.actor)
        return Done("It restarts. This page goes on by itself as soon as the gateway is back.", END)

    async def _at(self) -> Step | None:
        """How far it has come, None where no service has answered yet."""
        step = self._setup.step
        return step if step.service and await self._setup.stage() == "open" else None

    def _page(self, name: str, data: dict[str, object], number: int = 0) -> Page:
        return Page(f"setup/{name}.html", "Connect a model", {**data, "steps": STEPS, "number": number})


def _go(address: str) -> Done:
    return Done("", address, leave=True)
