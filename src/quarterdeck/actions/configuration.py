"""Putting a changed configuration in force while the process runs; a broken one leaves everything as it is."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from quarterdeck.actions.agreement import Agreement
from quarterdeck.actions.prices import Prices
from quarterdeck.base.config import LoadedConfig, diff_reload
from quarterdeck.base.config_checks import check_config
from quarterdeck.base.config_shared import decode, with_shared
from quarterdeck.base.decode import ConfigRefusals
from quarterdeck.base.errors import ConfigRefused, Retry
from quarterdeck.base.settings import Config, ConnectionConfig
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.flow import configured
from quarterdeck.flow.directory import Directory
from quarterdeck.governance.audit import SYSTEM, Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.plugin import Plugin
from quarterdeck.observe.log import Level
from quarterdeck.store.configurations import Version
from quarterdeck.store.database import Store
from quarterdeck.store.instructions import InstructionFile, InstructionFiles, Texts
from quarterdeck.store.operations import operation


class Reloaded(msgspec.Struct, frozen=True):
    """Paths that are in force now, and paths that only a restart puts in force."""

    applied: tuple[str, ...]
    needs_restart: tuple[str, ...]


class Configuration:
    """The use case of reloading. `read` reads the file again; the `agreement` is with others on the database.

    None: there can be no others.
    """

    def __init__(
        self,
        started: LoadedConfig,
        read: Callable[[], LoadedConfig],
        directory: Directory,
        prices: Prices,
        level: Level,
        store: Store,
        auditor: Auditor,
        log: EventLog,
        files: InstructionFiles,
        plugins: Sequence[Plugin] = (),
    ) -> None:
        self._started = started.config
        self._written = started
        self._loaded = started
        self._waiting: tuple[str, ...] = ()
        self._read = read
        self._directory = directory
        self._prices = prices
        self._level = level
        self._store = store
        self._auditor = auditor
        self._log = log
        self._files = files
        self._plugins = plugins
        self.agreement: Agreement | None = None
        self._one = asyncio.Lock()
        self._asked = asyncio.Event()

    @property
    def current(self) -> Config:
        """What is in force."""
        return self._loaded.config

    @property
    def loaded(self) -> LoadedConfig:
        """The same, with where it comes from."""
        return self._loaded

    @property
    def waiting(self) -> tuple[str, ...]:
        """Paths that were changed since the start, and that only a restart puts in force."""
        return self._waiting

    async def connections(self) -> list[str]:
        """Names of connections in the file as it is now: of a new one before it is in force. Raises ConfigRefused."""
        return [*(await asyncio.to_thread(self._read)).config.connections]

    def request(self) -> None:
        """Reload soon (a signal's handler may do no more)."""
        self._asked.set()

    async def run(self, life: Life) -> None:
        """Serve requests until told to stop. See base.supervise.Service."""
        life.spawn("stop", self._end_with(life))
        life.ready()
        await self._say_unheeded()
        while True:
            await self._asked.wait()
            if life.stopping.is_set():
                return
            self._asked.clear()
            try:
                await self.reload(SYSTEM)
            except (ConfigRefused, Retry) as error:
                self._log.error("configuration.refused", reason=str(error))

    async def reload(self, actor: Actor) -> Reloaded:
        """Read the file and apply what a running process can. Raises ConfigRefused; then nothing has changed."""
        async with self._one:
            try:
                written = await asyncio.to_thread(self._read)
                loaded, new = written, in_force(self._started, written.config, self._plugins)
                await self._files.bring_in(configured.folders(new))  # before others hear of it, and bring in theirs
                version = await self.agreement.read_again(written.config, actor) if self.agreement else None
                if version is not None:
                    loaded, new = self._agreed(written, version)
                texts = await self._texts(new)
            except ConfigRefused as refused:
                await self._record(actor, "", "refused", str(refused).encode())
                raise
            self._written = written
            result = await self._apply(actor, loaded, new, texts)
            if self.agreement is not None and version is not None:
                await self.agreement.has(version, new)
            return result

    async def agree(self) -> None:
        """Begin with what the processes on the database have agreed on. Raises Retry."""
        if self.agreement is not None:
            async with self._one:
                await self._follow(await self.agreement.begin(self._written.config), self.agreement)

    async def read_again(self) -> None:
        """Put in force what others have changed: the shared configuration, instruction files. Raises as below."""
        if self.agreement is not None:
            async with self._one:
                version = await self.agreement.newer()
                if version is not None:
                    await self._follow(version, self.agreement)
        await self.read_files_again()

    async def _follow(self, version: Version, agreement: Agreement) -> None:
        """Put a version in force as far as it can be without a restart; where it cannot, that is said."""
        try:
            loaded, new = self._agreed(self._written, version)
            texts = await self._texts(new)
        except (ConfigRefused, OSError) as refused:  # or a folder of this machine that cannot be read
            await agreement.cannot(version, str(refused))
            return
        if new != self.current:
            await self._apply(SYSTEM, loaded, new, texts)
        await agreement.has(version, new)

    def _agreed(self, written: LoadedConfig, version: Version) -> tuple[LoadedConfig, Config]:
        """What a version asks for on this machine, and what of it can be in force now. Raises ConfigRefused."""
        asked = with_shared(written.config, decode(version.shared))
        return msgspec.structs.replace(written, config=asked), in_force(self._started, asked, self._plugins)

    async def _texts(self, new: Config) -> Texts:
        await self._files.bring_in(configured.folders(new))
        return await self._files.texts(configured.folders(new))

    async def _apply(self, actor: Actor, loaded: LoadedConfig, new: Config, texts: Texts) -> Reloaded:
        result = Reloaded(_paths(self.current, new), _paths(new, loaded.config))
        await self._record(actor, loaded.digest, "applied", msgspec.json.encode(result))
        await self._prices.load(new)
        self._replace(new, texts)
        self._loaded = msgspec.structs.replace(loaded, config=new)
        self._waiting = result.needs_restart
        self._log.info("configuration.applied", applied=list(result.applied), needs_restart=list(result.needs_restart))
        self._level.set(new.log.level)  # after that line, which the new level may not let through
        await self._say_unheeded()
        return result

    async def read_files_again(self) -> None:
        """Put changed instruction files in force, and nothing else. Raises ConfigRefused, Retry."""
        async with self._one:
            self._replace(self.current, await self._files.texts(configured.folders(self.current)))

    async def unheeded(self) -> Sequence[InstructionFile]:
        """Instruction files that somebody has written on this machine, where that puts nothing in force."""
        return await self._files.unheeded(configured.folders(self.current))

    async def _say_unheeded(self) -> None:
        try:
            found = await self.unheeded()
        except Retry as error:
            self._log.warning("instructions.not_compared", reason=str(error))
            return
        for file in found:
            self._log.warning("instructions.unheeded", assistant=file.assistant, file=str(file.path))

    def _replace(self, config: Config, texts: Texts) -> None:
        self._directory.replace(
            configured.assistants(config, texts, self._plugins),
            configured.connections(config),
            configured.limits(config),
            configured.embeddings(config),
        )

    async def _record(self, actor: Actor, digest: str, outcome: str, content: bytes) -> None:
        record = self._auditor.record(
            "change.configuration", actor, Subject(resource=digest), outcome=outcome, content=content
        )
        await self._store.commit(operation("configuration", record))

    async def _end_with(self, life: Life) -> None:
        await life.stopping.wait()
        self._asked.set()


def in_force(started: Config, new: Config, plugins: Sequence[Plugin] = ()) -> Config:
    """`new`, with everything that a process keeps from its start as it was in `started`.

    Connections neither come nor go, and keep what their channel was built with; `plugins` are those that run. Raises
    ConfigRefusals when the two do not go together, such as an assistant on a provider that does not run yet.
    """
    mixed = msgspec.structs.replace(
        new,
        data_dir=started.data_dir,
        database=started.database,
        server=started.server,
        log=msgspec.structs.replace(new.log, format=started.log.format),
        providers=started.providers,
        tools=started.tools,
        hooks=started.hooks,
        connections={name: _kept(old, new.connections.get(name, old)) for name, old in started.connections.items()},
    )
    problems = [
        ConfigRefused(problem.field, f"{problem.reason} in the running process", "Restart to use it")
        for problem in check_config(mixed, lambda kind: [one.name for one in plugins if one.kind == kind], "")
    ]
    if problems:
        raise ConfigRefusals(problems)
    return mixed


def _kept(old: ConnectionConfig, new: ConnectionConfig) -> ConnectionConfig:
    return msgspec.structs.replace(new, channel=old.channel, streaming=old.streaming, options=old.options)


def _paths(before: Config, after: Config) -> tuple[str, ...]:
    live, restart = diff_reload(before, after)
    return tuple(sorted((*live, *restart)))
