"""Wiring: builds everything once, in this order, and starts it in the order that the list in `run` shows.

Whatever is dear to import (a channel, a provider's engine) is imported here when it is configured, not before.
"""

import asyncio
import importlib.metadata
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

from quarterdeck.actions.sessions import SessionCommands
from quarterdeck.api.server import HttpServer, bind
from quarterdeck.base import crash
from quarterdeck.base.clock import Clock, SystemClock
from quarterdeck.base.config import LoadedConfig
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.decode import decode_settings
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.ids import IdSource
from quarterdeck.base.secrets import Secret, SecretReader
from quarterdeck.base.settings import AssistantConfig, Config, ConnectionConfig, ProviderConfig
from quarterdeck.base.supervise import EventLog, Life, Service, Supervisor
from quarterdeck.flow.directory import ConnectionRules, Directory, Limits
from quarterdeck.flow.history import History
from quarterdeck.flow.intake import Hints, Intake
from quarterdeck.flow.lanes import Lanes
from quarterdeck.flow.live import Live
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.posting import Posting
from quarterdeck.flow.recovery import recover
from quarterdeck.flow.sending import RoomNames, Sending
from quarterdeck.flow.services import Services
from quarterdeck.flow.turn import Turns
from quarterdeck.governance.audit import SYSTEM, Auditor, Subject
from quarterdeck.governance.checkpoint import create_key, load_key
from quarterdeck.governance.gate import Gate
from quarterdeck.governance.sealer import Sealer
from quarterdeck.model.assistant import WORKSPACE_FILES, Assistant
from quarterdeck.net.client import Client
from quarterdeck.observe.log import Level, make_logger
from quarterdeck.observe.metrics import Metrics
from quarterdeck.ports import Channel, ModelProfile, Provider, Tool
from quarterdeck.store.blobs import Blobs
from quarterdeck.store.datadir import DataDir, Runtime
from quarterdeck.store.migrate import migrate
from quarterdeck.store.operations import operation
from quarterdeck.store.sqlite import SqliteStore

VERSION = importlib.metadata.version("quarterdeck")
ROW_CONNECTIONS = ("web", "api", "terminal")
HISTORY_BYTES = 16 * 1024 * 1024
DRAIN_SECONDS = 25.0
MAX_FILE = 256 * 1024  # of a workspace's instruction file


@dataclass(frozen=True)
class Gateway:
    """Everything that runs, for whoever shows or changes it."""

    loaded: LoadedConfig
    data: DataDir
    directory: Directory
    store: SqliteStore
    intake: Intake
    live: Live
    lanes: Lanes
    outbox: Outbox
    sending: Sending
    auditor: Auditor
    gate: Gate
    blobs: Blobs
    sealer: Sealer
    client: Client
    clock: Clock
    new_id: Callable[[str], str]
    metrics: Metrics
    level: Level
    log: FilteringBoundLogger
    crash: CrashPoints
    started_at: float


async def build(loaded: LoadedConfig, environ: Mapping[str, str], stack: AsyncExitStack) -> Gateway:
    """Open the data directory and build all parts; `stack` closes them. Nothing runs yet."""
    config, clock = loaded.config, SystemClock()
    new_id, points = IdSource(clock), crash.from_environment(environ)
    level = Level(config.log.level)
    log = make_logger(level, config.log.format)
    data = DataDir(Path(config.data_dir))
    data.hold()
    stack.callback(data.release)
    applied = migrate(data.database)
    failed = asyncio.Event()
    store = SqliteStore(data.database, points, lambda error: failed.set())
    stack.push_async_callback(store.close)
    client = Client(user_agent=f"quarterdeck/{VERSION}")
    stack.push_async_callback(client.close)
    secrets, metrics, live = SecretReader(environ, clock), Metrics(), Live()
    auditor = Auditor(clock, new_id)
    gate = Gate(clock, new_id, auditor)
    blobs = Blobs(data.blobs, clock, points)
    providers = {n: await _provider(n, p, config, client, secrets, clock, stack) for n, p in config.providers.items()}
    tools: dict[str, Tool] = {}
    directory = Directory(_assistants(config), _connections(config), providers, tools, _limits(config))
    rooms = RoomNames(store)
    sending = Sending(directory, gate, auditor, rooms, clock, new_id)
    outbox = Outbox(store, directory, gate, sending, live, clock, points, metrics, log)
    tools.update(_tools(config, clock, client, Posting(store, directory, sending, outbox)))
    history = History(store, HISTORY_BYTES)
    turns = Turns(
        Services(
            store, directory, gate, auditor, sending, outbox, rooms, history, blobs, live, clock, new_id,
            points, metrics, log,
        )
    )  # fmt: skip
    lanes = Lanes(store, turns, directory, log)
    commands = SessionCommands(store, directory, auditor, clock).table()
    hints = Hints(lanes.wake, lanes.cut, live.committed, lanes.idle)
    intake = Intake(store, directory, auditor, sending, outbox, hints, commands, clock, new_id, points)
    for name, connection in config.connections.items():
        channel = await _channel(name, connection, client, secrets, clock, log)
        stack.push_async_callback(channel.close)
        directory.attach(name, channel)
    key = load_key(data.audit_key) if data.audit_key.exists() else create_key(data.audit_key)
    sealer = Sealer(store, key, clock, points, log)
    log.info("built", data_dir=str(data.root), migrations=applied, digest=loaded.digest)
    return Gateway(
        loaded, data, directory, store, intake, live, lanes, outbox, sending, auditor, gate, blobs, sealer,
        client, clock, new_id, metrics, level, log, points, clock.now(),
    )  # fmt: skip


