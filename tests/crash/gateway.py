"""The real command as a child process that is started again whenever it was killed at a point."""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp
import msgspec

from tests.clocks.wall import WallClock
from tests.standins import ROOT
from tests.waiting import slowly, until

READY_SECONDS = 30.0
DRAIN_SECONDS = 40.0
COMMAND_SECONDS = 60.0
GIVEN_UP = 1  # exit status: other processes on its database held it for dead
LOCKED = 3  # exit status: another process holds the data directory
POINT = "QUARTERDECK_CRASH_AT"
TRACE = "QUARTERDECK_CRASH_TRACE"


class GatewayFailed(AssertionError):
    """The gateway ended in a way that nobody asked for."""


class Runtime(msgspec.Struct, frozen=True):
    """`runtime.json` of a running gateway."""

    pid: int
    url: str


class Gateway:
    """Keeps the command running. `crashes` are settings for its next lives, each left behind when it has killed.

    `killed` lists what ended it by SIGKILL; `kill` does so from outside. `environ` is added to what there is. `at` is
    where it is asked, empty where it says so itself.
    """

    def __init__(
        self, folder: Path, environ: Mapping[str, str], crashes: Sequence[str], trace: Path | None, at: str = ""
    ) -> None:
        self.data = folder / "data"
        self.log = folder / "gateway.log"
        self.killed: list[str] = []
        self.given_up = 0
        self.down = 0.0  # seconds between a life and the next
        self.ended = False
        self._config = folder / "config.toml"
        self._more = dict(environ)
        self._crashes = deque(crashes)
        self._trace = trace
        self._at = at
        self._process: asyncio.subprocess.Process | None = None
        self._shot = False
        self._asked = False
        self.apart = False  # others on its database may hold it for dead; then it ends itself
        self._last = False
        self._commands = 0
        self._roles: tuple[str, ...] = ()

    async def keep(self) -> None:
        """Run it until it was stopped. Raises GatewayFailed when it ends for any other reason."""
        try:
            while not self.ended:
                self._process = await self._start()
                self._judge_end(await self._process.wait())
                await slowly(self.down if not self.ended else 0.0)
        finally:
            await self._end()

    def install(self, site: Path) -> None:
        """Its next lives, and commands, are of the version that is installed in this folder."""
        self._more["PYTHONPATH"] = str(site)

    def wear(self, clock: WallClock) -> None:
        """Its next lives, and commands, go by this clock."""
        self._more |= clock.environ

    def play(self, roles: str) -> None:
        """Its next lives have these roles alone, joined by commas; all of them if it is empty."""
        self._roles = ("--role", roles) if roles else ()

    async def ready(self) -> str:
        """Wait until the gateway that runs now has its intake open; its address."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
            return await until(lambda: self._is_ready(http), READY_SECONDS, "a ready gateway")

    async def command(self, *words: str) -> tuple[int, str]:
        """Run another command of the program over the same folder: its exit status, and what it printed.

        Where no gateway runs it does its work itself; one that is started meanwhile finds the folder taken.
        """
        self._commands += 1
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "quarterdeck", *words, "--config", str(self._config), "--json"),
            cwd=ROOT,
            env=self._environ(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                printed, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, printed.decode()

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("QUARTERDECK_")}
        return kept | self._more

    async def stop(self, *, last: bool) -> None:
        """Ask it to drain and wait for its end; `last`: it stays down, unless a point kills it on the way."""
        await self.ready()
        process = self._process
        assert process is not None
        self._asked, self._last = True, last
        process.terminate()
        over = lambda: self.ended or self._process is not process  # noqa: E731  it reads as a condition
        await until(over, DRAIN_SECONDS, "the end of a drain")

    async def kill(self, *, down: float = 0.0) -> None:
        """Kill it now, wherever it is, and wait until its next life has begun; there is none for `down` seconds."""
        process = await until(self._alive, READY_SECONDS, "a gateway to kill")
        assert process is not None
        self._shot, self.down = True, down
        process.kill()
        await until(lambda: self._process is not process, READY_SECONDS + down, "the next life")
        self.down = 0.0

    def freeze(self) -> None:
        """SIGSTOP: it does nothing, and does not know of it."""
        process = self._alive()
        assert process is not None
        self.apart = True
        process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        process = self._alive()
        assert process is not None
        process.send_signal(signal.SIGCONT)

    def _alive(self) -> asyncio.subprocess.Process | None:
        process = self._process
        return process if process is not None and process.returncode is None else None

    async def _start(self) -> asyncio.subprocess.Process:
        environ = self._environ() | {"QUARTERDECK_TESTING": "1"}
        if self._crashes:
            environ[POINT] = self._crashes[0]
        if self._trace is not None:
            environ[TRACE] = str(self._trace)
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "quarterdeck", "up", "--config", str(self._config), *self._roles),
                cwd=ROOT,
                env=environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _judge_end(self, code: int) -> None:
        asked, last = self._asked, self._last
        self._asked = self._last = False
        if code == -signal.SIGKILL and self._shot:
            self._shot = False
            self.killed.append("at random")
        elif code == -signal.SIGKILL and self._crashes:
            self.killed.append(self._crashes.popleft())
        elif code == 0 and asked:
            self.ended = last
        elif code == GIVEN_UP and self.apart:
            self.given_up += 1
        elif code == LOCKED and self._commands:
            pass  # a command has begun while it was down; it is started again
        else:
            raise GatewayFailed(f"the gateway ended with {code}:\n{self.tail()}")

    async def _is_ready(self, http: aiohttp.ClientSession) -> str:
        process = self._process
        try:
            runtime = msgspec.json.decode((self.data / "runtime.json").read_bytes(), type=Runtime)
            if process is None or runtime.pid != process.pid or process.returncode is not None:
                return ""
            url = self._at or runtime.url
            async with http.get(f"{url}/readyz") as answer:
                return url if answer.status == 200 else ""
        except (FileNotFoundError, aiohttp.ClientError, TimeoutError):
            return ""

    async def _end(self) -> None:
        """Leave no child behind, whatever happened."""
        if (process := self._alive()) is not None:
            process.kill()
            await process.wait()

    def said(self) -> str:
        """All that it wrote on stdout and stderr, in all of its lives."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, size: int = 4000) -> str:
        """The end of what it said."""
        return self.said()[-size:]
