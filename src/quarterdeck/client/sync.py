"""The client that waits: every request on a connection of its own, over http.client."""

import http.client
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from quarterdeck.api import shown
from quarterdeck.base.errors import BadInput, QuarterdeckError
from quarterdeck.client import asks
from quarterdeck.client.asks import V1, Ask, Tagged
from quarterdeck.client.events import BYE, Event, Parser
from quarterdeck.client.failures import Unreachable, failure_of
from quarterdeck.client.following import Answer, Following, Grown
from quarterdeck.client.retrying import pause
from quarterdeck.model.inbound import QueueMode

R = TypeVar("R")
T = TypeVar("T")
ANSWER_SECONDS = 600.0
SILENCE_SECONDS = 45.0  # a stream has a heartbeat every 15 s
LINE_BYTES = 4 * 1024 * 1024


class Client:
    """Asks one gateway with one token. Raises ApiFailure's kinds for refusals, Unreachable when nobody answers.

    What may be sent again is, a few times. `seconds` bounds each try; `sleep` waits between two.
    """

    def __init__(
        self, url: str, token: str, *, seconds: float = 30.0, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput("url", f"{url!r} is no http or https address", "Write it as https://host:port.")
        self._secure = parts.scheme == "https"
        self._host, self._port, self._base = parts.hostname, parts.port, parts.path.rstrip("/")
        self._token = token
        self._seconds = seconds
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is kept open; as a context manager it reads like its asynchronous twin."""

    def send(self, ask: Ask[R]) -> R:
        """Ask, and give the answer."""
        return ask.read(self._sent(ask)[0])

    def tagged(self, ask: Ask[R]) -> Tagged[R]:
        """Ask, and give the answer with its ETag."""
        body, etag = self._sent(ask)
        return Tagged(ask.read(body), etag)

    def each(self, ask: "Ask[shown.Page[T]]") -> Iterator[T]:
        """Everything of a list, page by page."""
        page = self.send(ask)
        yield from page.items
        while page.next_cursor is not None:
            page = self.send(ask.behind(page.next_cursor))
            yield from page.items

    def say(
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
        *_, last = self.stream(session, text, attachments, mode, seconds=seconds, key=key)
        assert isinstance(last, Answer)  # it comes last, or an error was raised
        return last

    def stream(
        self,
        session: str,
        text: str,
        attachments: Sequence[shown.Upload] = (),
        mode: QueueMode | None = None,
        *,
        seconds: float = ANSWER_SECONDS,
        key: str = "",
    ) -> Iterator[Grown | Answer]:
        """The same, with the pieces of the answer as it grows; the whole answer comes last."""
        until = time.monotonic() + seconds
        following = Following(self.send(asks.write(session, text, attachments, mode, key=key)))
        with closing(self.events(session, following.cursor, heartbeats=True)) as events:
            for event in events:
                if event is not None and (grown := following.take(event)) is not None:
                    yield grown
                if (answer := following.answer) is not None:
                    yield answer
                    return
                if time.monotonic() > until:
                    raise Unreachable(f"there was no answer within {seconds:.0f} s; look at the conversation later")

    def events(self, session: str = "", cursor: str = "", *, heartbeats: bool = False) -> Generator[Event | None]:
        """What happens in a conversation (empty: in all), behind `cursor`, without end.

        After a break it goes on behind the newest cursor: nothing is missed or doubled. With `heartbeats` a None
        comes whenever something came that is no event.
        """
        tries = 0
        while True:
            try:
                for event in self._stream(session, cursor):
                    tries = 0
                    if event is not None and event.kind != BYE:
                        cursor = event.cursor or cursor
                        yield event
                    elif heartbeats:
                        yield None
                error: QuarterdeckError = Unreachable("the stream ended")
            except QuarterdeckError as broken:
                error = broken
            tries += 1
            self._sleep(pause(error, tries, repeatable=True))

    # --- one request ------------------------------------------------------------------------------------------

    def _sent(self, ask: Ask[R]) -> tuple[bytes, str]:
        """The body and the ETag of an answer, after as many tries as are worth it."""
        tries = 0
        while True:
            try:
                return self._try(ask)
            except QuarterdeckError as error:
                tries += 1
                self._sleep(pause(error, tries, repeatable=ask.repeatable))

    def _try(self, ask: Ask[R]) -> tuple[bytes, str]:
        with closing(self._connection(self._seconds)) as connection:
            response = self._response(connection, ask.method, ask.path, ask.body, ask.headers)
            body = self._read(response.read)
            if response.status >= 300:
                raise failure_of(response.status, body, response.getheader("Retry-After"))
            return body, response.getheader("ETag") or ""

    def _stream(self, session: str, cursor: str) -> Iterator[Event | None]:
        path = f"{V1}/sessions/{quote(session, safe='')}/events" if session else f"{V1}/events"
        query = f"?{urlencode({'cursor': cursor})}" if cursor else ""
        with closing(self._connection(SILENCE_SECONDS)) as connection:
            response = self._response(connection, "GET", path + query, b"", {})
            if response.status >= 300:
                raise failure_of(response.status, self._read(response.read), response.getheader("Retry-After"))
            parser = Parser()
            while line := self._read(lambda: response.readline(LINE_BYTES)):
                yield _parsed(parser, line)

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=seconds)

    def _response(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        sent = {"Authorization": f"Bearer {self._token}", **headers}
        try:
            connection.request(method, self._base + path, body or None, sent)
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self._host} cannot be reached: {error}") from error

    def _read(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self._host} broke off: {error}") from error


def _parsed(parser: Parser, line: bytes) -> Event | None:
    try:
        return parser.line(line)
    except (ValueError, msgspec.DecodeError) as error:
        raise Unreachable(f"the stream is none of a gateway: {error}") from error
