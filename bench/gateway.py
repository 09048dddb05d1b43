"""How is the command started, and what does it cost?"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
from tests.waiting import slowly, until

from bench.machine import Cpu, cpu_of, resident_mb
from bench.report import ROOT

READY_SECONDS = 60.0
DRAIN_SECONDS = 60.0
COMMAND_SECONDS = 30.0
REST_LOOKS, REST_LOOK_S, IDLE_CPU_S = 150, 0.2, 0.008
SECRETS = {
    "BENCH_MODEL_KEY": "sk-standin",
    "BENCH_ANTHROPIC_KEY": "sk-ant-standin",
    "BENCH_GEMINI_KEY": "AIza-standin",
    "BENCH_LOOPBACK_TOKEN": "loopback-token",
    "BENCH_TELEGRAM_TOKEN": "4242424242:stand-in-bot-token",
}
"""What the stand-ins accept."""


class Failed(Exception):
    """The run says nothing: something went wrong in it. Names what."""


class Runtime(msgspec.Struct, frozen=True):
    """`runtime.json` of a running gateway."""

    pid: int
    url: str


class Gateway:
    """One run of the command. `ready_s` and `ready_cpu`: what it took until /readyz said 200."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, ready_s: float, ready_cpu: float) -> None:
        self.url = url
        self.ready_s = ready_s
        self.ready_cpu = ready_cpu
        self.killed = False
        self._process = process

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def cpu(self) -> Cpu:
        """What it has used so far."""
        return cpu_of(self._process.pid)

    def memory(self) -> float:
        """What it holds, in MB."""
        return resident_mb(self._process.pid)

    async def at_rest(self) -> None:
        """Wait until every outcome is committed: it uses no more CPU than when idle. Raises Failed."""
        before = self.cpu().total
        for _ in range(REST_LOOKS):
            await slowly(REST_LOOK_S)
            if (now := self.cpu().total) - before < IDLE_CPU_S:
                return
            before = now
        raise Failed("the gateway does not come to rest")

    def signal(self, number: signal.Signals) -> None:
        """Tell it something."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """kill -9; nothing is asked of its end then."""
        self.killed = True
        self._process.kill()


@asynccontextmanager
async def running(folder: Path, config: str, profiled: Path | None = None) -> AsyncIterator[Gateway]:
    """Start the command in `folder` (data/ and gateway.log appear there); drained when this is left.

    With `profiled`, under the profiler of profiled.py, which writes to that file. Raises Failed when it does not
    become ready or does not end with status 0.
    """
    (folder / "config.toml").write_text(config)
    runtime = folder / "data" / "runtime.json"
    runtime.unlink(missing_ok=True)
    module = ["bench.profiled", str(profiled)] if profiled else ["quarterdeck"]
    begun = time.monotonic()
    process = await _start([*module, "up", "--config", str(folder / "config.toml")], folder / "gateway.log")
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            url = await until(lambda: _ready(process, runtime, http), READY_SECONDS, "a gateway that is ready")
        gateway = Gateway(process, url, time.monotonic() - begun, cpu_of(process.pid).total)
        yield gateway
        if gateway.killed:
            return
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DRAIN_SECONDS):
            status = await process.wait()
        if status != 0:
            raise Failed(f"the gateway ended with status {status}; see {folder / 'gateway.log'}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def command(folder: Path, *words: str) -> Mapping[str, object]:
    """Ask the gateway of this folder by another command of the program: the line that it prints. Raises Failed."""
    arguments = ("-m", "quarterdeck", *words, "--json", "--config", str(folder / "config.toml"))
    asking = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=environment(), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(COMMAND_SECONDS):
        said, _ = await asking.communicate()
    if asking.returncode != 0:
        raise Failed(f"quarterdeck {' '.join(words)} ended with status {asking.returncode}")
    return msgspec.json.decode(said, type=dict[str, object])


async def bearer(folder: Path, scope: str) -> dict[str, str]:
    """The header of a program that may do so much."""
    made = await command(folder, "token", "create", "--name", "bench", "--scope", scope)
    return {"authorization": f"Bearer {made['token']}"}


def environment() -> Mapping[str, str]:
    """What the command finds in its environment."""
    left_out = ("QUARTERDECK_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)} | SECRETS


async def _start(arguments: Sequence[str], log: Path) -> asyncio.subprocess.Process:
    with log.open("ab") as file:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", *arguments),
            cwd=ROOT,
            env=environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )


async def _ready(process: asyncio.subprocess.Process, runtime: Path, http: aiohttp.ClientSession) -> str:
    """Its address when it is ready, else nothing."""
    if process.returncode is not None:
        raise Failed(f"the gateway ended with status {process.returncode} before it was ready")
    try:
        told = _told(runtime)
        if told.pid != process.pid:
            return ""
        async with http.get(f"{told.url}/readyz") as answer:
            return told.url if answer.status == 200 else ""
    except (FileNotFoundError, msgspec.DecodeError, aiohttp.ClientError):
        return ""


def _told(runtime: Path) -> Runtime:
    return msgspec.json.decode(runtime.read_bytes(), type=Runtime)
