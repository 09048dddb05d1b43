"""Running: what a gateway starts, in the order that `run` shows, and stops in reverse."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from quarterdeck.actions.deliveries import Deliveries
from quarterdeck.actions.doctor import Doctor
from quarterdeck.actions.embeddings import Embedder
from quarterdeck.actions.exports import Exports
from quarterdeck.actions.findings import Findings
from quarterdeck.actions.inbox import Inbox
from quarterdeck.actions.invitations import Inviting
from quarterdeck.actions.mind import Mind
from quarterdeck.actions.pairing import Pairings
from quarterdeck.actions.people import People
from quarterdeck.actions.probes import Probes
from quarterdeck.actions.resets import Resets
from quarterdeck.api import app as doors_app
from quarterdeck.api.app import Application
from quarterdeck.api.control import server as control
from quarterdeck.api.control.parts import Parts
from quarterdeck.api.control.table import COMMANDS
from quarterdeck.api.doors import Doors
from quarterdeck.base.supervise import Service, Supervisor
from quarterdeck.flow.peers import Run
from quarterdeck.flow.recovery import recover
from quarterdeck.flow.timers import Timers
from quarterdeck.governance.audit import SYSTEM, Subject
from quarterdeck.store.datadir import Runtime
from quarterdeck.store.operations import operation
from quarterdeck.store.processes import GATEWAY, SCHEDULER, WORKER
from quarterdeck.web.console import table as console
from quarterdeck.wiring import DRAIN_SECONDS, VERSION, Gateway
from quarterdeck.wiring.receiving import receiving
from quarterdeck.wiring.setup import adding_bots, setting_up

WATCHING = ("watch", "alerts")  # services that look after all processes


async def run(
    gateway: Gateway,
    stack: AsyncExitStack,
    announce: Callable[[Gateway, str], Awaitable[None]],
    leaving: Callable[[Gateway], None],
) -> None:
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
    async with Supervisor(g.log, g.clock) as supervisor:
        _signals(g, supervisor)
        await begin(g, supervisor)
        if SCHEDULER in g.shared.roles:
            await supervisor.start(Service(name="audit", run=_alone(g, "audit", g.sealer.run)))
        for service in g.early:  # they stop late: what ends before them is still told
            await supervisor.start(service)
        await supervisor.start(Service(name="outbox", run=g.outbox.run, stop_seconds=10.0))
        await supervisor.start(Service(name="tokens", run=g.tokens.run))
        app = application(g, url)
        http = HttpServer(app, listening, app.streams.close)
        await supervisor.start(Service(name="http", run=http.run, stop_seconds=8.0))
        await supervisor.start(Service(name="prices", run=g.prices.run))
        if WORKER in g.shared.roles:
            await supervisor.start(Service(name="lanes", run=g.lanes.run, stop_seconds=DRAIN_SECONDS, max_tasks=5000))
        await supervisor.start(Service(name="configuration", run=g.configuration.run))
        controller = control.ControlServer(controlling, control_parts(g, url), COMMANDS)
        await supervisor.start(Service(name="control", run=controller.run, max_tasks=control.MOST))
        for service in _scheduled(g):
            await supervisor.start(service)
        for service in g.services:
            if service.name not in WATCHING:
                await supervisor.start(service)
        await _open(g, supervisor)
        g.data.write_runtime(Runtime(os.getpid(), VERSION, url, g.started_at))
        stack.callback(g.data.runtime.unlink, True)
        await announce(g, url)
        await supervisor.wait()
        g.crash.reach("drain.begun")
        g.intake.open = False
        g.log.info("draining", turns=g.lanes.running)
        leaving(g)
        if g.shared.together is not None:
            await g.shared.together.drain()


def _scheduled(g: Gateway) -> Sequence[Service]:
    """What one process does for all."""
    if SCHEDULER not in g.shared.roles:
        return ()
    return [
        Service(name="search", run=_alone(g, "search", g.indexer.run)),
        Service(name="forks", run=_alone(g, "forks", g.forks.run)),
        *(replace(one, run=_alone(g, one.name, one.run)) for one in g.services if one.name in WATCHING),
    ]


def _alone(g: Gateway, name: str, run: Run) -> Run:
    """`run` in one process at a time."""
    return g.shared.peers.holding(name, run)


async def _open(g: Gateway, supervisor: Supervisor) -> None:
    """Let people in: timers before anybody can speak, then every connection."""
    g.intake.open = True  # what comes over HTTP is taken in by every process, whatever else it does
    if SCHEDULER in g.shared.roles:
        timers = Timers(g.store, g.directory, g.intake, g.clock, g.log)
        await supervisor.start(Service(name="timers", run=_alone(g, "timers", timers.run)))
    if GATEWAY not in g.shared.roles:
        return
    for service in receiving(g.directory, g.intake, g.shared.peers):
        await supervisor.start(service)


async def begin(g: Gateway, supervisor: Supervisor) -> None:
    """Be one of the processes of the database; alone on it, first give an outcome to what the last one had begun."""
    if await join(g, supervisor):
        await g.configuration.agree()
    else:
        await recover(g.store, g.directory, g.gate, g.outbox, g.log)


async def join(g: Gateway, supervisor: Supervisor) -> bool:
    """Say to the other processes of the database that this one lives; False where there can be no others."""
    if g.shared.together is not None:
        await supervisor.start(Service(name="processes", run=g.shared.together.run))
    return g.shared.together is not None


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


def application(g: Gateway, url: str) -> Application:
    """The doors, and the pages beside them."""
    probes = Probes(g.store, g.directory, g.gate, g.auditor, g.clock, g.log)
    setup = setting_up(g.loaded, g.configuration, probes, g.store, g.auditor, g.clock, g.log)
    inviting = Inviting(g.store, g.auditor, g.clock, g.new_id)
    bots = adding_bots(g.loaded, g.configuration, inviting, g.store, g.auditor, g.clock)
    findings = Findings(g.store, g.directory)
    doctor = Doctor(g.data, g.store, g.directory, g.connections, findings, g.plugins, g.configuration, g.clock)
    return doors_app.build(
        Doors(
            config=g.loaded.config, directory=g.directory, store=g.store, intake=g.intake, live=g.live, lanes=g.lanes,
            outbox=g.outbox, sending=g.sending, auditor=g.auditor, blobs=g.blobs, clock=g.clock, new_id=g.new_id,
            metrics=g.metrics, log=g.log, crash=g.crash, started_at=g.started_at, tokens=g.tokens, signin=g.signin,
            embedder=Embedder(
                g.store, g.directory, g.gate, g.auditor, g.clock, g.crash, g.metrics, g.log, g.sending.hooks
            ),
            forks=g.forks, connections=g.connections, workspaces=g.workspaces,
            verification=g.verification, configuration=g.configuration, secrets=g.secrets, doctor=doctor,
            ready=g.unready, gateways=g.shared.gateways, public_url=url, version=VERSION,
            web_routes=console.routes(g, setup, bots, doctor, url, VERSION),
        )
    )  # fmt: skip
