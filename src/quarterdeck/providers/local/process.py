"""One engine process: start, hand-shake, health, last words, end. Callbacks and no tasks: nothing to leak."""

import asyncio
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self, cast
from urllib.parse import urlsplit

import msgspec

from quarterdeck.base.errors import GiveUp, QuarterdeckError, Retry
from quarterdeck.providers.local.shelf import MEMORY_NEEDED

CHILD = Path(__file__).with_name("child.py")
START_S = 60.0
HEALTH_S = 5.0
TERM_S = 5.0
KILL_S = 5.0
STDERR_KEPT = 16 * 1024
ANSWER_LIMIT = 4096

PASSED = frozenset("HOME LANG LC_ALL LC_CTYPE LD_LIBRARY_PATH TMPDIR TZ".split())
NO_LIBRARY = re.compile(r"(\S+\.so[\w.]*): cannot open shared object file")


class Order(msgspec.Struct, frozen=True):
    """What the child is told on its standard input; see child.py."""

    engine: str
    weights: str
    alias: str
    key: str
    parent: int
    context_tokens: int
    parallel: int
    max_tokens: int


class Ready(msgspec.Struct, frozen=True):
    """What the child answers when the model is loaded."""

    url: str
    pid: int


class EngineProcess(asyncio.SubprocessProtocol):
    """Made by `spawn`. `ended` is set when the process has been reaped and its pipes read to their ends."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()
        self._reaped = False
        self._answer: asyncio.Future[bytes] = loop.create_future()
        self._stdout = b""
        self._stderr = b""
        self._killer: asyncio.TimerHandle | None = None
        self._transport: asyncio.SubprocessTransport | None = None
        self.url = ""
        self.started_at = loop.time()

    @classmethod
    async def spawn(cls, environment: Mapping[str, str]) -> Self:
        """A new process that waits for its order. The caller must `stop` it, whatever happens."""
        _, child = await asyncio.get_running_loop().subprocess_exec(
            cls,
            sys.executable,
            "-P",  # its own folder must not be searched for modules
            str(CHILD),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={name: value for name, value in environment.items() if name in PASSED} | {"OMP_WAIT_POLICY": "passive"},
            start_new_session=True,  # an interrupt typed at the terminal is for the gateway
        )
        return child

    async def shake_hands(self, order: Order, deadline_s: float = START_S) -> None:
        """Give the order and wait until the model is loaded and answers; then `url` is set.

        Raises GiveUp where this machine cannot run it, Retry where another try may help; both say why.
        """
        # uvloop's transport is not a subclass of asyncio's, it only has the same methods
        stdin = cast("asyncio.WriteTransport", self._live().get_pipe_transport(0))
        try:
            async with asyncio.timeout(deadline_s):
                stdin.write(msgspec.json.encode(order) + b"\n")
                self.url = msgspec.json.decode(await self._answer, type=Ready).url
                if not await self.healthy():
                    raise Retry("the demo model was loaded but does not answer; try again")
        except TimeoutError as error:
            raise Retry(f"the demo model was not ready after {deadline_s:.0f} s; this machine may be busy") from error
        except (msgspec.MsgspecError, EOFError) as error:
            raise cause_of_death(self._live().get_returncode(), self.last_words()) from error

    async def healthy(self) -> bool:
        """Does it answer within 5 s? (`/health` needs no key and says 200 once the model is loaded.)"""
        if self._reaped:
            return False
        place = urlsplit(self.url)
        try:
            async with asyncio.timeout(HEALTH_S):
                reader, writer = await asyncio.open_connection(place.hostname, place.port)
                try:
                    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    return (await reader.readline()).startswith(b"HTTP/1.1 200")
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False

    @property
    def is_running(self) -> bool:
        """Not reaped yet, and nobody has asked it to stop."""
        return not self._reaped and self._killer is None

    @property
    def was_asked_to_stop(self) -> bool:
        return self._killer is not None

    @property
    def pid(self) -> int:
        return self._live().get_pid()

    def last_words(self) -> tuple[str, ...]:
        """The newest lines of its standard error, at most 16 KiB; the engine is set to warnings, no texts."""
        return tuple(self._stderr.decode("utf-8", "replace").splitlines())

    def begin_to_stop(self) -> None:
        """SIGTERM now, SIGKILL after 5 s. Returns at once; `ended` tells. Safe to call again."""
        if self._reaped or self._killer is not None:
            return
        self._killer = asyncio.get_running_loop().call_later(TERM_S, self._signal, signal.SIGKILL)
        self._signal(signal.SIGTERM)

    async def stop(self) -> None:
        """End it and wait until it is reaped. Raises GiveUp if even SIGKILL does not help."""
        self.begin_to_stop()
        try:
            async with asyncio.timeout(TERM_S + KILL_S):
                await self.ended.wait()
        except TimeoutError as error:
            raise GiveUp(f"the demo model's process {self.pid} does not end; look at the machine") from error

    def _signal(self, number: signal.Signals) -> None:
        if not self._reaped:
            self._live().send_signal(number)

    def _live(self) -> asyncio.SubprocessTransport:
        assert self._transport is not None
        return self._transport

    # --- called by asyncio ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is not a subclass of asyncio's, it only has the same methods
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Always takes what comes, so that a talkative library never blocks on a full pipe."""
        if fd == 2:
            self._stderr = (self._stderr + data)[-STDERR_KEPT:]
            return
        if self._answer.done():
            return
        self._stdout += data
        if b"\n" in self._stdout or len(self._stdout) > ANSWER_LIMIT:
            self._answer.set_result(self._stdout.partition(b"\n")[0])

    def process_exited(self) -> None:
        self._reaped = True
        if self._killer is not None:
            self._killer.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(EOFError())
            self._answer.exception()  # looked at: nobody may be waiting any more
        self._live().close()
        self.ended.set()


def cause_of_death(status: int | None, words: tuple[str, ...]) -> QuarterdeckError:
    """Why a process ended before the model was loaded, in one line with the fix. Pure."""
    text = "\n".join(words)
    if missing := NO_LIBRARY.search(text):
        package = " (on Debian: apt-get install libgomp1)" if "libgomp" in missing[1] else ""
        return GiveUp(f"the demo model's engine needs the system library {missing[1]}; install it{package}")
    if status == -signal.SIGILL:
        return GiveUp("the demo model's engine needs a processor with AVX2; configure another provider instead")
    if "failed to load model" in text:
        return GiveUp("the demo model's file cannot be loaded; remove DATA_DIR/models and pull again")
    if status == -signal.SIGKILL:
        return Retry(
            "the demo model was killed while it started, most likely for lack of memory; "
            f"free {MEMORY_NEEDED / 1e6:.0f} MB"
        )
    last = words[-1] if words else "it said nothing"
    return Retry(f"the demo model's engine ended with status {status}: {last[:300]}")
