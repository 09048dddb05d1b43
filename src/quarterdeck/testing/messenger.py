"""A stand-in for a messenger: what the loopback channel speaks to, where no real one is at hand.

    MESSENGER_TOKEN=... python -m quarterdeck.testing.messenger --log FILE

It prints `{"url": ...}` and serves until SIGTERM, SIGINT or the end of its standard input. A bot, which brings
`Authorization: Bearer TOKEN`, asks it:

    GET  /events?after=N&wait=S&limit=K   events that are not confirmed; confirms, and forgets, those up to N
    POST /rooms/{room}/messages           {"text"} -> {"id"}
    PUT  /rooms/{room}/messages/{id}      {"text"} -> {"id"}
    POST /rooms/{room}/typing

`POST /people/{room}` with {"name", "text"} and the same token is a person who writes; it needs no bot to be there.
`POST /moods/{mood}`, with it too, makes the platform misbehave: `silent` (questions for events wait for ever; all else
is answered) until `speaking`, `revoked` (the bot's token is not valid any more) until `valid`.
Keys of messages are not honoured: as with most messengers, what is sent twice is shown twice.

The log has one JSON object (`Line`) for each thing that people could see, written before the bot hears of it. It
is this program's own: whoever judges a bot reads it, and asks the bot nothing.
"""

import argparse
import asyncio
import itertools
import os
import signal
import sys
import time
from collections import deque
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import uvloop
from aiohttp import web

TOKEN_VARIABLE = "MESSENGER_TOKEN"  # noqa: S105  the variable's name
MAX_WAITING = 10_000
MAX_MESSAGES = 100_000
MAX_WAIT_S = 60.0
TEXT_LIMIT = 2000  # code points

T = TypeVar("T")


Mood = Literal["silent", "speaking", "revoked", "valid"]
What = Literal["wrote", "taken", "sent", "edited", "typing", "mood"]


class Line(msgspec.Struct, frozen=True):
    """One line of the log. `at`: seconds of the machine's monotonic clock. `taken`: the bot confirmed that message.
    `mood`: the platform is so from now on, as the text says.
    """

    at: float
    what: What
    room: str
    id: str = ""
    text: str = ""


class Said(msgspec.Struct, frozen=True):
    """What a person writes."""

    name: str
    text: str


class Text(msgspec.Struct, frozen=True):
    """What the bot sends, or changes a message to."""

    text: str


class Event(msgspec.Struct, frozen=True):
    """A person's message as the bot gets it."""

    seq: int
    kind: str
    id: str
    room: dict[str, str]
    sender: dict[str, str]
    text: str
    sent_at: float


