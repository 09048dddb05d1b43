"""Wiring: builds everything once, in this order, and starts it in the order that the list in `run` shows.

Whatever is dear to import (a channel, a provider's engine) is imported here when it is configured, not before.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.typing import FilteringBoundLogger

from quarterdeck import __version__
from quarterdeck.actions.configuration import Configuration
from quarterdeck.actions.connections import Connections, load_pauses
from quarterdeck.actions.deliveries import Deliveries
from quarterdeck.actions.embeddings import Embedder
from quarterdeck.actions.exports import Exports
from quarterdeck.actions.findings import Findings
from quarterdeck.actions.forks import Forks
from quarterdeck.actions.inbox import Inbox
from quarterdeck.actions.invitations import Inviting
from quarterdeck.actions.mind import Mind
from quarterdeck.actions.pairing import Pairings
from quarterdeck.actions.people import People
from quarterdeck.actions.prices import Prices
from quarterdeck.actions.probes import Probes
from quarterdeck.actions.resets import DueReset, Resets
from quarterdeck.actions.restart import Restart
from quarterdeck.actions.sessions import SessionCommands
from quarterdeck.actions.signin import Signin
from quarterdeck.actions.tokens import Tokens
from quarterdeck.actions.workspaces import Workspaces
from quarterdeck.api import app as doors_app
from quarterdeck.api.app import Application
from quarterdeck.api.control import server as control
from quarterdeck.api.control.parts import Parts
from quarterdeck.api.control.table import COMMANDS
from quarterdeck.api.doors import Doors
from quarterdeck.base import crash
from quarterdeck.base.clock import Clock, SystemClock
from quarterdeck.base.config import LoadedConfig, load_config
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import StoreFailed
from quarterdeck.base.ids import IdSource
from quarterdeck.base.secrets import SecretReader
from quarterdeck.base.settings import Config
from quarterdeck.base.supervise import Life, Service, Supervisor
from quarterdeck.documents.reader import Reader
from quarterdeck.flow import configured
from quarterdeck.flow.commands import Commands
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.hints import Hints
from quarterdeck.flow.history import History
from quarterdeck.flow.indexing import Indexer
from quarterdeck.flow.intake import Intake
from quarterdeck.flow.lanes import Lanes
from quarterdeck.flow.live import Live
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.posting import Posting
from quarterdeck.flow.recovery import recover
from quarterdeck.flow.sending import RoomNames, Sending
from quarterdeck.flow.services import Services
from quarterdeck.flow.timers import Timers
from quarterdeck.flow.turn import Turns
from quarterdeck.flow.watch.watcher import Watcher
from quarterdeck.governance.audit import SYSTEM, Auditor, Subject
from quarterdeck.governance.checkpoint import create_key, load_key
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
from quarterdeck.store.datadir import DataDir, Runtime
from quarterdeck.store.opening import open_store
from quarterdeck.store.operations import operation
from quarterdeck.web.console import table as console
from quarterdeck.wiring.builtin import Builder
from quarterdeck.wiring.receiving import receiving
from quarterdeck.wiring.setup import setting_up
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
    plugins: tuple[Plugin, ...]
    configuration: Configuration
    connections: Connections
    workspaces: Workspaces
    prices: Prices
    tokens: Tokens
    signin: Signin
    restart: Restart
    started_at: float

    def unready(self) -> list[str]:
        """Why nothing can be asked of it yet, or any more; empty when it can."""
        closed = [] if self.intake.open else ["intake is closed"]
        return [*closed, self.watcher.trouble] if self.watcher.trouble else closed


async def build(
    loaded: LoadedConfig, environ: Mapping[str, str], stack: AsyncExitStack, *, channels: bool = True, only: str = ""
) -> Gateway:
    """Open the data directory and build all parts; `stack` closes them. Nothing runs yet.

    Without `channels` no connection's secret is needed, with `only` just that one's; what is to be sent waits.
    """
    config, clock, plugins = loaded.config, SystemClock(), Plugins(loaded.config)
    new_id, points, failed = IdSource(clock), crash.from_environment(environ), asyncio.Event()
    level = Level(config.log.level)
    log = make_logger(level, config.log.format)
    data = _hold(config, stack)
    store, applied = await open_store(config.database, data, points, lambda error: failed.set())
    stack.push_async_callback(store.close)
    client = Client(user_agent=f"quarterdeck/{VERSION}")
    stack.push_async_callback(client.close)
    secrets, metrics, live = SecretReader(environ, clock), Metrics(), Live()
    auditor = Auditor(clock, new_id)
    gate = Gate(clock, new_id, auditor, PriceBook())
    blobs = Blobs(data.blobs, clock, points)
    builder = Builder(
        config, client, secrets, clock, log, stack, plugins, blobs, [Service(name="store", run=partial(_watch, failed))]
    )
    providers = {name: await builder.provider(name, one) for name, one in config.providers.items()}
    tools: dict[str, Tool] = {}
    directory = _directory(config, plugins.found, providers, tools)
    rooms = RoomNames(store)
    hooks = await builder.hooks(auditor, new_id, metrics, up=channels)
    sending = Sending(directory, gate, auditor, rooms, clock, new_id, log, hooks)
    outbox = Outbox(store, directory, gate, sending, live, clock, points, metrics, log)
    tools.update(await builder.tools(Posting(store, directory, sending, outbox)))
    turns = Turns(
        Services(
            store, directory, gate, auditor, sending, outbox, rooms, History(store, HISTORY_BYTES), blobs, Reader(),
            live, clock, new_id, points, metrics, log,
        )
    )  # fmt: skip
    lanes = Lanes(store, turns, directory, log)
    commands, timed = _commands(store, directory, auditor, clock, new_id), DueReset(store, auditor).table()
    hints = Hints(lanes.wake, lanes.cut, live.committed, lanes.idle)
    intake = Intake(store, directory, auditor, sending, outbox, hints, commands, timed, clock, new_id, points)
    if channels:
        await _attach(config, builder, directory, stack, only)
    sealer = Sealer(store, await _audit_key(data, store), clock, points, log)
    read = partial(load_config, loaded.path, environ, cwd=Path.cwd(), plugins=installed)
    prices = Prices(config, gate.prices, data.prices, log)
    configuration = Configuration(loaded, read, directory, prices, level, store, auditor, log, plugins.found)
    await load_pauses(store, directory)
    watcher = await watching(builder, store, directory, sending, outbox, lanes, live, new_id, metrics, up=channels)
    log.info("built", data_dir=str(data.root), migrations=applied, digest=loaded.digest)
    return Gateway(
        loaded, data, directory, store, intake, live, lanes, outbox, sending, auditor, gate, blobs, sealer,
        watcher, Indexer(store, clock, metrics, log), Forks(store, auditor, live, clock, new_id, lanes.wake, log),
        client, clock, new_id, metrics, level, log, points, tuple(builder.services), plugins.found,
        configuration, Connections(store, directory, auditor, outbox, clock),
        Workspaces(configuration, directory, store, auditor, blobs, clock, new_id), prices,
        Tokens(store, auditor, clock, new_id), Signin(store, auditor, clock), Restart(read, store, auditor),
        clock.now(),
    )  # fmt: skip


async def _attach(config: Config, builder: Builder, directory: Directory, stack: AsyncExitStack, only: str) -> None:
    """Build the channel of every connection, or of one."""
    for name, connection in config.connections.items():
        if only not in ("", name):
            continue
        channel = await builder.channel(name, connection)
        stack.push_async_callback(channel.close)
        directory.attach(name, channel)


def _hold(config: Config, stack: AsyncExitStack) -> DataDir:
    """The data directory, until `stack` is closed. Raises Locked."""
    data = DataDir(Path(config.data_dir))
    data.hold()
    stack.callback(data.release)
    return data


async def run(gateway: Gateway, stack: AsyncExitStack, announce: Callable[[Gateway, str], Awaitable[None]]) -> None:
    """Start all services in order, serve until SIGTERM or SIGINT, drain in reverse. A second signal ends at once."""
    from quarterdeck.api.server import HttpServer, bind  # commands that work without a gateway serve nothing

    g, server = gateway, gateway.loaded.config.server
    listening = bind(server.host, server.port)
    stack.callback(listening.close)
    url = server.public_url or f"http://{_host(server.host)}:{listening.getsockname()[1]}"
    controlling = control.bind(g.data.control)
    stack.callback(g.data.control.unlink, True)
    stack.callback(controlling.close)
    await _record_start(g)
    await recover(g.store, g.directory, g.gate, g.outbox, g.log)
    async with Supervisor(g.log, g.clock) as supervisor:
        _signals(g, supervisor)
        await supervisor.start(Service(name="audit", run=g.sealer.run))
        if g.sending.hooks is not None:  # stops late: what ends before it is still told
            await supervisor.start(Service(name="hooks", run=g.sending.hooks.run, stop_seconds=5.0))
        await supervisor.start(Service(name="outbox", run=g.outbox.run, stop_seconds=10.0))
        await supervisor.start(Service(name="tokens", run=g.tokens.run))
        app = _app(g, url)
        http = HttpServer(app, listening, app.streams.close)
        await supervisor.start(Service(name="http", run=http.run, stop_seconds=8.0))
        await supervisor.start(Service(name="prices", run=g.prices.run))
        await supervisor.start(Service(name="lanes", run=g.lanes.run, stop_seconds=DRAIN_SECONDS, max_tasks=5000))
        await supervisor.start(Service(name="configuration", run=g.configuration.run))
        controller = control.ControlServer(controlling, control_parts(g, url), COMMANDS)
        await supervisor.start(Service(name="control", run=controller.run, max_tasks=control.MOST))
        await supervisor.start(Service(name="search", run=g.indexer.run))
        await supervisor.start(Service(name="forks", run=g.forks.run))
        for service in g.services:
            await supervisor.start(service)
        g.intake.open = True
        timers = Timers(g.store, g.directory, g.intake, g.clock, g.log)
        await supervisor.start(Service(name="timers", run=timers.run))  # before anybody can speak
        for service in receiving(g.directory, g.intake):
            await supervisor.start(service)
        g.data.write_runtime(Runtime(os.getpid(), VERSION, url, g.started_at))
        stack.callback(g.data.runtime.unlink, True)
        await announce(g, url)
        await supervisor.wait()
        g.crash.reach("drain.begun")
        g.intake.open = False
        g.log.info("draining", turns=g.lanes.running)


def control_parts(g: Gateway, url: str) -> Parts:
    """What control commands work with; an empty `url` says that no gateway runs."""
    return Parts(
        data=g.data,
        directory=g.directory,
        store=g.store,
        intake=g.intake,
        live=g.live,
        lanes=g.lanes,
        clock=g.clock,
        auditor=g.auditor,
        new_id=g.new_id,
        log=g.log,
        started_at=g.started_at,
        version=VERSION,
        url=url,
        ready=g.unready,
        configuration=g.configuration,
        connections=g.connections,
        deliveries=Deliveries(g.store, g.auditor, g.outbox, g.live, g.clock),
        inbox=Inbox(g.store, g.directory, g.auditor, g.clock, g.lanes.wake),
        inviting=Inviting(g.store, g.auditor, g.clock, g.new_id),
        pairings=Pairings(g.store, g.directory, g.auditor, g.sending, g.outbox, g.clock),
        probes=Probes(g.store, g.directory, g.gate, g.auditor, g.clock, g.log),
        mind=Mind(g.store, g.auditor, g.clock, g.new_id),
        people=People(g.store, g.directory, g.auditor, g.new_id),
        resets=Resets(g.store, g.auditor, g.lanes, g.live, g.clock),
        tokens=g.tokens,
        signin=g.signin,
        indexer=g.indexer,
        exports=Exports(g.store, g.auditor, g.clock),
        findings=Findings(g.store, g.directory),
        forks=g.forks,
        plugins=g.plugins,
    )


def _directory(
    config: Config, plugins: Sequence[Plugin], providers: Mapping[str, Provider], tools: Mapping[str, Tool]
) -> Directory:
    """Who and what is configured; `tools` is filled when the parts that they need are there."""
    return Directory(
        configured.assistants(config, plugins),
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


async def _audit_key(data: DataDir, store: Store) -> Ed25519PrivateKey:
    """The key that seals the record. A new one only for a new record: a lost key is not replaced silently."""
    if data.audit_key.exists() or await audit.checkpoint(store) is not None:
        return load_key(data.audit_key)
    return create_key(data.audit_key)


async def _watch(failed: asyncio.Event, life: Life) -> None:
    """A commit whose fate is unknown ends the process, whoever was waiting for it."""

    async def watch() -> None:
        await failed.wait()
        raise StoreFailed("a commit failed and its fate is unknown; the next start recovers")

    life.spawn("watch", watch())
    life.ready()
    await life.stopping.wait()


def _signals(gateway: Gateway, supervisor: Supervisor) -> None:
    """The first SIGTERM or SIGINT drains, the second ends the process at once (recovery is made for that)."""
    loop = asyncio.get_running_loop()
    seen: list[int] = []

    def stop(number: int) -> None:
        if seen:
            os._exit(1)
        seen.append(number)
        supervisor.request_stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    loop.add_signal_handler(signal.SIGHUP, gateway.configuration.request)


async def _record_start(g: Gateway) -> None:
    """The configuration in force, on record before anything happens under it."""
    record = g.auditor.record("config.start", SYSTEM, Subject(resource=g.loaded.digest), outcome=VERSION)
    for one in g.plugins:
        about = Subject(resource=f"{one.kind}/{one.name}")
        record += g.auditor.record("config.plugin", SYSTEM, about, outcome=one.source)
    await g.store.commit(operation("start", record))


def _host(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104  compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _app(g: Gateway, url: str) -> Application:
    """The doors, and the pages beside them."""
    probes = Probes(g.store, g.directory, g.gate, g.auditor, g.clock, g.log)
    setup = setting_up(g.loaded, g.configuration, probes, g.store, g.auditor, g.clock, g.log)
    return doors_app.build(
        Doors(
            config=g.loaded.config, directory=g.directory, store=g.store, intake=g.intake, live=g.live, lanes=g.lanes,
            outbox=g.outbox, sending=g.sending, auditor=g.auditor, blobs=g.blobs, clock=g.clock, new_id=g.new_id,
            metrics=g.metrics, log=g.log, crash=g.crash, started_at=g.started_at, tokens=g.tokens, signin=g.signin,
            embedder=Embedder(
                g.store, g.directory, g.gate, g.auditor, g.clock, g.crash, g.metrics, g.log, g.sending.hooks
            ),
            forks=g.forks, connections=g.connections, workspaces=g.workspaces,
            ready=g.unready, public_url=url, version=VERSION,
            web_routes=console.routes(g, setup, url, VERSION),
        )
    )  # fmt: skip
