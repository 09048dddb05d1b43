"""One setup while a gateway runs: from a service to a written configuration. What was typed is in memory until then."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import msgspec

from quarterdeck.actions.configuration import Configuration
from quarterdeck.actions.probes import Probes, reach
from quarterdeck.actions.setup import draft
from quarterdeck.actions.setup.draft import Assistant, Read
from quarterdeck.actions.setup.reach import Reach, Reached, priced
from quarterdeck.actions.setup.service import Service, web_address
from quarterdeck.actions.setup.starters import STARTERS, files
from quarterdeck.actions.setup.text import configuration, line, picked_up
from quarterdeck.actions.setup.trouble import Trouble, Troubled
from quarterdeck.base.errors import BadInput, Conflict
from quarterdeck.base.secrets import Secret, SecretRef
from quarterdeck.base.settings import Config, ProviderConfig
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.governance.policy import Facts
from quarterdeck.ports import ProviderFailed
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation

STAND_INS = ("scripted", "local")
"""Kinds that answer as long as nobody has chosen a model."""
LIST_SECONDS = 15.0  # a person waits at a page
HERE_SECONDS = 3.0
KEPT_SECONDS = 1800.0  # how long a typed key is kept for a course that does not go on
KEY_LENGTH = 4096

Stage = Literal["open", "kept", "written"]
"""Whether a configuration can be written, is there by somebody else, or was written and waits for a restart."""


class Step(msgspec.Struct, frozen=True):
    """What has been chosen so far; what is empty has not. The key is in a variable, or typed and in memory."""

    service: Service | None = None
    url: str = ""
    provider: ProviderConfig = ProviderConfig(kind="scripted")
    reached: Reached = Reached(())
    costs: Mapping[str, str] = {}
    model: str = ""
    seconds: float = 0.0
    starter: str = "blank"
    purpose: str = ""
    owner: str = ""
    contact: str = ""
    described: bool = False

    @property
    def name(self) -> str:
        """The provider's name in the configuration."""
        return self.service.name if self.service else ""


class Review(msgspec.Struct, frozen=True):
    """What would be written: the file, the tables in it, where a typed key goes (None: none was typed), the assistant's
    files with what becomes of each (False: one is there and is kept), and what a decision names as seen.
    """

    file: Path
    tables: str
    key_file: Path | None
    instructions: Mapping[Path, bool]
    seen: str


