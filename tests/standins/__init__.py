"""What every stand-in has in common: a record, an address, a process.

A stand-in plays the other side of a wire (a model vendor, a messenger platform) with real HTTP on a loopback
port. It runs in the test's own loop, or as a process that outlives the program under test, and imports
nothing of that program.

- `Record`  appends JSON lines that a checker reads after the program under test was killed
- `serving` gives a `web.Application` an address
- `stay`    is the body of a `__main__`: announce the address, stay until told to stop
- `spawned` starts `python -m tests.standins.NAME` and yields its address; `cpu_seconds` says what it costs

Packages beside this file: `model` (an OpenAI-compatible model), `loopback` (a messenger over HTTP, and an
effect target), and one for each platform.
"""

import asyncio
import json
import os
import signal
import sys
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import msgspec
from aiohttp import web

ROOT = Path(__file__).resolve().parents[2]
SPAWN_SECONDS = 45.0
STOP_SECONDS = 10.0


class Addressed(Protocol):
    """A running stand-in."""

    @property
    def url(self) -> str: ...


class Record:
    """Appends one JSON object per line to `path` (nothing is kept when it is None).

    The file is unbuffered: a line that was written stays, whatever happens to this process afterwards.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file = path.open("ab", buffering=0) if path else None
        self._encode = msgspec.json.Encoder().encode

    def write(self, line: Mapping[str, object]) -> None:
        if self._file is not None:
            self._file.write(self._encode(line) + b"\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


@asynccontextmanager
async def serving(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """Serve `app` on 127.0.0.1 and yield its address; port 0 takes a free one.

    A handler is cancelled when its client goes away, so that it can note the disconnect.
    """
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        host, bound = runner.addresses[0][:2]
        yield f"http://{host}:{bound}"
    finally:
        await runner.cleanup()


def parser(name: str) -> ArgumentParser:
    """The options that every stand-in process has."""
    options = ArgumentParser(prog=f"python -m tests.standins.{name}")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--record", type=Path, default=None, help="append what happens to this JSON-lines file")
    options.add_argument("--tied", action="store_true", help="stop when standard input closes")
    return options


async def stay(standin: AbstractAsyncContextManager[Addressed], tied: bool) -> None:
    """Run `standin`, print `{"url": ...}` as one line; stay until SIGTERM, SIGINT or (tied) end of stdin."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if tied:
        loop.add_reader(sys.stdin.fileno(), lambda: os.read(sys.stdin.fileno(), 1) or stop.set())
    async with standin as running:
        print(json.dumps({"url": running.url}), flush=True)
        await stop.wait()


@asynccontextmanager
async def spawned(name: str, *options: str) -> AsyncIterator[tuple[str, int]]:
    """Start the stand-in `name` as its own process; yields (address, process id) and ends it afterwards.

    It is tied to this process: should this one be killed, the stand-in stops too.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", f"tests.standins.{name}", "--tied", *options),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(SPAWN_SECONDS):
            line = await process.stdout.readline()
        yield str(json.loads(line)["url"]), process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
