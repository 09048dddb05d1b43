"""How does anything leave this process over HTTP? Through one `Client`, built once, which says exactly what
happened.

    NetError
    +-- NotSent      nothing reached the peer: trying again cannot double anything
    |   +-- Blocked  the address may not be used (guard, malformed): trying again cannot help either
    +-- MaybeSent    at least a part was written and no complete answer came: the outcome is unknown
    +-- TooLarge     the answer came and is larger than allowed; the request was carried out

No attempt is ever repeated behind the caller's back once a byte was written: aiohttp repeats idempotent
requests on ClientOSError and ServerDisconnectedError (3.14.5, client.py, `_retry_connection`); here these
errors are turned into ours before its loop can see them. Errors name the origin only, since paths and headers
can hold credentials. Cancelling a call says nothing about the peer: whoever cancels has to treat the request
as maybe sent.
"""

import asyncio
import errno
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Literal, NoReturn, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_middlewares import ClientHandlerType
from yarl import URL

from quarterdeck.base.errors import QuarterdeckError
from quarterdeck.net.flight import Flight, FlightBody, FlightRequest, StaleConnection
from quarterdeck.net.guard import is_public
from quarterdeck.net.outgoing import Outgoing, Response, Timeouts, encode_multipart, origin

_KEEPALIVE_SECONDS = 30.0
_REDIRECTS = (301, 302, 303, 307, 308)
_KEPT_HEADERS = ("accept", "accept-language", "range", "user-agent")
"""All that is carried to another origin by a redirect; every other header may be a credential."""

_BLOCKED_ERRNO = errno.EPERM

_AddressInfo = tuple[int, int, int, str, tuple[object, ...]]
"""What aiohttp hands to a socket factory: family, kind, protocol, canonical name, (address, port ...)."""

Phase = Literal["connect", "first_byte", "idle", "total"]


