"""Has any byte of this attempt been written? The fact that decides between "not sent" and "may have been
sent".

aiohttp's own hooks are not exact: `on_request_headers_sent` fires before the bytes are handed over, and after
it the write can still be refused (aiohttp 3.14.5, http_writer.py, `StreamWriter.write_headers` and `_write`).
So the mark is set here, in the same step of the event loop that hands the first byte to the transport and
after that transport was seen to be open: by `FlightRequest.send` for a request without a body, by
`FlightBody` for one with.
"""

import asyncio

from aiohttp import ClientRequest, ClientResponse
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_middlewares import ClientHandlerType
from aiohttp.connector import Connection
from aiohttp.payload import Payload

_SLICE = 64 * 1024

_STALE_CONNECTIONS = 3
"""Pooled connections found closed before anything was written; after so many a new attempt is the caller's.
"""


class StaleConnection(Exception):
    """The pooled connection was closed by the peer while idle; nothing was written to it."""


class Flight:
    """What is known of one attempt. As an aiohttp middleware it surrounds connecting, writing and the
    answer's head.

    `begun`: at least one byte may have left this process. `deadline` (loop time) ends the whole; from the
    last written byte on the answer's head must come within `first_byte` seconds.
    """

    def __init__(self, timer: asyncio.Timeout, deadline: float, first_byte: float) -> None:
        self.begun = False
        self.waiting = False
        self._timer = timer
        self._deadline = deadline
        self._first_byte = first_byte

    def written(self) -> None:
        """The last byte of the request was handed over: the wait for the answer begins."""
        if self.waiting:
            now = asyncio.get_running_loop().time()
            self._timer.reschedule(min(self._deadline, now + self._first_byte))

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if not isinstance(request, FlightRequest):
            raise TypeError("the session must be built with FlightRequest")
        request.flight = self
        self.waiting = True
        try:
            for _ in range(_STALE_CONNECTIONS):
                try:
                    return await handler(request)
                except StaleConnection:
                    continue
            raise StaleConnection
        finally:
            self.waiting = False


class FlightRequest(ClientRequest):
    """A request that refuses a connection which is known to be unusable before it writes to it."""

    flight: Flight | None = None

    async def send(self, conn: Connection) -> ClientResponse:
        # Two turns of the event loop let it see a FIN or a late answer that already waits in the kernel, so
        # that a peer that has closed an idle connection costs a new connection and not an unknown outcome.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        protocol = conn.protocol
        if protocol is None or not protocol.is_connected() or protocol.should_close:
            raise StaleConnection
        if self.flight is not None and not self.body:
            # From here to the write in ClientRequest.send nothing is awaited that could suspend.
            self.flight.begun = True
            self.flight.written()
        return await super().send(conn)


class FlightBody(Payload):
    """A body in memory that marks its flight right before the first byte goes to the open transport."""

    _autoclose = True

    def __init__(self, content: bytes, flight: Flight, content_type: str) -> None:
        super().__init__(content, content_type=content_type)
        self._content = content
        self._flight = flight

    @property
    def size(self) -> int:
        return len(self._content)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._content.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        transport = writer.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the connection closed before anything was written")
        self._flight.begun = True
        view = memoryview(self._content)
        for start in range(0, len(view), _SLICE):
            await writer.write(view[start : start + _SLICE])
        self._flight.written()
