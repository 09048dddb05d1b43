"""A server on a raw socket that does on each connection what a test says, and such a resolver."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp.abc import AbstractResolver, ResolveResult

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Peer:
    """A server that does on each connection what the test says, and counts what arrived."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list[bytes])
    open: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/bot123:SECRET/send"

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next((int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")), 0)
        request = head + await reader.readexactly(size)
        self.requests.append(request)
        return request


@asynccontextmanager
async def serving(
    talk: Callable[[Peer, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncGenerator[Peer]:
    peer = Peer()

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.connections += 1
        peer.open += 1
        try:
            await talk(peer, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client has left: the test looks at what arrived
        finally:
            peer.open -= 1
            writer.close()

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0, limit=2**20)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()


async def answer(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await peer.read(reader)
        writer.write(OK)


async def forever(reader: asyncio.StreamReader) -> None:
    """Until the other side closes."""
    while await reader.read(65536):
        pass


class Names(AbstractResolver):
    """A resolver that knows only what the test says."""

    def __init__(self, known: dict[str, list[str]]) -> None:
        self.known = known

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        if not self.known.get(host):
            raise OSError(None, "no such name")
        return [
            ResolveResult(hostname=host, host=ip, port=port, family=socket.AF_INET, proto=0, flags=0)
            for ip in self.known[host]
        ]

    async def close(self) -> None:
        return None
