"""The routes, the waiting and the failing."""

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from tests.standins import Record, serving
from tests.standins.model import wire
from tests.standins.model.answer import Reply, compose
from tests.standins.model.asked import Place
from tests.standins.model.directives import BadDirective, Fault, Script, parse
from tests.standins.model.endpoints import Chat, Embedding, Question, Responses, Rules
from tests.standins.model.ledger import Call
from tests.standins.model.refused import SERVER_FAULT, Refused
from tests.standins.model.responses.requests import Stored
from tests.standins.model.scripted import Scripted, break_off, hang, whole
from tests.waiting import slowly

KEY = "sk-standin"
Reading = Callable[[bytes], Question]


class Settings(msgspec.Struct, frozen=True):
    """Accepted keys (none: no key is needed), known models (none: any), limits in tokens and bytes.

    `delay`: seconds before every answer. `keep`: how many requests stay in memory.
    """

    keys: tuple[str, ...] = (KEY,)
    models: tuple[str, ...] = ()
    context_tokens: int = 128_000
    max_body: int = 32 * 1024 * 1024
    delay: float = 0.0
    keep: int = 2_000


class ModelStandin(Scripted[Script]):
    """A running stand-in. `delay` (seconds), `instant` and `go_on` (see the directive `hold`) may be set directly."""

    def __init__(self, settings: Settings, record: Record) -> None:
        super().__init__(parse, record, settings.delay, settings.keep)
        self._settings = settings
        self._stored = Stored()
        self.go_on = asyncio.Event()

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=self._settings.max_body)
        rules = Rules(self._settings.models, self._settings.context_tokens)
        app.router.add_post("/v1/chat/completions", self._asking(lambda raw: Chat.read(raw, rules)))
        app.router.add_post("/v1/responses", self._asking(lambda raw: Responses.read(raw, rules, self._stored)))
        app.router.add_post("/v1/embeddings", self._asking(lambda raw: Embedding.read(raw, rules)))
        app.router.add_get("/v1/models", self._models)
        self._add_control(app)
        app.router.add_route("*", "/{path:.*}", self._nowhere)
        return app

    def _asking(self, read: Reading) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The route of an endpoint that reads its requests with `read`."""

        async def handle(http: web.Request) -> web.StreamResponse:
            try:
                raw = await http.read()
            except web.HTTPRequestEntityTooLarge:
                return _refusal(Refused("Request body too large.", None, "request_too_large", status=413))
            digest = hashlib.sha256(raw).hexdigest()
            call = self._ledger.arrival(digest, http.headers.get("Idempotency-Key"))
            try:
                return await self._answer(http, read, raw, call)
            except Refused as refused:
                call.kind, call.status = call.kind or f"refused {refused.status}", refused.status
                return _refusal(refused)
            finally:
                call.disconnected = http.transport is None
                self._ledger.end(call)

        return handle

    async def _answer(self, http: web.Request, read: Reading, raw: bytes, call: Call) -> web.StreamResponse:
        try:
            self._check_key(http)
            question = read(raw)
            asked = question.asked
            call.text, call.round, call.messages = asked.here.text, asked.here.round, len(asked.sizes)
            call.model, call.stream = asked.model, asked.stream
            script = self._scripted(asked.here, call)
        finally:
            self._ledger.begin(call, raw)
        await self._wait(self.delay + script.delay)
        fault = script.fault(call.attempt)
        if fault is not None and fault.kind == "status":
            call.kind = f"status {fault.status}"
            raise _failure(fault, asked.model)
        if fault is not None and fault.kind == "hang":
            return await hang(http, call)
        return await self._send(http, call, question, compose(asked, script, call.digest), fault)

    def _check_key(self, http: web.Request) -> None:
        if not self._settings.keys:
            return
        given = http.headers.get("Authorization", "")
        if not given.startswith("Bearer "):
            raise Refused("You didn't provide an API key.", status=401)
        key = given.removeprefix("Bearer ")
        if key not in self._settings.keys:
            shown = f"{key[:4]}****{key[-4:]}" if len(key) > 8 else "****"
            raise Refused(f"Incorrect API key provided: {shown}.", None, "invalid_api_key", status=401)

    def _scripted(self, here: Place, call: Call) -> Script:
        try:
            return self._script(here.text, call)
        except BadDirective as error:
            raise Refused(f"stand-in: {error}", "messages", "bad_directive") from error

    async def _send(
        self, http: web.Request, call: Call, question: Question, reply: Reply, fault: Fault | None
    ) -> web.StreamResponse:
        call.kind, call.status = (fault.kind if fault else reply.kind), 200
        if question.asked.stream:
            return await self._stream(http, call, question, reply, fault)
        await self._wait(reply.spacing * len(reply.pieces))
        headers = {"Content-Type": "application/json", **_names(call)}
        if fault is None or fault.kind == "cut":
            return await whole(http, question.body(reply, call), headers, cut=fault is not None)
        body = b'{"id": nonsense' if fault.kind == "garbage" else question.failed(fault, call)
        if body is None:
            raise Refused(SERVER_FAULT, None, fault.code, 500, "server_error")
        return await whole(http, body, headers, cut=False)

    async def _stream(
        self, http: web.Request, call: Call, question: Question, reply: Reply, fault: Fault | None
    ) -> web.StreamResponse:
        frames, spacing = question.frames(reply, call), reply.spacing
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8", **_names(call)})
        deltas = frames.deltas if fault is None else frames.deltas[: fault.after]
        try:
            await answer.prepare(http)
            if spacing and not self.instant:
                await answer.write(frames.first)
                for frame in deltas:
                    if call.deltas == reply.hold:
                        await self.go_on.wait()
                    await answer.write(frame)
                    call.deltas += 1
                    await slowly(spacing)
            else:
                await answer.write(frames.first + b"".join(deltas))
                call.deltas = len(deltas)
            if fault is not None and fault.kind == "cut":
                return break_off(http, answer)
            await answer.write(frames.last if fault is None else _spoilt(question, call, frames, fault))
            await answer.write_eof()
        except ConnectionError:
            return answer
        return answer

    async def _models(self, http: web.Request) -> web.Response:
        try:
            self._check_key(http)
        except Refused as refused:
            return _refusal(refused)
        return _json(wire.model_list(self._settings.models or ("standin",)))

    async def _nowhere(self, http: web.Request) -> web.Response:
        return _refusal(Refused(f"Invalid URL ({http.method} {http.path})", status=404))


@asynccontextmanager
async def model_standin(
    settings: Settings | None = None, *, port: int = 0, record: Path | None = None
) -> AsyncIterator[ModelStandin]:
    """Run a stand-in in this loop; `record` is a JSON-lines file to append to."""
    lines = Record(record)
    standin = ModelStandin(settings or Settings(), lines)
    try:
        async with serving(standin.app(), port) as standin.url:
            yield standin
    finally:
        lines.close()


def _spoilt(question: Question, call: Call, frames: wire.Frames, fault: Fault) -> bytes:
    """What stands where the rest of a stream would."""
    if fault.kind == "garbage":
        return b"data: {nonsense\n\n"
    sent = frames.first + b"".join(frames.deltas[: fault.after])
    return question.broken(fault, call, sent.count(b"\n\n"))


def _names(call: Call) -> dict[str, str]:
    return {"x-request-id": f"req_{call.n}"}


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=body, status=status, headers={"Content-Type": "application/json", **(headers or {})})


def _refusal(refused: Refused) -> web.Response:
    return _json(wire.error(refused.error), refused.status, refused.headers)


def _failure(fault: Fault, model: str) -> Refused:
    """An asked-for error in the vendor's shape. 429 names a wait in whole seconds and in milliseconds."""
    if fault.status == 429:
        headers: dict[str, str] = {}
        if fault.retry_after is not None:
            milliseconds = str(math.ceil(fault.retry_after * 1000))
            headers = {"Retry-After": str(math.ceil(fault.retry_after)), "retry-after-ms": milliseconds}
        message = f"Rate limit reached for {model}. Please try again in {fault.retry_after or 1:g}s."
        return Refused(message, None, "rate_limit_exceeded", 429, "requests", headers)
    if fault.status >= 500:
        return Refused(SERVER_FAULT, None, None, fault.status, "server_error")
    return Refused(f"stand-in: asked to answer {fault.status}.", status=fault.status)
