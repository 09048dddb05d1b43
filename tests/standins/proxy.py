"""A TCP proxy whose network fails on demand: it delays, cuts, falls silent, and heals. It has a thread of its own.

Each connection through it is a `Line`. What is done to the proxy is done to all lines that there are and to those that
come; what is done to a line is done to that one. A line that has swallowed bytes stays silent for ever, as a real one
does whose other end has forgotten it: `heal` is for lines that come afterwards.
"""

import asyncio
import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from tests.waiting import slowly

CHUNK: Final = 64 * 1024
CALL_S: Final = 10.0
CONNECT_S: Final = 10.0

Network = Literal["well", "silent", "away"]
T = TypeVar("T")


@dataclass(frozen=True)
class Loss:
    """Once a client says `said`: its question is lost, or the answer to it; `silently`, or with a reset."""

    said: bytes
    what: Literal["question", "answer"]
    silently: bool


class Line:
    """One connection and its counterpart on the other side."""

    def __init__(self, proxy: "Proxy", client: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._server: asyncio.StreamWriter | None = None
        self._losing: Loss | None = None
        self._late = b""
        self.silent = False
        self.carried = 0  # bytes that were let through, both ways

    def hang(self) -> None:
        """Swallow whatever comes, either way, from now on."""
        self.silent = True

    def cut(self) -> None:
        """Reset both sides: they get RST, not FIN."""
        for side in (self._client, self._server):
            if side is not None:
                _reset(side)

    async def carry(self, asks: asyncio.StreamReader, port: int) -> None:
        """Carry bytes until one side ends."""
        async with asyncio.timeout(CONNECT_S):
            answers, self._server = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._one_way(asks, self._server, asking=True))
            both.create_task(self._one_way(answers, self._client, asking=False))

    def close(self) -> None:
        """End both sides. An answer that was to be lost and had not come yet is lost with the line."""
        if self._losing is not None:
            self._proxy.lost += 1
            self._losing = None
        for side in (self._client, self._server):
            if side is not None:
                side.close()

    async def _one_way(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, asking: bool) -> None:
        while chunk := await source.read(CHUNK):
            self._proxy.questions += asking
            if self._proxy.delay_s:
                await slowly(self._proxy.delay_s)
            if asking and not self.silent and (loss := self._proxy.loses(chunk)):
                self._losing, self.silent = loss, True
                if loss.what == "answer":
                    sink.write(chunk)
            if self.silent:
                self._lose(asking, chunk)
                continue
            self.carried += len(chunk)
            sink.write(chunk)
            await sink.drain()
        if not self.silent:
            sink.close()  # the end is passed on

    def deliver(self) -> None:
        """What this line has lost of a question arrives after all."""
        assert self._server is not None
        self._server.write(self._late)

    def _lose(self, asking: bool, chunk: bytes) -> None:
        """What was to be lost is lost; an answer that came says that the other side has done what it was asked."""
        if self._losing is None or asking != (self._losing.what == "question"):
            return
        self._proxy.lost += 1
        self._late = chunk
        if not self._losing.silently:
            self.cut()
        self._losing = None


class Proxy:
    """In front of one port of the loopback."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.delay_s = 0.0  # of each chunk, each way
        self.port = 0
        self.lines: list[Line] = []
        self.questions = 0  # what clients have said, in chunks: one each where they wait for an answer
        self.lost = 0  # how often what `lose` waits for has come
        self._network: Network = "well"
        self._loss: Loss | None = None
        self._loop = asyncio.SelectorEventLoop(selectors.SelectSelector())  # epoll waits for whole milliseconds
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self._server = self._call(self._listen())

    def end(self) -> None:
        """Reset all lines and listen no more."""
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_S)
        self._loop.close()

    def hang(self) -> None:
        """All lines, and those that come, are silent: half open."""
        self._set("silent")

    def cut(self) -> None:
        """Reset all lines; those that come are reset, too."""
        self._set("away")

    def reset(self) -> None:
        """Reset all lines that there are now; others may come."""
        self._call(self._each(Line.cut))

    def heal(self) -> None:
        """Lines that come work again, and those that have swallowed nothing still do."""
        self._set("well")

    def one(self, line: int, done: Callable[[Line], None]) -> None:
        """Do something (`Line.cut`, `Line.hang`, `Line.deliver`) to one of `lines`."""
        self._call(self._each(done, self.lines[line]))

    def lose(self, said: bytes, what: Literal["question", "answer"], *, silently: bool = False) -> None:
        """Once a client says this: lose its question, or the answer to it; then reset the line, or stay silent.

        From outside it looks the same: the client has asked, and hears nothing.
        """
        self._loss = Loss(said, what, silently)

    def loses(self, chunk: bytes) -> Loss | None:
        """What is lost with this chunk of a client's; once."""
        if (loss := self._loss) is None or loss.said not in chunk:
            return None
        self._loss = None
        return loss

    # --- inside -----------------------------------------------------------------------------------------------

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _take(self, asks: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        if self._network == "away":
            _reset(client)
            return
        line = Line(self, client)
        line.silent = self._network == "silent"
        self.lines.append(line)
        try:
            with contextlib.suppress(OSError, TimeoutError, ExceptionGroup):  # either side is gone
                await line.carry(asks, self._target)
        finally:
            line.close()
            self.lines.remove(line)

    def _set(self, network: Network) -> None:
        self._network = network
        if network != "well":
            self._call(self._each(Line.hang if network == "silent" else Line.cut))

    async def _each(self, done: Callable[[Line], None], *lines: Line) -> None:
        for line in lines or tuple(self.lines):
            done(line)

    async def _end(self) -> None:
        self._server.close()
        await self._each(Line.cut)
        if others := asyncio.all_tasks() - {asyncio.current_task()}:  # nothing is left of what they carry
            await asyncio.wait(others, timeout=CALL_S / 2)

    def _call(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_S)


def _reset(side: asyncio.StreamWriter) -> None:
    ends: socket.socket | None = side.get_extra_info("socket")
    if ends is not None and ends.fileno() >= 0:
        ends.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    side.transport.abort()


@contextlib.contextmanager
def proxied(target: int) -> Generator[Proxy]:
    """A proxy in front of a port; gone at the end."""
    proxy = Proxy(target)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.end()