async def run(gateway: Gateway, stack: AsyncExitStack, announce: Callable[[Gateway, str], None]) -> None:
    """Start all services in order, serve until SIGTERM or SIGINT, drain in reverse. A second signal ends at once."""
    g, server = gateway, gateway.loaded.config.server
    listening = bind(server.host, server.port)
    stack.callback(listening.close)
    url = server.public_url or f"http://{_host(server.host)}:{listening.getsockname()[1]}"
    await _record_start(g)
    await recover(g.store, g.directory, g.gate, g.outbox, g.log)
    async with Supervisor(g.log, g.clock) as supervisor:
        _signals(g, supervisor)
        await supervisor.start(Service(name="audit", run=g.sealer.run))
        await supervisor.start(Service(name="outbox", run=g.outbox.run, stop_seconds=10.0))
        await supervisor.start(Service(name="http", run=HttpServer(_app(g, url), listening).run, stop_seconds=8.0))
        await supervisor.start(Service(name="lanes", run=g.lanes.run, stop_seconds=DRAIN_SECONDS, max_tasks=5000))
        g.intake.open = True
        for name, channel in g.directory.channels().items():
            service = Service(name=f"channel.{name}", run=_receiving(channel, g.intake), restart="backoff", stop_seconds=2.0)
            await supervisor.start(service)
        g.data.write_runtime(Runtime(os.getpid(), VERSION, url, g.started_at))
        stack.callback(g.data.runtime.unlink, True)
        announce(g, url)
        await supervisor.wait()
        g.crash.reach("drain.begun")
        g.intake.open = False
        g.log.info("draining", turns=g.lanes.running)


def _receiving(channel: Channel, intake: Intake) -> Callable[[Life], Awaitable[None]]:
    """A connection's receiving as a service: it ends by cancellation when the service is told to stop."""

    async def receive(life: Life) -> None:
        life.ready()
        try:
            async with asyncio.timeout(None) as scope:
                life.spawn("stop", _end_with(life, scope))
                await channel.receive(intake)
        except TimeoutError:
            return

    return receive


async def _end_with(life: Life, scope: asyncio.Timeout) -> None:
    await life.stopping.wait()
    scope.reschedule(asyncio.get_running_loop().time())


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


async def _record_start(g: Gateway) -> None:
    """The configuration in force, on record before anything happens under it."""
    about = Subject(resource=g.loaded.digest)
    await g.store.commit(operation("start", g.auditor.record("config.start", SYSTEM, about, outcome=VERSION)))