class Setup:
    """The use cases of one course; two people who set up at once see each other's choices, and only one writes."""

    def __init__(
        self,
        services: Callable[[], Mapping[str, Service]],
        reach: Reach,
        probes: Probes,
        running: Configuration,
        file: Path,
        read: Read,
        environ: Mapping[str, str],
        store: Store,
        auditor: Auditor,
        kept_seconds: float = KEPT_SECONDS,
    ) -> None:
        self._services = services
        self._reach = reach
        self._probes = probes
        self._running = running
        self._file = file
        self._read = read
        self._environ = environ
        self._store = store
        self._auditor = auditor
        self._kept_seconds = kept_seconds
        self._step = Step()
        self._key: Secret | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._written = False
        self._one = asyncio.Lock()

    @property
    def file(self) -> Path:
        """The configuration file that is, or would be."""
        return self._file

    @property
    def placeholder(self) -> bool:
        """Whether only a script or the demo model answers."""
        return placeholder(self._running.current)

    @property
    def answers(self) -> str:
        """The model that answers now, by the first assistant."""
        assistants = self._running.current.assistants
        return assistants.get("default", next(iter(assistants.values()))).model

    async def stage(self) -> Stage:
        """What can be done."""
        if self._written:
            return "written"
        return "open" if self.placeholder and await asyncio.to_thread(_names_nothing, self._file) else "kept"

    @property
    def step(self) -> Step:
        """How far it has come; a course that nobody goes on with is forgotten, and its key with it."""
        return self._step

    def services(self) -> Mapping[str, Service]:
        """Those that can be chosen, by name."""
        return {name: one for name, one in self._services().items() if one.kind not in STAND_INS}

    def service(self, name: str) -> Service:
        """One of them. Raises BadInput."""
        known = self.services()
        if name not in known:
            raise BadInput("service", f"there is no service {name}", "Choose one of the list.")
        return known[name]

    def variable(self, service: Service) -> str:
        """The variable that has a key for it here, empty for none."""
        return service.variable if self._environ.get(service.variable) else ""

    async def here(self) -> int | None:
        """How many models an Ollama on this machine has; None where there is none."""
        one = self.service("ollama")
        found = await self._reach.models(one.name, one.provider(one.address), one.address, seconds=HERE_SECONDS)
        return len(found.models) if isinstance(found, Reached) else None

    async def ask(self, name: str, url: str, key: str) -> Step:
        """Ask a service what a key reaches; nothing is spent. Without a key its variable is used.

        Raises BadInput, Conflict where nothing can be set up any more.
        """
        await self._check_open()
        service = self.service(name)
        url = web_address("address", line("address", url.strip()) or service.address)
        key = _key(key.strip())
        table = service.provider(url)
        if not key and (variable := self.variable(service)):
            table = msgspec.structs.replace(table, api_keys=(SecretRef(env=variable),))
        elif not key and service.variable and not service.optional_key:
            raise BadInput("key", "The key is missing", "Paste it once more: it is never shown again.")
        before = self._step
        found = await self._reach.models(name, table, url, key, LIST_SECONDS)
        if isinstance(found, Trouble):
            raise Troubled("key" if found.name == "wrong_key" else "service", found)
        if not found.models:
            how = "`ollama pull llama3.2` fetches one." if name == "ollama" else "Look at the service's page."
            raise BadInput("service", "It has no model yet", how)
        table = found.table(table, url)
        costs = await priced(name, table, found.models)
        after = msgspec.structs.replace(
            before, service=service, url=found.url, provider=table, reached=found, costs=costs
        )
        return self._go(
            before,
            msgspec.structs.replace(after, model="", described=False),
            Secret(key) if key else None,
        )

    async def choose(self, model: str, actor: Actor) -> Step:
        """One live call to a model, with permit and record as every other. Raises BadInput."""
        before = self._step
        if model not in before.reached.models:
            raise BadInput("model", f"The key reaches no {model or 'model without a name'}", "Choose one of the list.")
        route, key = f"{before.name}/{model}", self._key.reveal() if self._key else ""
        try:
            async with self._reach.provider(before.name, before.provider, key) as provider:
                seconds = await self._probes.ask_of(provider, route, Facts(models=(route,)), actor)
        except ProviderFailed as failed:
            trouble = await self._reach.trouble(reach(failed), str(failed), before.url)
            raise Troubled("key" if trouble.name == "wrong_key" else "model", trouble) from failed
        return self._go(before, msgspec.structs.replace(before, model=model, seconds=seconds), self._key)

    def describe(self, starter: str, purpose: str, owner: str, contact: str) -> Step:
        """The first assistant: what it is for, and who is responsible for it. Raises BadInput."""
        before = self._step
        if not before.model:
            raise Conflict("no model has answered yet, or it was so long ago that it is forgotten; begin again")
        if starter not in STARTERS:
            raise BadInput("starter", f"There is no {starter or 'empty one'}", f"Choose of: {', '.join(STARTERS)}.")
        texts = [line(*one) for one in (("purpose", purpose), ("owner", owner), ("contact", contact))]
        if texts[2].strip() and not texts[1].strip():
            raise BadInput("owner", "A contact without an owner", "Name who is responsible, or leave both empty.")
        purpose, owner, contact = (text.strip() for text in texts)
        after = msgspec.structs.replace(
            before, starter=starter, purpose=purpose, owner=owner, contact=contact, described=True
        )
        return self._go(before, after, self._key)

    async def review(self) -> Review:
        """What would be written now."""
        return await asyncio.to_thread(self._review, self._step, self._key)

    async def write(self, seen: str, actor: Actor) -> None:
        """Write what was seen; a restart uses it. Raises BadInput, Conflict."""
        async with self._one:
            await self._check_open()
            step, key = self._step, self._key
            review = await asyncio.to_thread(self._review, step, key)
            if not step.described or review.seen != seen:
                raise Conflict("what is to be written has changed since it was shown")
            digest = await asyncio.to_thread(self._put, step, key)
            record = self._auditor.record("change.setup", actor, Subject(resource=digest), outcome="written")
            await self._store.commit(operation("configuration", record))
            self._written = True
            self._forget()

    async def _check_open(self) -> None:
        if await self.stage() != "open":
            raise Conflict("a configuration is there already, and is kept")

    @property
    def _data_dir(self) -> Path:
        return Path(self._running.current.data_dir)

    def _review(self, step: Step, key: Secret | None) -> Review:
        key_file = draft.key_file(step.name, self._data_dir) if key else None
        tables, folder = self._tables(step, key_file), self._data_dir / "workspaces" / "default"
        told = {folder / name: not (folder / name).exists() for name in _files(step)}
        seen = hashlib.sha256(repr((tables, _files(step))).encode()).hexdigest()
        return Review(self._file, tables, key_file, told, seen)

    def _tables(self, step: Step, key_file: Path | None) -> str:
        """The provider's and the assistant's, and what the environment gave; a typed key is referred to by its file."""
        provider = step.provider
        if key_file:
            provider = msgspec.structs.replace(provider, api_keys=(SecretRef(file=str(key_file)),))
        assistant = Assistant(f"{step.name}/{step.model}", step.owner, step.contact)
        return draft.tables(step.name, provider, assistant) + picked_up(self._environ)

    def _put(self, step: Step, key: Secret | None) -> str:
        """Write all of it, or nothing; the digest of the new configuration."""
        with ExitStack() as undo:
            kept = draft.keep_key(key.reveal(), step.name, self._data_dir) if key else None
            if kept:
                undo.callback(kept.unlink)
            draft.write_config(configuration(self._tables(step, kept)), self._file, self._read)
            undo.pop_all()
        loaded = self._read(self._file)
        draft.write_files(Path(loaded.config.assistants["default"].workspace), _files(step))
        return loaded.digest

    def _go(self, before: Step, after: Step, key: Secret | None) -> Step:
        if self._step is not before:
            raise Conflict("somebody else has gone on with this setup meanwhile")
        self._forget()
        self._step, self._key = after, key
        self._timer = asyncio.get_running_loop().call_later(self._kept_seconds, self._forget)
        return after

    def _forget(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._step, self._key, self._timer = Step(), None, None


def placeholder(config: Config) -> bool:
    """Whether every assistant is answered by what stands in for a model."""
    names = {assistant.model.partition("/")[0] for assistant in config.assistants.values()}
    return all(config.providers[name].kind in STAND_INS for name in names)


def _names_nothing(file: Path) -> bool:
    """Whether there is no file yet."""
    return not file.exists()


def _files(step: Step) -> Mapping[str, str]:
    return files(STARTERS[step.starter], step.owner, step.purpose)


def _key(text: str) -> str:
    """A key as it was pasted. Raises BadInput, which does not hold it."""
    if len(text) > KEY_LENGTH or not text.isascii() or not text.isprintable() or " " in text:
        raise BadInput(
            "key", "What was pasted is no key: it has a space or a sign that no key has", "Copy it once more."
        )
    return text
