"""The gateway's parts in this process, for a command that found no gateway running.

They live in a loop on a thread of their own, and are spoken to over pairs of sockets, as a gateway would be.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AsyncExitStack, contextmanager

import msgspec

from quarterdeck.api.control.server import MOST, serve
from quarterdeck.api.control.table import COMMANDS
from quarterdeck.api.control.wire import LINE_BYTES
from quarterdeck.base.config import LoadedConfig
from quarterdeck.base.supervise import Life, Service, Supervisor
from quarterdeck.flow.timers import Timers
from quarterdeck.governance.sealer import SLICE
from quarterdeck.store.processes import ROLES
from quarterdeck.wiring import DRAIN_SECONDS, Gateway, build
from quarterdeck.wiring.receiving import receiving
from quarterdeck.wiring.running import begin, control_parts, join

OPEN_SECONDS = 10.0
CLOSE_SECONDS = 60.0


@contextmanager
def offline(
    loaded: LoadedConfig, *, serving: bool, wired: bool, acting: bool, only: str
) -> Generator[Callable[[], socket.socket]]:
    """Open the data directory here; yields how to connect. Raises what building raises, such as Locked."""
    parts = _Parts(_quiet(loaded), serving, wired, acting, only)
    with ThreadPoolExecutor(1, "gateway") as thread:
        ended = thread.submit(parts.run)
        wait((parts.ready, ended), return_when=FIRST_COMPLETED)
        if not parts.ready.done():
            ended.result()  # raises what building raised
        try:
            yield parts.connect
        finally:
            parts.stop()
            ended.result(CLOSE_SECONDS)


class _Parts:
    """What runs on the thread."""

    def __init__(self, loaded: LoadedConfig, serving: bool, wired: bool, acting: bool, only: str) -> None:
        self._loaded = loaded
        self._serving = serving
        self._wired = wired
        self._acting = acting
        self._only = only
        self._loop: asyncio.AbstractEventLoop | None = None
        self._gateway: Gateway | None = None
        self._life: Life | None = None
        self._supervisor: Supervisor | None = None
        self.ready: Future[None] = Future()

    def run(self) -> None:
        """The thread: build, serve, close."""
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self._main())

    def connect(self) -> socket.socket:
        """A connection, from any thread."""
        ours, theirs = socket.socketpair()
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._attach(theirs), self._loop).result(OPEN_SECONDS)
        return ours

    def stop(self) -> None:
        """Let the thread end, from any thread."""
        if self._loop is not None and self._supervisor is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._supervisor.request_stop)

    async def _main(self) -> None:
        async with AsyncExitStack() as stack:
            roles = () if self._acting and not self._serving else ROLES
            self._gateway = g = await build(
                self._loaded, os.environ, stack, channels=self._wired, only=self._only, roles=roles
            )
            async with Supervisor(g.log, g.clock) as self._supervisor:
                supervisor = self._supervisor
                if self._serving:
                    await self._start(g, supervisor)
                elif self._acting:
                    await join(g, supervisor)
                await supervisor.start(Service(name="control", run=self._keep, max_tasks=MOST))
                self.ready.set_result(None)
                await supervisor.wait()  # raises when a service has failed: whoever waits for it is cut off
            while await g.sealer.seal() == SLICE:
                pass

    async def _start(self, g: Gateway, supervisor: Supervisor) -> None:
        """What lets turns run: as the gateway does it, without anything that listens."""
        await begin(g, supervisor)
        if g.sending.hooks is not None:
            await supervisor.start(Service(name="hooks", run=g.sending.hooks.run, stop_seconds=5.0))
        await supervisor.start(Service(name="outbox", run=g.outbox.run, stop_seconds=10.0))
        await supervisor.start(Service(name="prices", run=g.prices.run))
        await supervisor.start(Service(name="lanes", run=g.lanes.run, stop_seconds=DRAIN_SECONDS, max_tasks=5000))
        for service in g.services:
            await supervisor.start(service)
        g.intake.open = True
        timers = Timers(g.store, g.directory, g.intake, g.clock, g.log)
        await supervisor.start(Service(name="timers", run=timers.run))
        for service in receiving(g.directory, g.intake, g.shared.peers) if self._only else ():
            await supervisor.start(service)

    async def _keep(self, life: Life) -> None:
        self._life = life
        life.ready()
        await life.stopping.wait()

    async def _attach(self, peer: socket.socket) -> None:
        assert self._gateway is not None
        assert self._life is not None
        reader, writer = await asyncio.open_connection(sock=peer, limit=LINE_BYTES)
        self._life.spawn("connection", serve(control_parts(self._gateway, ""), COMMANDS, reader, writer))


def _quiet(loaded: LoadedConfig) -> LoadedConfig:
    """A command's stderr is for people: only errors are logged."""
    config = loaded.config
    log = msgspec.structs.replace(config.log, level="error")
    return msgspec.structs.replace(loaded, config=msgspec.structs.replace(config, log=log))