def _host(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104  compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


# --- from the configuration to values -------------------------------------------------------------------------


def _limits(config: Config) -> Limits:
    limits = config.limits
    return Limits(
        concurrent_turns=limits.concurrent_turns,
        queue_per_session=limits.queue_per_session,
        message_ttl_seconds=limits.message_ttl_seconds,
        late_after_seconds=limits.late_after_seconds,
        unknown=config.delivery.unknown,
    )


def _assistants(config: Config) -> dict[str, Assistant]:
    return {name: _assistant(name, one, config) for name, one in config.assistants.items()}


def _assistant(name: str, one: AssistantConfig, config: Config) -> Assistant:
    return Assistant(
        id=name,
        model=one.model,
        fallback=one.fallback,
        queue=one.queue,
        debounce_ms=one.debounce_ms,
        tools=tuple(tool for tool in one.tools if tool != "http_post" or "http_post" in config.tools),
        max_steps=config.limits.turn_steps,
        turn_seconds=config.limits.turn_seconds,
        files=tuple((file, _read(Path(one.workspace) / file)) for file in WORKSPACE_FILES),
    )


def _read(file: Path) -> str:
    """A workspace file's text, empty when there is none. Raises ConfigRefused for one that is too large."""
    if not file.is_file():
        return ""
    if file.stat().st_size > MAX_FILE:
        raise ConfigRefused(str(file), f"is larger than {MAX_FILE} bytes", "Shorten it.")
    return file.read_text("utf-8", "replace")


def _connections(config: Config) -> dict[str, ConnectionRules]:
    rows = {name: ConnectionRules(name, name, "default") for name in ROW_CONNECTIONS}
    wired = {
        name: ConnectionRules(
            name, one.channel, one.assistant, one.dm_policy, one.allow, streaming=one.streaming != "off"
        )
        for name, one in config.connections.items()
    }
    return rows | wired


# --- what is built in; imported when it is configured ---------------------------------------------------------


async def _provider(
    name: str,
    one: ProviderConfig,
    config: Config,
    client: Client,
    secrets: SecretReader,
    clock: Clock,
    stack: AsyncExitStack,
) -> Provider:
    if one.kind == "scripted":
        from quarterdeck.providers.scripted.provider import ScriptedProvider

        provider: Provider = ScriptedProvider(name)
    elif one.kind == "local":
        provider = _demo(name, config, client, clock, stack)
    else:
        from quarterdeck.providers.openai_compatible.adapter import configured

        provider = configured(name, one, client=client, secrets=secrets, clock=clock)
    stack.push_async_callback(provider.close)
    return provider


def _demo(name: str, config: Config, client: Client, clock: Clock, stack: AsyncExitStack) -> Provider:
    """The demo model: the OpenAI-compatible wire, spoken to our own child process.

    The engine hangs up after every stream, whatever its headers say, so no connection is kept.
    """
    from quarterdeck.providers.local.demo import DEMO_LABEL, LIMITS, SYSTEM_PROMPT
    from quarterdeck.providers.local.engine import LocalEngine
    from quarterdeck.providers.openai_compatible.adapter import Endpoint, OpenAICompatible
    from quarterdeck.providers.openai_compatible.wire import Dialect

    engine = LocalEngine(Path(config.data_dir))
    stack.push_async_callback(engine.close)

    async def endpoint() -> Endpoint:
        found = await engine.endpoint()
        return Endpoint(found.base_url, Secret(found.key))

    profile = ModelProfile(
        label=DEMO_LABEL,
        tools=False,
        system=SYSTEM_PROMPT,
        history_messages=LIMITS.history,
        max_tokens=LIMITS.max_tokens,
    )
    dialect = Dialect("max_tokens", LIMITS.temperature)
    headers = {"Connection": "close"}
    return OpenAICompatible(name, client, endpoint, clock, profile=profile, dialect=dialect, headers=headers)


async def _channel(
    name: str, one: ConnectionConfig, client: Client, secrets: SecretReader, clock: Clock, log: EventLog
) -> Channel:
    path = f"connections.{name}"
    if one.channel == "telegram":
        from quarterdeck.channels.telegram.adapter import TelegramChannel
        from quarterdeck.channels.telegram.settings import TelegramSettings

        telegram = decode_settings(one.options, TelegramSettings, path)
        token = await secrets.read(telegram.token, f"{path}.token")
        return TelegramChannel(name, telegram, token, client, clock, log, streaming=one.streaming)
    from quarterdeck.channels.loopback.adapter import LoopbackChannel
    from quarterdeck.channels.loopback.settings import LoopbackSettings

    loopback = decode_settings(one.options, LoopbackSettings, path)
    return LoopbackChannel(name, loopback, await secrets.read(loopback.token, f"{path}.token"), client, clock, log)


def _tools(config: Config, clock: Clock, client: Client, posting: Posting) -> dict[str, Tool]:
    from quarterdeck.tools.clock.tool import TimeTool
    from quarterdeck.tools.rooms.tool import SendMessageTool

    tools: dict[str, Tool] = {"time": TimeTool(clock), "send_message": SendMessageTool(posting.post)}
    if (table := config.tools.get("http_post")) is not None:
        from quarterdeck.tools.http_post.tool import HttpPostSettings, HttpPostTool

        tools["http_post"] = HttpPostTool(decode_settings(table, HttpPostSettings, "tools.http_post"), client)
    return tools


def _app(g: Gateway, url: str) -> ASGIApp:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    async def alive(request: Request) -> Response:
        return JSONResponse({"state": "alive"})

    async def ready(request: Request) -> Response:
        reasons = [] if g.intake.open else ["intake is closed"]
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 200 if not reasons else 503)

    return Starlette(routes=[Route("/healthz", alive), Route("/readyz", ready)])
