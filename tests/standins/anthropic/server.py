"""The routes, the waiting and the failing."""

import hashlib
import math
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from tests.standins import Record, serving
from tests.standins.anthropic import options, shapes, turns, wire
from tests.standins.anthropic.answer import Place, Reply, compose, place
from tests.standins.anthropic.cache import Cache, Tokens, prompt
from tests.standins.anthropic.catalogue import MODELS, Model
from tests.standins.anthropic.directives import Asked, Broken, parse
from tests.standins.anthropic.refused import KINDS, STATUSES, Refused
from tests.standins.model.directives import BadDirective, Fault
from tests.standins.model.ledger import Call
from tests.standins.model.scripted import Scripted, break_off, hang, whole
from tests.waiting import slowly

KEY = "sk-ant-standin"
VERSIONS = (options.NEW_VERSION, options.OLD_VERSION)
LIMITS = re.compile(r"[1-9]\d{0,3}")
CREDIT = (
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase "
    "credits."
)


class Settings(msgspec.Struct, frozen=True):
    """Accepted keys, known models, the largest body in bytes.

    `delay`: seconds before every answer. `keep`: how many requests stay in memory.
    """

    keys: tuple[str, ...] = (KEY,)
    models: tuple[Model, ...] = MODELS
    max_body: int = 32 * 1024 * 1024
    delay: float = 0.0
    keep: int = 2_000


