"""Wiring: builds everything once, in this order, and starts it in the order that the list in `run` shows.

Whatever is dear to import (a channel, a provider's engine) is imported here when it is configured, not before.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.typing import FilteringBoundLogger

from quarterdeck import __version__
from quarterdeck.actions.configuration import Configuration
from quarterdeck.actions.connections import Connections, load_pauses
from quarterdeck.actions.forks import Forks
from quarterdeck.actions.mind import Mind
from quarterdeck.actions.prices import Prices
from quarterdeck.actions.resets import DueReset
from quarterdeck.actions.restart import Restart
from quarterdeck.actions.sessions import SessionCommands
from quarterdeck.actions.signin import Signin
from quarterdeck.actions.tokens import Tokens
from quarterdeck.actions.verification import Verification
from quarterdeck.actions.workspaces import Workspaces
from quarterdeck.base import crash
from quarterdeck.base.clock import Clock, SharedClock
from quarterdeck.base.config import LoadedConfig, load_config
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import StoreFailed
from quarterdeck.base.ids import IdSource
from quarterdeck.base.secrets import SecretReader
from quarterdeck.base.settings import Config
from quarterdeck.base.supervise import Life, Service
from quarterdeck.documents.reader import Reader
from quarterdeck.flow import configured
from quarterdeck.flow.commands import Commands
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.history import History
from quarterdeck.flow.indexing import Indexer
from quarterdeck.flow.intake import Intake
from quarterdeck.flow.lanes import Lanes
from quarterdeck.flow.live import Live
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.posting import Posting
from quarterdeck.flow.sending import RoomNames, Sending
from quarterdeck.flow.services import Services
from quarterdeck.flow.turn import Turns
from quarterdeck.flow.watch.watcher import Watcher
from quarterdeck.governance.audit import Auditor
from quarterdeck.governance.checkpoint import check_key, create_key, keep_public, load_key, read_key
from quarterdeck.governance.gate import Gate
from quarterdeck.governance.pricebook import PriceBook
from quarterdeck.governance.sealer import Sealer
from quarterdeck.model.plugin import Plugin
from quarterdeck.net.client import Client
from quarterdeck.observe.log import Level, make_logger
from quarterdeck.observe.metrics import Metrics
from quarterdeck.plugins.build import Plugins
from quarterdeck.plugins.find import installed
from quarterdeck.ports import Provider, Tool
from quarterdeck.store import audit
from quarterdeck.store.blobs import Blobs
from quarterdeck.store.database import Store
from quarterdeck.store.datadir import DataDir
from quarterdeck.store.instructions import InstructionFiles
from quarterdeck.store.opening import WAIT_S, copying, open_blobs, open_instructions, open_store
from quarterdeck.store.processes import ROLES
from quarterdeck.store.server_time import set_clock
from quarterdeck.wiring.builtin import Builder
from quarterdeck.wiring.sharing import Sharing, Work, clock_of, share
from quarterdeck.wiring.tracing import traced
from quarterdeck.wiring.watching import watching

VERSION = __version__
HISTORY_BYTES = 16 * 1024 * 1024
DRAIN_SECONDS = 25.0


@dataclass(frozen=True)
class Gateway:
    """Everything that runs, for whoever shows or changes it."""

    loaded: LoadedConfig
    data: DataDir
    directory: Directory
    store: Store
    shared: Sharing
    intake: Intake
    live: Live
    lanes: Lanes
    outbox: Outbox
    sending: Sending
    auditor: Auditor
    gate: Gate
    blobs: Blobs
    sealer: Sealer
    watcher: Watcher
    indexer: Indexer
    forks: Forks
    client: Client
    clock: Clock
    new_id: Callable[[str], str]
    metrics: Metrics
    level: Level
    log: FilteringBoundLogger
    crash: CrashPoints
    services: tuple[Service, ...]
    early: tuple[Service, ...]
    plugins: tuple[Plugin, ...]
    secrets: SecretReader
    configuration: Configuration
    connections: Connections
    workspaces: Workspaces
    prices: Prices
    tokens: Tokens
    signin: Signin
    restart: Restart
    verification: Verification
    started_at: float

    def unready(self) -> list[str]:
        """Why nothing can be asked of it yet, or any more; empty when it can."""
        closed = [] if self.intake.open else ["intake is closed"]
        return [*closed, self.watcher.trouble] if self.watcher.trouble else closed


async def build(
    loaded: LoadedConfig,
    environ: Mapping[str, str],
    stack: AsyncExitStack,
    *,
    channels: bool = True,
    only: str = "",
    roles: tuple[str, ...] = ROLES,
) -> Gateway:
    """Open the data directory and build all parts; `stack` closes them. Nothing runs yet.

    Without `channels` no connection's secret is needed, with `only` just that one's; what is to be sent waits.
    """
    config, clock, plugins = loaded.config, clock_of(loaded.config.database), Plugins(loaded.config)
    new_id, points, failed = IdSource(clock), crash.from_environment(environ), asyncio.Event()
    log = make_logger(level := Level(config.log.level), config.log.format)
    data, store, blobs, files, applied = await _opened(config, points, failed, clock, log, stack)
    shared = share(config.database, data, store, VERSION, roles, clock, new_id, log)
    client, auditor = _client(stack), Auditor(clock, new_id)
    secrets, metrics, live, peers = SecretReader(environ, clock), Metrics(), shared.live(), shared.peers
    gate = Gate(clock, new_id, auditor, PriceBook(), shared.standing)
    builder = Builder(
        config, client, secrets, clock, log, stack, plugins, blobs, [Service(name="store", run=partial(_watch, failed))]
    )
    providers = {name: await builder.provider(name, one) for name, one in config.providers.items()}
    rooms, tools = RoomNames(store), dict[str, Tool]()
    directory = await _directory(config, plugins.found, providers, tools, files)
    hooks = await builder.hooks(auditor, new_id, metrics, up=channels)
    sending = Sending(directory, gate, auditor, rooms, clock, new_id, log, hooks)
    tracing = traced(builder, environ, metrics, VERSION) if channels else None
    outbox = Outbox(store, directory, gate, sending, live, clock, points, metrics, log, peers, tracing)
    tools.update(await builder.tools(Posting(store, directory, sending, outbox)))
    services = Services(
        store, directory, gate, auditor, sending, outbox, rooms, History(store, HISTORY_BYTES), blobs, Reader(),
        live, clock, new_id, points, metrics, log, peers, tracing,
    )  # fmt: skip
    lanes = Lanes(store, Turns(services), directory, log, peers)
    shared.connect(work := Work(store, directory, gate, sending, outbox, lanes, live, clock, log))
    commands, timed = _commands(store, directory, auditor, clock, new_id), DueReset(store, auditor).table()
    hints = shared.hints(lanes, live, sending)
    intake = Intake(store, directory, auditor, sending, outbox, hints, commands, timed, clock, new_id, points)
    if channels:
        await _attach(config, builder, directory, stack, only)
    sealer = Sealer(store, await _audit_key(config, secrets, data, store), clock, points, log)
    read = partial(load_config, loaded.path, environ, cwd=Path.cwd(), plugins=installed, ollama=loaded.ollama)
    prices = Prices(config, gate.prices, data.prices, log)
    configuration = Configuration(loaded, read, directory, prices, level, store, auditor, log, files, plugins.found)
    work.read_again, configuration.agreement = configuration.read_again, shared.agreement(store, auditor, clock, log)
    await load_pauses(store, directory)
    watcher = await watching(builder, work, shared, new_id, metrics, up=channels)
    log.info("built", data_dir=str(data.root), migrations=applied, digest=loaded.digest)
    return Gateway(
        loaded, data, directory, store, shared, intake, live, lanes, outbox, sending, auditor, gate, blobs, sealer,
        watcher, Indexer(store, clock, metrics, log), Forks(store, auditor, live, clock, new_id, lanes.wake, log),
        client, clock, new_id, metrics, level, log, points, tuple(builder.services), tuple(builder.early),
        plugins.found, secrets, configuration, Connections(store, directory, auditor, outbox, clock, peers),
        Workspaces(configuration, directory, store, auditor, blobs, files, clock, new_id, peers), prices,
        Tokens(store, auditor, clock, new_id), Signin(store, auditor, clock), Restart(read, store, auditor),
        Verification(store, auditor, data, clock, copying(config.database)), clock.now(),
    )  # fmt: skip


async def _opened(
    config: Config,
    points: CrashPoints,
    failed: asyncio.Event,
    clock: Clock,
    log: FilteringBoundLogger,
    stack: AsyncExitStack,
) -> tuple[DataDir, Store, Blobs, InstructionFiles, list[str]]:
    """The data directory, the database, where bytes and instruction files are kept, and the migrations that this took.

    `failed` hears of a commit without a fate; `clock` is set, where others have it, too.
    """
    data = _hold(config, stack)

    def waiting(reason: str) -> None:
        log.warning("store.awaited", reason=reason, seconds=WAIT_S)

    store, applied = await open_store(config.database, data, points, lambda error: failed.set(), waiting)
    stack.push_async_callback(store.close)
    if isinstance(clock, SharedClock):
        await set_clock(clock, store)
    blobs = await open_blobs(config.database, data, store, points)
    return data, store, blobs, open_instructions(config.database, store), applied


async def _attach(config: Config, builder: Builder, directory: Directory, stack: AsyncExitStack, only: str) -> None:
    """Build the channel of every connection, or of one."""
    for name, connection in config.connections.items():
        if only not in ("", name):
            continue
        channel = await builder.channel(name, connection)
        stack.push_async_callback(channel.close)
        directory.attach(name, channel)


def _client(stack: AsyncExitStack) -> Client:
    """The one outgoing client."""
    client = Client(user_agent=f"quarterdeck/{VERSION}")
    stack.push_async_callback(client.close)
    return client


def _hold(config: Config, stack: AsyncExitStack) -> DataDir:
    """The data directory, until `stack` is closed. Raises Locked."""
    data = DataDir(Path(config.data_dir))
    data.hold()
    stack.callback(data.release)
    return data


async def _directory(
    config: Config,
    plugins: Sequence[Plugin],
    providers: Mapping[str, Provider],
    tools: Mapping[str, Tool],
    files: InstructionFiles,
) -> Directory:
    """Who and what is configured; `tools` is filled when the parts that they need are there."""
    await files.bring_in(configured.folders(config))
    return Directory(
        configured.assistants(config, await files.texts(configured.folders(config)), plugins),
        configured.connections(config),
        providers,
        tools,
        configured.limits(config),
        {name: one.max_retries for name, one in config.providers.items()},
        configured.embeddings(config),
    )


def _commands(
    store: Store, directory: Directory, auditor: Auditor, clock: Clock, new_id: Callable[[str], str]
) -> Commands:
    """The chat commands: name -> use case."""
    return {
        **SessionCommands(store, directory, auditor, clock).table(),
        **Mind(store, auditor, clock, new_id).table(),
    }


async def _audit_key(config: Config, secrets: SecretReader, data: DataDir, store: Store) -> Ed25519PrivateKey:
    """The key that seals the record. A new one only for a new record: a lost key is not replaced silently."""
    last = await audit.checkpoint(store)
    if config.audit.key is not None:
        pem = (await secrets.read(config.audit.key, "audit.key")).reveal()
        key = read_key(pem.encode(), "audit.key", "Put an Ed25519 key in PEM there.")
        keep_public(data.audit_key, key)
    elif last is None and not data.audit_key.exists():
        return create_key(data.audit_key)
    else:
        key = load_key(data.audit_key)
    if last is not None:
        check_key(last.note, key, "audit.key")
    return key


async def _watch(failed: asyncio.Event, life: Life) -> None:
    """A commit whose fate is unknown ends the process, whoever was waiting for it."""

    async def watch() -> None:
        await failed.wait()
        raise StoreFailed("a commit failed and its fate is unknown; the next start recovers")

    life.spawn("watch", watch())
    life.ready()
    await life.stopping.wait()