class Messenger:
    """The platform: rooms, a queue of what the bot has not confirmed, and the log.

    `swallow`: the so-manieth message of the bot (from 1) is taken, but nobody ever sees it; 0: none.
    """

    def __init__(self, log: Path, token: str, swallow: int = 0) -> None:
        self._log = log.open("ab", buffering=0)  # what was written stays, whatever happens to this process
        self._token = token
        self._swallow = swallow
        self._rooms: dict[str, set[str]] = {}  # room -> ids of the bot's messages in it
        self._unseen: set[str] = set()
        self._waiting: deque[Event] = deque()
        self._silent = self._revoked = False
        self._news = asyncio.Condition()
        self._numbers = itertools.count(1)
        self._seqs = itertools.count(1)
        self._sends = itertools.count(1)

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get("/events", self._events),
            web.post("/rooms/{room}/messages", self._send),
            web.put("/rooms/{room}/messages/{id}", self._edit),
            web.post("/rooms/{room}/typing", self._typing),
            web.post("/people/{room}", self._write),
            web.post("/moods/{mood}", self._turn),
        ]

    # --- people -----------------------------------------------------------------------------------------------

    async def _write(self, request: web.Request) -> web.Response:
        self._check(request)
        said, room = await _body(request, Said), request.match_info["room"]
        self._rooms.setdefault(room, set())
        if len(self._waiting) >= MAX_WAITING:
            raise _refused(507, "full")
        native, who = self._next_id(), {"id": room, "name": said.name}
        place = {"id": room, "kind": "dm", "title": said.name}
        self._note("wrote", room, native, said.text)
        self._waiting.append(Event(next(self._seqs), "message", native, place, who, said.text, time.time()))
        async with self._news:
            self._news.notify_all()
        return _reply({"id": native})

    async def _turn(self, request: web.Request) -> web.Response:
        self._check(request)
        try:
            mood = msgspec.convert(request.match_info["mood"], Mood)
        except msgspec.ValidationError as error:
            raise _refused(404, "unknown_mood") from error
        if mood in ("silent", "speaking"):
            self._silent = mood == "silent"
        else:
            self._revoked = mood == "revoked"
        self._note("mood", "", text=mood)
        async with self._news:
            self._news.notify_all()
        return _reply({"ok": True})

    # --- the bot ----------------------------------------------------------------------------------------------

    async def _events(self, request: web.Request) -> web.Response:
        self._check_bot(request)
        after, limit = int(_number(request, "after")), int(_number(request, "limit", 100))
        while self._waiting and self._waiting[0].seq <= after:
            event = self._waiting.popleft()
            self._note("taken", event.room["id"], event.id)
        try:
            async with asyncio.timeout(min(_number(request, "wait"), MAX_WAIT_S)), self._news:
                await self._news.wait_for(lambda: bool(self._waiting) and not self._silent)
        except TimeoutError:
            pass
        async with self._news:
            await self._news.wait_for(lambda: not self._silent)
        return _reply({"events": list(itertools.islice(self._waiting, limit))})

    async def _send(self, request: web.Request) -> web.Response:
        room, text = self._room(request), await _text(request)
        native = self._next_id()
        self._rooms[room].add(native)
        if next(self._sends) == self._swallow:
            self._unseen.add(native)
        self._show("sent", room, native, text)
        return _reply({"id": native})

    async def _edit(self, request: web.Request) -> web.Response:
        room, text, native = self._room(request), await _text(request), request.match_info["id"]
        if native not in self._rooms[room]:
            raise _refused(404, "unknown_message")
        self._show("edited", room, native, text)
        return _reply({"id": native})

    async def _typing(self, request: web.Request) -> web.Response:
        self._note("typing", self._room(request))
        return _reply({"ok": True})

    # --- both -------------------------------------------------------------------------------------------------

    def _check(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            raise _refused(401, "unauthorized")

    def _check_bot(self, request: web.Request) -> None:
        self._check(request)
        if self._revoked:
            raise _refused(401, "unauthorized")

    def _room(self, request: web.Request) -> str:
        self._check_bot(request)
        room = request.match_info["room"]
        if room not in self._rooms:
            raise _refused(404, "unknown_room")
        return room

    def _next_id(self) -> str:
        number = next(self._numbers)
        if number > MAX_MESSAGES:
            raise _refused(507, "full")
        return f"m{number}"

    def _show(self, what: Literal["sent", "edited"], room: str, native: str, text: str) -> None:
        if native not in self._unseen:
            self._note(what, room, native, text)

    def _note(self, what: What, room: str, native: str = "", text: str = "") -> None:
        self._log.write(msgspec.json.encode(Line(time.monotonic(), what, room, native, text)) + b"\n")


async def _body(request: web.Request, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.DecodeError as error:
        raise _refused(400, f"bad_body: {error}") from error


async def _text(request: web.Request) -> str:
    text = (await _body(request, Text)).text
    if not text.strip():
        raise _refused(400, "empty")
    if len(text) > TEXT_LIMIT:
        raise _refused(400, "too_long")
    return text


def _number(request: web.Request, name: str, usual: float = 0) -> float:
    try:
        return float(request.query.get(name, usual))
    except ValueError as error:
        raise _refused(400, f"bad_{name}") from error


def _reply(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


def _refused(status: int, error: str) -> web.HTTPException:
    body = msgspec.json.encode({"error": error}).decode()
    kinds: dict[int, type[web.HTTPException]] = {
        400: web.HTTPBadRequest,
        401: web.HTTPUnauthorized,
        404: web.HTTPNotFound,
        507: web.HTTPInsufficientStorage,
    }
    return kinds[status](text=body, content_type="application/json")


async def serve(messenger: Messenger) -> None:
    """Serve on a free loopback port until told to stop."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_reader(sys.stdin.fileno(), lambda: os.read(sys.stdin.fileno(), 1) or stop.set())
    app = web.Application()
    app.add_routes(messenger.routes())
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        sys.stdout.write(f'{{"url": "http://127.0.0.1:{runner.addresses[0][1]}"}}\n')
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m quarterdeck.testing.messenger")
    parser.add_argument("--log", type=Path, required=True, help="file to which what happens is appended")
    parser.add_argument("--swallow", type=int, default=0, help="message of the bot that nobody is to see")
    given = parser.parse_args()
    uvloop.run(serve(Messenger(given.log, os.environ[TOKEN_VARIABLE], given.swallow)))


if __name__ == "__main__":
    main()
