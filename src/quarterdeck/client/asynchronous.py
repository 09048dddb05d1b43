"""The client for asyncio: one pool of connections, over aiohttp."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import msgspec
from yarl import URL

from quarterdeck.api import shown
from quarterdeck.base.errors import BadInput, QuarterdeckError
from quarterdeck.client import asks
from quarterdeck.client.asks import V1, Ask, Tagged
from quarterdeck.client.events import BYE, MOST_BYTES, Event, Parser
from quarterdeck.client.failures import Unreachable, failure_of
from quarterdeck.client.following import Answer, Following, Grown
from quarterdeck.client.retrying import pause
from quarterdeck.client.sync import ANSWER_SECONDS, SILENCE_SECONDS
from quarterdeck.model.inbound import QueueMode

R = TypeVar("R")
T = TypeVar("T")


class AsyncClient:
    """Client for asyncio; see there. To be used as `async with`."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        seconds: float = 30.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput("url", f"{url!r} is no http or https address", "Write it as https://host:port.")
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._seconds = seconds
        self._sleep = sleep
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(headers=self._headers, read_bufsize=MOST_BYTES)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.close()

    async def send(self, ask: Ask[R]) -> R:
        """Ask, and give the answer."""
        return ask.read((await self._sent(ask))[0])

    async def tagged(self, ask: Ask[R]) -> Tagged[R]:
        """Ask, and give the answer with its ETag."""
        body, etag = await self._sent(ask)
        return Tagged(ask.read(body), etag)

    async def each(self, ask: "Ask[shown.Page[T]]") -> AsyncIterator[T]:
        """Everything of a list, page by page."""
        page = await self.send(ask)
        for item in page.items:
            yield item
        while page.next_cursor is not None:
            page = await self.send(ask.behind(page.next_cursor))
            for item in page.items:
                yield item

    async def say(
        self,
        session: str,
        text: str,
        attachments: Sequence[shown.Upload] = (),
        mode: QueueMode | None = None,
        *,
        seconds: float = ANSWER_SECONDS,
        key: str = "",
    ) -> Answer:
        """Write a message and wait for its outcome, at most `seconds`; then raises Unreachable."""
        last: Grown | Answer | None = None
        try:
            async with (
                asyncio.timeout(seconds),
                aclosing(self.stream(session, text, attachments, mode, key=key)) as found,
            ):
                async for one in found:
                    last = one
        except TimeoutError:
            raise Unreachable(f"there was no answer within {seconds:.0f} s; look at the conversation later") from None
        assert isinstance(last, Answer)  # it comes last, or an error was raised
        return last

    async def stream(
        self,
        session: str,
        text: str,
        attachments: Sequence[shown.Upload] = (),
        mode: QueueMode | None = None,
        *,
        key: str = "",
    ) -> AsyncGenerator[Grown | Answer]:
        """The pieces of the answer as it grows; the whole answer comes last. The caller sets the deadline."""
        following = Following(await self.send(asks.write(session, text, attachments, mode, key=key)))
        async with aclosing(self.events(session, following.cursor)) as events:
            async for event in events:
                if (grown := following.take(event)) is not None:
                    yield grown
                if (answer := following.answer) is not None:
                    yield answer
                    return

    async def events(self, session: str = "", cursor: str = "") -> AsyncGenerator[Event]:
        """What happens in a conversation (empty: in all), behind `cursor`, without end; goes on after a break."""
        tries = 0
        while True:
            try:
                async with aclosing(self._stream(session, cursor)) as events:
                    async for event in events:
                        tries, cursor = 0, event.cursor or cursor
                        if event.kind != BYE:
                            yield event
                error: QuarterdeckError = Unreachable("the stream ended")
            except QuarterdeckError as broken:
                error = broken
            tries += 1
            await self._sleep(pause(error, tries, repeatable=True))

    # --- one request ------------------------------------------------------------------------------------------

    async def _sent(self, ask: Ask[R]) -> tuple[bytes, str]:
        tries = 0
        while True:
            try:
                return await self._try(ask)
            except QuarterdeckError as error:
                tries += 1
                await self._sleep(pause(error, tries, repeatable=ask.repeatable))

    async def _try(self, ask: Ask[R]) -> tuple[bytes, str]:
        timeout = aiohttp.ClientTimeout(total=self._seconds)
        try:
            async with self._open().request(
                ask.method, self._at(ask.path), data=ask.body or None, headers=ask.headers, timeout=timeout
            ) as response:
                body = await response.read()
                if response.status >= 300:
                    raise failure_of(response.status, body, response.headers.get("Retry-After"))
                return body, response.headers.get("ETag", "")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(f"{self._url} cannot be reached: {error}") from error

    async def _stream(self, session: str, cursor: str) -> AsyncGenerator[Event]:
        path = f"{V1}/sessions/{quote(session, safe='')}/events" if session else f"{V1}/events"
        query = f"?{urlencode({'cursor': cursor})}" if cursor else ""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._seconds, sock_read=SILENCE_SECONDS)
        try:
            async with self._open().get(self._at(path + query), timeout=timeout) as response:
                if response.status >= 300:
                    raise failure_of(response.status, await response.read(), response.headers.get("Retry-After"))
                parser = Parser()
                while line := await response.content.readline():
                    if (event := parser.line(line)) is not None:
                        yield event
        except (aiohttp.ClientError, TimeoutError, ValueError, msgspec.DecodeError) as error:
            raise Unreachable(f"{self._url} broke off: {error}") from error

    def _at(self, path: str) -> URL:
        return URL(self._url + path, encoded=True)

    def _open(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise RuntimeError("use the client as `async with AsyncClient(...) as client`")
        return self._http
