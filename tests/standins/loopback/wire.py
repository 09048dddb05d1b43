"""The bot's routes: each turns a request whose body was read into an answer, or raises Refused."""

import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import web

from tests.standins.loopback.feed import Feed
from tests.standins.loopback.files import Files
from tests.standins.loopback.refusals import Refused
from tests.standins.loopback.rooms import Rooms
from tests.standins.loopback.values import Edit, Effect, Note, Post, Route, Told, Upload

Handler = Callable[[web.Request, bytes], Awaitable[web.Response]]
MAX_WAIT = 60.0
MAX_EVENTS = 1000
MAX_EFFECTS = 1_000_000

T = TypeVar("T")


class Wire:
    """What a bot may ask of the platform."""

    def __init__(self, feed: Feed, rooms: Rooms, files: Files, note: Note) -> None:
        self.effects: deque[Effect] = deque(maxlen=MAX_EFFECTS)
        self._feed = feed
        self._rooms = rooms
        self._files = files
        self._note = note

    def routes(self) -> list[tuple[str, str, Route, Handler]]:
        """Method, path, the name that faults use, and what answers."""
        return [
            ("GET", "/events", "events", self._events),
            ("POST", "/rooms/{room}/messages", "messages", self._send),
            ("PUT", "/rooms/{room}/messages/{id}", "edit", self._change),
            ("DELETE", "/rooms/{room}/messages/{id}/buttons", "buttons", self._unbutton),
            ("PUT", "/rooms/{room}/messages/{id}/reaction", "reaction", self._react),
            ("DELETE", "/rooms/{room}/messages/{id}/reaction", "reaction", self._react),
            ("POST", "/presses/{id}", "press", self._told),
            ("POST", "/rooms/{room}/typing", "typing", self._typing),
            ("POST", "/rooms/{room}/files", "upload", self._upload),
            ("GET", "/files/{id}", "files", self._file),
            ("POST", "/effect", "effect", self._effect),
        ]

    async def _events(self, http: web.Request, body: bytes) -> web.Response:
        try:
            after = int(http.query.get("after", "0"))
            wait = min(float(http.query.get("wait", "0")), MAX_WAIT)
            limit = min(int(http.query.get("limit", "100")), MAX_EVENTS)
        except ValueError as error:
            raise Refused(400, "bad_query") from error
        return reply({"events": await self._feed.poll(after, wait, limit)})

    async def _send(self, http: web.Request, body: bytes) -> web.Response:
        entry = self._rooms.post(http.match_info["room"], parse(body, Post))
        return reply({"id": entry.id})

    async def _change(self, http: web.Request, body: bytes) -> web.Response:
        native_id = http.match_info["id"]
        return reply({"id": self._rooms.edit(http.match_info["room"], native_id, parse(body, Edit).text).id})

    async def _unbutton(self, http: web.Request, body: bytes) -> web.Response:
        return reply({"id": self._rooms.unbutton(http.match_info["room"], http.match_info["id"]).id})

    async def _react(self, http: web.Request, body: bytes) -> web.Response:
        self._rooms.react(http.match_info["room"], http.match_info["id"], on=http.method == "PUT")
        return reply({"ok": True})

    async def _told(self, http: web.Request, body: bytes) -> web.Response:
        self._rooms.answer(http.match_info["id"], parse(body, Told).text)
        return reply({"ok": True})

    async def _typing(self, http: web.Request, body: bytes) -> web.Response:
        room = http.match_info["room"]
        self._rooms.known(room)
        self._note("typing", room=room)
        return reply({"ok": True})

    async def _upload(self, http: web.Request, body: bytes) -> web.Response:
        self._rooms.known(http.match_info["room"])
        name = http.headers.get("X-File-Name", "file")
        kept = self._files.keep(Upload(name, http.content_type, body))
        self._note("file", room=http.match_info["room"], id=kept.id, name=name, size=kept.size)
        return reply({"id": kept.id})

    async def _file(self, http: web.Request, body: bytes) -> web.Response:
        upload = self._files.get(http.match_info["id"])
        return web.Response(body=upload.data, headers={"Content-Type": upload.mime})

    async def _effect(self, http: web.Request, body: bytes) -> web.Response:
        number = self.effects[-1].n + 1 if self.effects else 1
        text = body.decode(errors="replace")
        effect = Effect(number, time.time(), http.headers.get("Idempotency-Key"), text)
        self.effects.append(effect)
        self._note("effect", count=number, key=effect.key, body=text)
        return reply({"ok": True, "n": number})


def parse(body: bytes, shape: type[T]) -> T:
    """The body as `shape`. Raises Refused."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, f"bad_body: {error}") from error


def reply(value: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    names = {"Content-Type": "application/json", **(headers or {})}
    return web.Response(body=msgspec.json.encode(value), status=status, headers=names)
