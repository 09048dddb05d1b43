"""Which routes does a test use to play people, plan faults and read the record?

    POST /_control/inject      an Act (inject.py)              -> update_id, chat_id, message_id
    POST /_control/chats       fields of a Chat (state.py)     changes or creates one
    POST /_control/users       fields of a Person (state.py)   changes or creates one
    POST /_control/faults      a Fault (faults.py)             DELETE calls all off, GET lists what is planned
    POST /_control/settings    {"strict_rates", "privacy", "joins": bool, "places": {https address: where it is}}
    POST /_control/reset       forget everything
    GET  /_control/sent        every message of the bot: final text, all wordings, when
    GET  /_control/requests    every request: method, parameters, when, status (None: still open, 0: cut)
    GET  /_control/acked       every confirmation: offset, update ids, when
    GET  /_control/events      the raw journal; `event` narrows it to one kind
    GET  /_control/file?id=     the bytes of a file
    GET  /_control/poller      {"polling": bool, "pending": updates not confirmed}

GET sent, requests (`method` narrows it), acked and events wait up to `timeout` seconds for at least `min`
items (of requests: of answered ones with `answered`); poller waits until `polling` is as given. An answer
says in `complete` whether that came true.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec
from aiohttp import web

from tests.standins.telegram.faults import Fault
from tests.standins.telegram.inject import Act, WrongAct, act
from tests.standins.telegram.journal import Record
from tests.standins.telegram.state import State
from tests.standins.telegram.updates import QueueFull

Wanted = TypeVar("Wanted", bound=msgspec.Struct)


class ChatSetting(msgspec.Struct, forbid_unknown_fields=True):
    """What can be said about a chat; what is None stays as it is."""

    id: int
    type: str | None = None
    title: str | None = None
    blocked: bool | None = None
    deactivated: bool | None = None
    migrated_to: int | None = None


class UserSetting(msgspec.Struct, forbid_unknown_fields=True):
    """What can be said about a person; what is None stays as it is."""

    id: int
    first_name: str | None = None
    username: str | None = None
    language_code: str | None = None


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """Switches of the stand-in."""

    strict_rates: bool | None = None
    privacy: bool | None = None
    joins: bool | None = None
    places: dict[str, str] | None = None


def sent_messages(records: Iterable[Record]) -> list[Record]:
    """Fold the journal into one entry per message of the bot; `wordings` lists every text with its time."""
    found: dict[tuple[object, object], Record] = {}
    for record in records:
        key = (record.get("chat_id"), record.get("message_id"))
        if record["event"] == "sent":
            wordings = [{"at": record["at"], "text": record["text"]}]
            found[key] = {**record, "wordings": wordings, "deleted_at": None}
        elif record["event"] == "edited" and key in found:
            entry = found[key]
            entry.update(text=record["text"], entities=record["entities"], reply_markup=record["reply_markup"])
            entry["wordings"] = [*_list(entry["wordings"]), {"at": record["at"], "text": record["text"]}]
        elif record["event"] == "markup" and key in found:
            found[key]["reply_markup"] = record["reply_markup"]
        elif record["event"] == "deleted" and key in found:
            found[key]["deleted_at"] = record["at"]
    return list(found.values())


def requests_with_status(records: Iterable[Record], method: str) -> list[Record]:
    """Fold requests and responses into one entry per request."""
    found: dict[object, Record] = {}
    for record in records:
        if record["event"] == "request" and method.lower() in ("", str(record["method"]).lower()):
            found[record["n"]] = {**record, "status": None, "answered_at": None, "fault": None}
        elif record["event"] == "response" and record["request"] in found:
            entry = found[record["request"]]
            entry.update(status=record["status"], answered_at=record["at"], fault=record["fault"])
    return list(found.values())


def control_routes(state: State) -> list[web.RouteDef]:
    """Return the routes over one state."""
    control = _Control(state)
    return [
        web.post("/_control/inject", control.inject),
        web.post("/_control/chats", control.set_chat),
        web.post("/_control/users", control.set_user),
        web.post("/_control/faults", control.plan_fault),
        web.get("/_control/faults", control.list_faults),
        web.delete("/_control/faults", control.clear_faults),
        web.post("/_control/settings", control.set_settings),
        web.post("/_control/reset", control.reset),
        web.get("/_control/sent", control.sent),
        web.get("/_control/requests", control.requests),
        web.get("/_control/acked", control.acked),
        web.get("/_control/events", control.events),
        web.get("/_control/file", control.file),
        web.get("/_control/poller", control.poller),
    ]


class _Control:
    def __init__(self, state: State) -> None:
        self._state = state

    async def inject(self, request: web.Request) -> web.Response:
        wanted = await _read(request, Act)
        try:
            return _json(act(self._state, wanted))
        except (WrongAct, QueueFull) as error:
            raise web.HTTPBadRequest(text=str(error)) from error

    async def set_chat(self, request: web.Request) -> web.Response:
        wanted = await _read(request, ChatSetting)
        chat = self._state.chat_of(wanted.id, self._state.person(abs(wanted.id)))
        _apply(wanted, chat)
        return _json(chat.json())

    async def set_user(self, request: web.Request) -> web.Response:
        wanted = await _read(request, UserSetting)
        person = self._state.person(wanted.id)
        _apply(wanted, person)
        return _json(person.json())

    async def plan_fault(self, request: web.Request) -> web.Response:
        self._state.faults.plan(await _read(request, Fault))
        return _json(self._state.faults.planned)

    async def list_faults(self, _request: web.Request) -> web.Response:
        return _json(self._state.faults.planned)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        self._state.faults.clear()
        return _json([])

    async def set_settings(self, request: web.Request) -> web.Response:
        wanted = await _read(request, Settings)
        if wanted.strict_rates is not None:
            self._state.rates.strict = wanted.strict_rates
        if wanted.privacy is not None:
            self._state.privacy = wanted.privacy
        if wanted.joins is not None:
            self._state.joins = wanted.joins
        if wanted.places is not None:
            self._state.delivery.places = wanted.places
        return _json(wanted)

    async def reset(self, _request: web.Request) -> web.Response:
        self._state.forget()
        return _json({})

    async def sent(self, request: web.Request) -> web.Response:
        return await self._listing(request, "sent", "", sent_messages)

    async def requests(self, request: web.Request) -> web.Response:
        method = request.query.get("method", "")
        return await self._listing(request, "request", method, lambda records: requests_with_status(records, method))

    async def acked(self, request: web.Request) -> web.Response:
        return await self._listing(request, "acked", "", lambda _records: self._state.journal.of("acked"))

    async def events(self, request: web.Request) -> web.Response:
        event = request.query.get("event", "")
        journal = self._state.journal
        return await self._listing(request, event, "", lambda records: journal.of(event) if event else list(records))

    async def file(self, request: web.Request) -> web.Response:
        stored = self._state.files.get(request.query.get("id", ""))
        if stored is None:
            raise web.HTTPNotFound
        return web.Response(body=stored.content)

    async def poller(self, request: web.Request) -> web.Response:
        updates = self._state.updates
        wanted = request.query.get("polling")
        complete = wanted is None or await self._state.journal.until(
            lambda: updates.someone_polls == (wanted == "true"), float(request.query.get("timeout", "0"))
        )
        return _json({"complete": complete, "polling": updates.someone_polls, "pending": len(updates)})

    async def _listing(
        self, request: web.Request, event: str, method: str, fold: Callable[[list[Record]], list[Record]]
    ) -> web.Response:
        journal, least = self._state.journal, int(request.query.get("min", "0"))
        complete = await journal.until(
            lambda: journal.count(event, method) >= least, float(request.query.get("timeout", "0"))
        )
        return _json({"complete": complete, "items": fold(journal.records)})


async def _read(request: web.Request, kind: type[Wanted]) -> Wanted:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise web.HTTPBadRequest(text=str(error)) from error


def _apply(wanted: msgspec.Struct, to: object) -> None:
    for name, value in msgspec.structs.asdict(wanted).items():
        if value is not None:
            setattr(to, name, value)


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _json(body: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")