class AnthropicStandin(Scripted[Asked]):
    """A running stand-in. `delay` (seconds) and `instant` may be set directly."""

    def __init__(self, settings: Settings, record: Record, cache: Cache) -> None:
        super().__init__(parse, record, settings.delay, settings.keep)
        self._settings = settings
        self._cache = cache

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=self._settings.max_body)
        app.router.add_post("/v1/messages", self._messages)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/models/{id}", self._model)
        self._add_control(app)
        app.router.add_route("*", "/{path:.*}", self._nowhere)
        return app

    async def _messages(self, http: web.Request) -> web.StreamResponse:
        try:
            raw = await http.read()
        except web.HTTPRequestEntityTooLarge:
            return _refusal(Refused("Request exceeds the maximum size", 413), "req_0")
        call = self._ledger.arrival(hashlib.sha256(raw).hexdigest(), http.headers.get("Idempotency-Key"))
        try:
            return await self._answer(http, raw, call)
        except Refused as refused:
            call.kind, call.status = call.kind or f"refused {refused.status}", refused.status
            return _refusal(refused, _name(call))
        finally:
            call.disconnected = http.transport is None
            self._ledger.end(call)

    async def _answer(self, http: web.Request, raw: bytes, call: Call) -> web.StreamResponse:
        try:
            version = self._check_head(http, body=True)
            request = shapes.parse(raw)
            model = self._find(request.model)
            here = place(turns.check(request, model))
            options.check(request, model, version)
            _check_window(request, model)
            call.text, call.round, call.messages = here.text, here.round, len(request.messages)
            call.model, call.stream = request.model, bool(request.stream)
            asked = self._scripted(here, call)
        finally:
            self._ledger.begin(call, raw)
        await self._wait(self.delay + asked.common.delay)
        fault = asked.fault(call.attempt)
        self._refuse(asked, fault, call, bool(request.stream))
        if isinstance(fault, Fault) and fault.kind == "hang":
            return await hang(http, call)
        reply = compose(request, model, asked, here, call.digest, self._cache.use(request, model))
        call.kind, call.status = (fault.kind if fault else reply.kind), 200
        return await self._send(http, call, request, reply, fault)

    def _check_head(self, http: web.Request, body: bool = False) -> str:
        """The version that is asked for. Raises Refused."""
        given = http.headers.get("x-api-key") or http.headers.get("Authorization", "").removeprefix("Bearer ")
        if not given:
            raise Refused("x-api-key header is required", 401)
        if given not in self._settings.keys:
            raise Refused("invalid x-api-key", 401)
        version = http.headers.get("anthropic-version")
        if version is None:
            raise Refused("anthropic-version: header is required")
        if version not in VERSIONS:
            raise Refused(f'anthropic-version: "{version}" is not a valid version')  # wording unverified
        if body and http.content_type != "application/json":
            raise Refused("content-type: must be application/json")  # wording unverified
        return version

    def _find(self, name: str) -> Model:
        found = next((model for model in self._settings.models if model.name == name), None)
        if found is None:
            raise Refused(f"model: {name}", 404)
        return found

    def _scripted(self, here: Place, call: Call) -> Asked:
        try:
            return self._script(here.text, call)
        except BadDirective as error:
            raise Refused(f"stand-in: {error}") from error

    def _refuse(self, asked: Asked, fault: Fault | Broken | None, call: Call, streamed: bool) -> None:
        """Raises Refused where the script wants an error's status."""
        if asked.credit:
            raise Refused(CREDIT)
        if isinstance(fault, Fault) and fault.kind == "status":
            call.kind = f"status {fault.status}"
            raise _failure(fault.status, fault.retry_after)
        if isinstance(fault, Broken) and fault.kind == "error" and not streamed:
            call.kind = "error"
            raise _failure(STATUSES[fault.name], None)

    async def _send(
        self, http: web.Request, call: Call, request: shapes.Request, reply: Reply, fault: Fault | Broken | None
    ) -> web.StreamResponse:
        message_id = f"msg_{call.digest[:24]}"
        if request.stream:
            return await self._stream(http, call, wire.frames(reply, message_id, request.model), reply.spacing, fault)
        deltas = sum(len(getattr(part, "pieces", ())) for part in reply.parts)
        await self._wait(reply.spacing * deltas)
        body = wire.message(reply, message_id, request.model)
        if fault is not None and fault.kind == "garbage":
            body = body[: len(body) // 2]
        headers = {"Content-Type": "application/json", **_names(call)}
        return await whole(http, body, headers, cut=fault is not None and fault.kind == "cut")

    async def _stream(
        self, http: web.Request, call: Call, frames: wire.Frames, spacing: float, fault: Fault | Broken | None
    ) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8", **_names(call)})
        try:
            await answer.prepare(http)
            await answer.write(frames.first)
            await self._deltas(answer, call, frames, spacing, fault)
            if fault is not None and fault.kind == "cut":
                return break_off(http, answer)
            await answer.write(_last(fault, frames.last))
            await answer.write_eof()
        except ConnectionError:
            return answer
        return answer

    async def _deltas(
        self, answer: web.StreamResponse, call: Call, frames: wire.Frames, spacing: float, fault: Fault | Broken | None
    ) -> None:
        slow = spacing > 0 and not self.instant
        waiting: list[bytes] = []
        for frame, counts in frames.deltas:
            if fault is not None and call.deltas >= fault.after and counts:
                break
            waiting.append(frame)
            call.deltas += counts
            if slow and counts:
                await answer.write(b"".join(waiting))
                waiting.clear()
                await slowly(spacing)
        if waiting:
            await answer.write(b"".join(waiting))

    async def _models(self, http: web.Request) -> web.Response:
        try:
            self._check_head(http)
            limit = http.query.get("limit", "20")
            if not LIMITS.fullmatch(limit) or int(limit) > 1000:  # wording unverified
                raise Refused("limit: Input should be between 1 and 1000")
            page, more = self._page(http.query.get("after_id"), http.query.get("before_id"), int(limit))
        except Refused as refused:
            return _refusal(refused, "req_0")
        return _json(wire.models(page, more))

    def _page(self, after: str | None, before: str | None, limit: int) -> tuple[list[Model], bool]:
        names = [model.name for model in self._settings.models]
        for given in (after, before):
            if given is not None and given not in names:
                raise Refused(f"model: {given}", 404)
        found = list(self._settings.models)
        if before is not None:
            found = found[: names.index(before)]
            return found[-limit:], len(found) > limit
        found = found[names.index(after) + 1 :] if after is not None else found
        return found[:limit], len(found) > limit

    async def _model(self, http: web.Request) -> web.Response:
        try:
            self._check_head(http)
            return _json(wire.one_model(self._find(http.match_info["id"])))
        except Refused as refused:
            return _refusal(refused, "req_0")

    async def _nowhere(self, http: web.Request) -> web.Response:
        return _refusal(Refused("Not Found", 404), "req_0")


@asynccontextmanager
async def anthropic_standin(
    settings: Settings | None = None, *, port: int = 0, record: Path | None = None, cache: Cache | None = None
) -> AsyncIterator[AnthropicStandin]:
    """Run a stand-in in this loop; `record` is a JSON-lines file to append to."""
    lines = Record(record)
    standin = AnthropicStandin(settings or Settings(), lines, cache or Cache())
    try:
        async with serving(standin.app(), port) as standin.url:
            yield standin
    finally:
        lines.close()


def _check_window(request: shapes.Request, model: Model) -> None:
    tokens = Tokens(sum(piece.tokens for piece in prompt(request))).total
    if tokens > model.window:
        raise Refused(f"prompt is too long: {tokens} tokens > {model.window} maximum")


def _last(fault: Fault | Broken | None, ending: bytes) -> bytes:
    if isinstance(fault, Broken):
        return wire.GARBAGE if fault.kind == "garbage" else wire.broken(fault.name, _said(STATUSES[fault.name]))
    return ending


def _name(call: Call) -> str:
    return f"req_{call.n}"


def _names(call: Call) -> dict[str, str]:
    return {"request-id": _name(call)}


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=body, status=status, headers={"Content-Type": "application/json", **(headers or {})})


def _refusal(refused: Refused, request_id: str) -> web.Response:
    return _json(wire.refusal(refused, request_id), refused.status, {"request-id": request_id, **refused.headers})


def _said(status: int) -> str:
    return {
        429: "This request would exceed your organization's rate limit of 50 requests per minute.",
        500: "Internal server error",
        529: "Overloaded",
    }.get(status, f"stand-in: asked to answer {status} ({KINDS.get(status, 'no name')}).")


def _failure(status: int, retry_after: float | None) -> Refused:
    """An asked-for error; a rate limit names its wait in whole seconds."""
    headers = {} if retry_after is None else {"retry-after": str(math.ceil(retry_after))}
    if status == 429:
        headers |= {"anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "0"}
    return Refused(_said(status), status, headers)
