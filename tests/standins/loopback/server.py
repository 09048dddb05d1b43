"""The running stand-in: its parts, its faults, its record."""

import itertools
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import msgspec
from aiohttp import web

from tests.standins import Record, serving
from tests.standins.loopback.control import Control
from tests.standins.loopback.faults import Faults
from tests.standins.loopback.feed import Feed
from tests.standins.loopback.files import Files
from tests.standins.loopback.people import People
from tests.standins.loopback.refusals import Refused
from tests.standins.loopback.rooms import Rooms
from tests.standins.loopback.values import Ack, Effect, Entry, Event, Fault, Inject, Press, Route, Settings
from tests.standins.loopback.wire import Handler, Wire, reply
from tests.waiting import slowly

TOKEN = "loopback-token"
HANG_SECONDS = 600.0
MAX_BODY = 32 * 1024 * 1024
MAX_REQUESTS = 100_000
ENDING = ("status", "fate", "disconnected", "seconds")

Fate = Literal["answered", "hung", "dropped_before", "dropped_after"]


class Request(msgspec.Struct, kw_only=True):
    """One request of the bot.

    `fate` is None while it is being answered, and when the client went away before that.
    """

    n: int
    at: float
    route: Route
    method: str
    path: str
    status: int | None = None
    fate: Fate | None = None
    disconnected: bool = False
    seconds: float | None = None


class LoopbackStandin:
    """A running stand-in."""

    def __init__(self, settings: Settings, token: str, record: Record) -> None:
        self.url = ""
        self.token = token
        self.requests: deque[Request] = deque(maxlen=MAX_REQUESTS)
        self._record = record
        self._numbers = itertools.count(1)
        self._faults = Faults()
        self._feed = Feed(self._note)
        self._files = files = Files()
        self._rooms = Rooms(settings, files, self._note)
        self._wire = Wire(self._feed, self._rooms, files, self._note)
        self._people = People(self._feed, self._rooms, files)

    # -- for tests in the same process -----------------------------------------------------------------

    def inject(self, what: Inject) -> list[Event]:
        """Let a person do something; returns what the bot will read."""
        return self._people.act(what)

    def fault(self, fault: Fault) -> None:
        """Break the next requests of a route."""
        self._faults.add(fault)

    def clear(self) -> None:
        """Forget the faults that wait."""
        self._faults.clear()

    @property
    def settings(self) -> Settings:
        return self._rooms.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._rooms.set(settings)

    def messages(self, room: str) -> list[Entry]:
        """What the room shows, oldest first."""
        return self._rooms.entries(room)

    @property
    def presses(self) -> list[Press]:
        """What people pressed, and what they were told."""
        return list(self._rooms.presses.values())

    def file(self, native_id: str) -> bytes:
        """The bytes of a file."""
        return self._files.get(native_id).data

    @property
    def acks(self) -> list[Ack]:
        return list(self._feed.acks)

    @property
    def pending(self) -> list[Event]:
        """The events that the bot has not confirmed."""
        return list(self._feed.pending)

    @property
    def effects(self) -> list[Effect]:
        return list(self._wire.effects)

    def log(self) -> dict[str, object]:
        """The same as one value; `acked` is every confirmed seq."""
        return {
            "rooms": {room: self.messages(room) for room in self._rooms.rooms},
            "pending": self.pending,
            "acks": self.acks,
            "acked": [seq for ack in self._feed.acks for seq in ack.seqs],
            "effects": self.effects,
            "presses": self.presses,
            "requests": list(self.requests),
        }

    # -- serving ---------------------------------------------------------------------------------------

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=MAX_BODY)
        for method, path, route, handler in self._wire.routes():
            app.router.add_route(method, path, self._watched(route, handler))
        Control(self).add_to(app)
        return app

    def _watched(self, route: Route, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(http: web.Request) -> web.Response:
            body = await http.read()
            request = Request(n=next(self._numbers), at=time.time(), route=route, method=http.method, path=http.path_qs)
            self.requests.append(request)
            self._note("request", n=request.n, route=route, method=request.method, path=request.path)
            try:
                return await self._answer(http, body, request, handler)
            finally:
                request.disconnected = http.transport is None
                request.seconds = round(time.time() - request.at, 6)
                self._note("end", n=request.n, **{name: getattr(request, name) for name in ENDING})

        return handle

    async def _answer(self, http: web.Request, body: bytes, request: Request, handler: Handler) -> web.Response:
        fault: Fault | None = None
        try:
            if request.route != "effect" and http.headers.get("Authorization") != f"Bearer {self.token}":
                raise Refused(401, "unauthorized")
            fault = self._faults.take(request.route)
            answer = await self._before(http, request, fault) or await handler(http, body)
        except Refused as refused:
            answer = reply({"error": refused.name}, refused.status)
        if fault is not None and fault.kind == "drop_after":
            return drop(http, request, "dropped_after")
        if fault is not None and fault.kind == "slow":
            await slowly(fault.retry_after)
        if request.fate is None:
            request.status, request.fate = answer.status, "answered"
        return answer

    async def _before(self, http: web.Request, request: Request, fault: Fault | None) -> web.Response | None:
        """What the fault answers instead of the platform."""
        match fault:
            case Fault(kind="status"):
                return reply({"error": "fault"}, fault.status)
            case Fault(kind="rate"):
                after = {"Retry-After": str(math.ceil(fault.retry_after))}
                return reply({"error": "rate", "retry_after": fault.retry_after}, 429, after)
            case Fault(kind="hang"):
                request.fate = "hung"
                await slowly(HANG_SECONDS)
                return drop(http, request, "hung")
            case Fault(kind="drop_before"):
                return drop(http, request, "dropped_before")
            case _:
                return None

    def _note(self, event: str, **fields: object) -> None:
        self._record.write({"event": event, "at": time.time(), **fields})


def drop(http: web.Request, request: Request, fate: Fate) -> web.Response:
    """Close the connection; the answer that is returned cannot be written any more."""
    request.fate = fate
    if http.transport is not None:
        http.transport.close()
    return web.Response(status=500)


@asynccontextmanager
async def loopback_standin(
    settings: Settings | None = None, *, token: str = TOKEN, port: int = 0, record: Path | None = None
) -> AsyncIterator[LoopbackStandin]:
    """Run a stand-in in this loop; `record` is a JSON-lines file to append to."""
    lines = Record(record)
    standin = LoopbackStandin(settings or Settings(), token, lines)
    try:
        async with serving(standin.app(), port) as standin.url:
            yield standin
    finally:
        lines.close()
