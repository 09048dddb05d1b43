"""What a test injects, breaks, sets and reads. Without a token:

POST   /_control/inject    one `Inject` or a list -> {"events": [{"seq", "id", "revision"}]}
POST   /_control/faults    one `Fault`
DELETE /_control/faults    forgets those that wait
POST   /_control/settings  the fields of `Settings` that change -> the settings
GET    /_control/log       everything: rooms, pending, acks, effects, requests
"""

from typing import Protocol

import msgspec
from aiohttp import web

from tests.standins.loopback.refusals import Refused
from tests.standins.loopback.values import Event, Fault, Inject, Settings
from tests.standins.loopback.wire import parse, reply


class Controlled(Protocol):
    """What the control routes act on."""

    def inject(self, what: Inject) -> list[Event]: ...
    def fault(self, fault: Fault) -> None: ...
    def clear(self) -> None: ...
    def log(self) -> dict[str, object]: ...
    @property
    def settings(self) -> Settings: ...
    @settings.setter
    def settings(self, settings: Settings) -> None: ...


class Control:
    """The control routes of one stand-in."""

    def __init__(self, standin: Controlled) -> None:
        self._standin = standin

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_post("/_control/inject", self._inject)
        app.router.add_post("/_control/faults", self._fault)
        app.router.add_delete("/_control/faults", self._clear)
        app.router.add_post("/_control/settings", self._set)
        app.router.add_get("/_control/log", self._log)

    async def _inject(self, http: web.Request) -> web.Response:
        try:
            body = await http.read()
            many = body.lstrip().startswith(b"[")
            asked = parse(body, list[Inject]) if many else [parse(body, Inject)]
            events = [event for one in asked for event in self._act(one)]
        except Refused as refused:
            return reply({"error": refused.name}, refused.status)
        return reply({"events": events})

    def _act(self, what: Inject) -> list[dict[str, object]]:
        events = self._standin.inject(what)
        return [{"seq": event.seq, "id": event.id, "revision": event.revision} for event in events]

    async def _fault(self, http: web.Request) -> web.Response:
        try:
            self._standin.fault(parse(await http.read(), Fault))
        except Refused as refused:
            return reply({"error": refused.name}, refused.status)
        return reply({"ok": True})

    async def _clear(self, http: web.Request) -> web.Response:
        self._standin.clear()
        return reply({"ok": True})

    async def _set(self, http: web.Request) -> web.Response:
        try:
            changes = parse(await http.read(), dict[str, object])
            self._standin.settings = changed(self._standin.settings, changes)
        except Refused as refused:
            return reply({"error": refused.name}, refused.status)
        return reply(self._standin.settings)

    async def _log(self, http: web.Request) -> web.Response:
        return reply(self._standin.log())


def changed(settings: Settings, changes: dict[str, object]) -> Settings:
    """The settings with some fields changed. Raises Refused."""
    try:
        return msgspec.convert({**msgspec.to_builtins(settings), **changes}, Settings)
    except msgspec.ValidationError as error:
        raise Refused(400, f"bad_body: {error}") from error