class NetError(QuarterdeckError):
    """`timeout` names the phase whose time ran out (None: it failed otherwise); `status` is the answer's, if
    known.
    """

    code = "net"

    def __init__(self, message: str, timeout: Phase | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.timeout = timeout
        self.status = status


class NotSent(NetError):
    """Not one byte of the request was written."""

    code = "not_sent"


class Blocked(NotSent):
    """The address is malformed, not HTTP, or not public though content named it."""

    code = "blocked"


class MaybeSent(NetError):
    """At least a part of the request was written and no complete answer came."""

    code = "maybe_sent"


class TooLarge(NetError):
    """The answer's body is larger than `max_bytes`; the peer did carry out the request."""

    code = "too_large"


class _Attempt(Flight):
    """A flight that turns aiohttp's errors into ours inside aiohttp's loop, so that it cannot repeat the
    request.
    """

    async def __call__(self, request: aiohttp.ClientRequest, handler: ClientHandlerType) -> aiohttp.ClientResponse:
        try:
            return await super().__call__(request, handler)
        except (aiohttp.ClientError, StaleConnection, OSError) as exc:
            raise _explain(self.begun, exc, origin(str(request.url))) from None


class Streamed:
    """An answer whose head has come. Read `chunks()` or `whole()` once, inside the `async with` that gave it."""

    def __init__(self, answer: aiohttp.ClientResponse, out: Outgoing, deadline: float) -> None:
        self.status = answer.status
        self.headers: Mapping[str, str] = answer.headers
        self._content = answer.content
        self._out = out
        self._deadline = deadline
        self._size = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, decompressed. Raises MaybeSent (with `status`) or TooLarge."""
        while chunk := await self._next():
            yield chunk

    async def whole(self) -> bytes:
        """The complete body, decompressed. Raises what `chunks` raises."""
        pieces: list[bytes] = []
        while chunk := await self._next():
            pieces.append(chunk)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _next(self) -> bytes:
        chunk = await self._read()
        self._size += len(chunk)
        if self._size > self._out.max_bytes:
            where = origin(self._out.url)
            raise TooLarge(f"{where} answered with more than {self._out.max_bytes} bytes", None, self.status)
        return chunk

    async def _read(self) -> bytes:
        try:
            if self._content.is_eof():  # the whole body is here: nothing to wait for
                return await self._content.readany()
            idle_end = asyncio.get_running_loop().time() + self._out.timeouts.idle
            async with asyncio.timeout_at(min(idle_end, self._deadline)):
                return await self._content.readany()
        except TimeoutError:
            late = asyncio.get_running_loop().time() >= self._deadline
            where = origin(self._out.url)
            message = f"{where} answered with {self.status} and then fell silent"
            raise MaybeSent(message, "total" if late else "idle", self.status) from None
        except (aiohttp.ClientError, OSError) as exc:
            message = f"{origin(self._out.url)} answered with {self.status} and broke off ({_reason(exc)})"
            raise MaybeSent(message, None, self.status) from None


class Client:
    """The one outgoing HTTP client. Build it inside the running loop; `close()` it at the end.

    Trusted and content-given addresses use separate connection pools, so that a connection which was opened
    without the guard is never reused by a request that needs it. `may_connect` judges the numeric address
    right before each socket is made, which covers literals, names, redirects and names that change their
    answer.
    """

    def __init__(
        self,
        *,
        user_agent: str = "quarterdeck",
        max_connections: int = 512,
        resolver: AbstractResolver | None = None,
        may_connect: Callable[[str], bool] = is_public,
    ) -> None:
        def guarded_socket(info: _AddressInfo) -> socket.socket:
            family, kind, protocol, _, address = info
            if not may_connect(str(address[0])):
                raise PermissionError(_BLOCKED_ERRNO, "not a public address")
            return socket.socket(family=family, type=kind, proto=protocol)

        def session(factory: Callable[[_AddressInfo], socket.socket] | None) -> aiohttp.ClientSession:
            connector = aiohttp.TCPConnector(
                limit=max_connections,
                keepalive_timeout=_KEEPALIVE_SECONDS,
                resolver=resolver,
                socket_factory=factory,
            )
            return aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                request_class=FlightRequest,
                headers={"User-Agent": user_agent},
            )

        self._trusted = session(None)
        self._guarded = session(guarded_socket)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; running calls fail."""
        await self._trusted.close()
        await self._guarded.close()

    async def request(self, out: Outgoing) -> Response:
        """Send and read the whole answer, whatever its status. Raises NotSent, Blocked, MaybeSent or
        TooLarge.
        """
        deadline = asyncio.get_running_loop().time() + out.timeouts.total
        answer = await self._open(out, deadline)
        try:
            return Response(answer.status, answer.headers, await Streamed(answer, out, deadline).whole())
        finally:
            answer.close()  # after a completely read body this has already gone back to the pool

    @asynccontextmanager
    async def stream(self, out: Outgoing) -> AsyncGenerator[Streamed]:
        """Send and hand over the answer as soon as its head is there. Leaving early drops the connection."""
        deadline = asyncio.get_running_loop().time() + out.timeouts.total
        answer = await self._open(out, deadline)
        try:
            yield Streamed(answer, out, deadline)
        finally:
            answer.close()

    async def _open(self, out: Outgoing, deadline: float) -> aiohttp.ClientResponse:
        url, headers, trusted = out.url, out.headers, out.trusted
        for _ in range(out.follow_redirects):
            answer = await self._attempt(out, url, headers, trusted, deadline)
            target = _redirect(answer, out.method)
            if target is None:
                return answer
            answer.close()
            if target.scheme != "https" and answer.url.scheme == "https":
                raise Blocked(f"{origin(url)} redirects from https to {target.scheme or 'nothing'}")
            if target.absolute and target.origin() != answer.url.origin():
                headers = {k: v for k, v in headers.items() if k.lower() in _KEPT_HEADERS}
            url, trusted = str(target), False
        return await self._attempt(out, url, headers, trusted, deadline)

    async def _attempt(
        self, out: Outgoing, url: str, headers: Mapping[str, str], trusted: bool, deadline: float
    ) -> aiohttp.ClientResponse:
        session = self._trusted if trusted else self._guarded
        timer = asyncio.timeout_at(deadline)
        flight = _Attempt(timer, deadline, out.timeouts.first_byte)
        try:
            async with timer:
                return await session.request(
                    out.method,
                    url,
                    headers=headers,
                    data=_body(out, flight),
                    allow_redirects=False,
                    timeout=_limits(out.timeouts),
                    middlewares=(flight,),
                )
        except TimeoutError:
            where = origin(url)
            if not flight.begun:
                raise NotSent(f"{where} could not be reached in time", "connect") from None
            late = asyncio.get_running_loop().time() >= deadline
            raise MaybeSent(f"{where} did not answer in time", "total" if late else "first_byte") from None
        except (aiohttp.ClientError, ValueError) as exc:  # before the middleware: malformed address or header
            raise _explain(flight.begun, exc, origin(url)) from None


def _limits(timeouts: Timeouts) -> aiohttp.ClientTimeout:
    # aiohttp guards the connecting only; all other times are kept here, by phase.
    return aiohttp.ClientTimeout(total=None, connect=timeouts.connect, sock_connect=timeouts.connect)


def _body(out: Outgoing, flight: Flight) -> FlightBody | None:
    if out.multipart:
        content_type, content = encode_multipart(out.multipart)
        return FlightBody(content, flight, content_type)
    # An empty body counts as none: it would be written without passing the flight's mark.
    return FlightBody(out.body, flight, "application/octet-stream") if out.body else None


def _redirect(answer: aiohttp.ClientResponse, method: str) -> URL | None:
    location = answer.headers.get("Location")
    if answer.status not in _REDIRECTS or not location or method.upper() not in ("GET", "HEAD"):
        return None
    try:
        return answer.url.join(URL(location))
    except ValueError:
        _refuse(answer)


def _refuse(answer: aiohttp.ClientResponse) -> NoReturn:
    answer.close()
    raise Blocked(f"{answer.url.origin()} redirects to an address that cannot be read") from None


def _explain(begun: bool, exc: Exception, where: str) -> NetError:
    """Our error for aiohttp's. Its text is left out: some of its messages contain the whole address."""
    if isinstance(exc, aiohttp.ClientConnectorError) and exc.os_error.errno == _BLOCKED_ERRNO:
        return Blocked(f"{where} leads to an address that is not public")
    if isinstance(exc, ValueError | aiohttp.NonHttpUrlClientError) and not begun:
        return Blocked(f"{where} cannot be asked: address or header is malformed")
    if isinstance(exc, TimeoutError) and not begun:
        return NotSent(f"{where} could not be reached in time", "connect")
    if not begun:
        return NotSent(f"{where} could not be reached ({_reason(exc)})")
    return MaybeSent(f"{where} gave no complete answer ({_reason(exc)})")


def _reason(exc: Exception) -> str:
    number = exc.errno if isinstance(exc, OSError) else None
    return os.strerror(number) if isinstance(number, int) and number > 0 else type(exc).__name__
