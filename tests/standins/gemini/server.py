"""The routes, the waiting and the failing."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from tests.standins import Record, serving
from tests.standins.gemini import answer, catalogue, embeddings, wire
from tests.standins.gemini.catalogue import MODELS, Model
from tests.standins.gemini.directives import Asked, Broken, parse
from tests.standins.gemini.errors import Refused, asked_for, bad_key, by_code, no_key
from tests.standins.gemini.options import check_options
from tests.standins.gemini.requests import Content, GenerateRequest, Wire, check_contents, check_parts, read
from tests.standins.gemini.turns import check_order, check_signatures
from tests.standins.model.directives import BadDirective, Fault
from tests.standins.model.ledger import Call
from tests.standins.model.requests import place
from tests.standins.model.scripted import Scripted, break_off, hang, whole

KEY = "AIza-standin"
VERSIONS = ("v1beta", "v1")  # google-genai 3.6.1 asks for v1 by default
JSON = {"Content-Type": "application/json; charset=UTF-8"}
GENERATING = ("generateContent", "streamGenerateContent")


class Settings(msgspec.Struct, frozen=True):
    """Accepted keys, the models, the limit of a body in bytes.

    `delay`: seconds before every answer. `keep`: how many requests stay in memory. `max_body`: 20 MB for a request with
    inline data (ai.google.dev/gemini-api/docs/image-understanding).
    """

    keys: tuple[str, ...] = (KEY,)
    models: tuple[Model, ...] = MODELS
    max_body: int = 20 * 1024 * 1024
    delay: float = 0.0
    keep: int = 2_000


class CountRequest(Wire, frozen=True):
    contents: list[Content] | None = None
    generate_content_request: GenerateRequest | None = None


class GeminiStandin(Scripted[Asked]):
    """A running stand-in. `delay` (seconds) and `instant` may be set directly."""

    def __init__(self, settings: Settings, record: Record) -> None:
        super().__init__(parse, record, settings.delay, settings.keep)
        self._settings = settings

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=self._settings.max_body)
        for version in VERSIONS:
            app.router.add_get(f"/{version}/models", self._models)
            app.router.add_get(f"/{version}/models/{{model:[^:/]+}}", self._model)
            app.router.add_post(f"/{version}/models/{{model:[^:/]+}}:{{method}}", self._method)
        self._add_control(app)
        app.router.add_route("*", "/{path:.*}", self._nowhere)
        return app

    async def _method(self, http: web.Request) -> web.StreamResponse:
        try:
            raw = await http.read()
        except web.HTTPRequestEntityTooLarge:
            limit = self._settings.max_body
            return _refusal(Refused(f"Request payload size exceeds the limit: {limit} bytes.", code=400))
        if http.match_info["method"] in GENERATING:
            return await self._generate(http, raw)
        try:
            self._check_key(http)
            return _json(self._other(http, raw))
        except Refused as refused:
            return _refusal(refused)

    def _other(self, http: web.Request, raw: bytes) -> bytes:
        """The methods that answer at once."""
        name, method = http.match_info["model"], http.match_info["method"]
        model = catalogue.find(self._settings.models, name, method)
        if method == "countTokens":
            counted = read(raw, CountRequest)
            request = counted.generate_content_request or GenerateRequest(contents=counted.contents or [])
            check_contents(request.contents)
            tokens, _ = answer.prompt_tokens(request)
            details = [{"modality": "TEXT", "tokenCount": tokens}]
            return msgspec.json.encode({"totalTokens": tokens, "promptTokensDetails": details})
        if method == "embedContent":
            return msgspec.json.encode({"embedding": embeddings.embed(read(raw, embeddings.EmbedRequest))})
        batch = read(raw, embeddings.BatchRequest)
        return msgspec.json.encode(embeddings.embed_batch(batch, model.name))

    async def _generate(self, http: web.Request, raw: bytes) -> web.StreamResponse:
        digest = hashlib.sha256(raw).hexdigest()
        call = self._ledger.arrival(digest, None)
        call.model, call.stream = http.match_info["model"], http.match_info["method"] == "streamGenerateContent"
        try:
            return await self._answer(http, raw, call)
        except Refused as refused:
            call.kind, call.status = call.kind or f"refused {refused.code}", refused.code
            return _refusal(refused, array=call.stream and http.query.get("alt") != "sse")
        finally:
            call.disconnected = http.transport is None
            self._ledger.end(call)

    async def _answer(self, http: web.Request, raw: bytes, call: Call) -> web.StreamResponse:
        try:
            self._check_key(http)
            model = catalogue.find(self._settings.models, call.model, http.match_info["method"])
            request = accept(raw, model)
            messages = answer.conversation(request.contents)
            here = place(messages)
            call.text, call.round, call.messages = here.text, here.round, len(request.contents)
            asked = self._asked(here.text, call)
        finally:
            self._ledger.begin(call, raw)
        await self._wait(self.delay + asked.common.delay)
        fault = asked.fault(call.attempt)
        _refuse_if_asked(fault, call)
        if isinstance(fault, Fault) and fault.kind == "hang":
            return await hang(http, call)
        reply = answer.compose(request, model, asked, here, messages, call.digest)
        head = wire.Head(call.digest[:22], model.name, model.thinks)
        call.kind, call.status = (fault.kind if fault else reply.kind), 200
        if not call.stream:
            await self._wait(reply.spacing * len(reply.pieces))
            if isinstance(fault, Broken):
                raise asked_for(fault.name or "INTERNAL")
            return await whole(http, wire.whole(reply, head), JSON, cut=fault is not None)
        if http.query.get("alt") != "sse":
            return _json(b"[" + b",\r\n".join([*(stream := wire.frames(reply, head)).deltas, stream.last]) + b"]")
        return await self._stream(http, call, wire.frames(reply, head), reply.spacing, fault)

    def _check_key(self, http: web.Request) -> None:
        given = http.headers.get("x-goog-api-key") or http.query.get("key")
        if not given:
            raise no_key()
        if given not in self._settings.keys:
            raise bad_key()

    def _asked(self, text: str, call: Call) -> Asked:
        try:
            return self._script(text, call)
        except BadDirective as error:
            raise Refused(f"stand-in: {error}") from error

    async def _stream(
        self, http: web.Request, call: Call, frames: wire.Frames, spacing: float, fault: Broken | Fault | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        deltas = [wire.event(delta) for delta in (frames.deltas if fault is None else frames.deltas[: fault.after])]
        try:
            await response.prepare(http)
            for delta in deltas if spacing and not self.instant else [b"".join(deltas)] if deltas else []:
                await response.write(delta)
                call.deltas += 1
                await self._wait(spacing)
            call.deltas = len(deltas)
            if isinstance(fault, Fault):
                return break_off(http, response)
            await response.write(_broken(fault) if fault else wire.event(frames.last))
            await response.write_eof()
        except ConnectionError:
            return response
        return response

    async def _models(self, http: web.Request) -> web.Response:
        try:
            self._check_key(http)
            size, token = http.query.get("pageSize", ""), http.query.get("pageToken", "")
            return _json(msgspec.json.encode(catalogue.page(self._settings.models, size, token)))
        except Refused as refused:
            return _refusal(refused)

    async def _model(self, http: web.Request) -> web.Response:
        try:
            self._check_key(http)
            model = catalogue.find(self._settings.models, http.match_info["model"], "countTokens")
            return _json(msgspec.json.encode(model.described()))
        except Refused as refused:
            return _refusal(refused)

    async def _nowhere(self, http: web.Request) -> web.Response:
        return web.Response(
            status=404, text="<!DOCTYPE html><title>Error 404 (Not Found)</title>", content_type="text/html"
        )


@asynccontextmanager
async def gemini_standin(
    settings: Settings | None = None, *, port: int = 0, record: Path | None = None
) -> AsyncIterator[GeminiStandin]:
    """Run a stand-in in this loop; `record` is a JSON-lines file to append to."""
    lines = Record(record)
    standin = GeminiStandin(settings or Settings(), lines)
    try:
        async with serving(standin.app(), port) as standin.url:
            yield standin
    finally:
        lines.close()


def accept(raw: bytes, model: Model) -> GenerateRequest:
    """Parse and check the body of one request for an answer. Raises Refused."""
    request = read(raw, GenerateRequest)
    check_contents(request.contents)
    if request.system_instruction is not None:
        check_parts(request.system_instruction, "system_instruction")
    check_order(request.contents)
    check_signatures(request.contents, model.generation)
    check_options(request, model)
    tokens, _ = answer.prompt_tokens(request)
    if tokens > model.input_tokens:
        message = (
            f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({model.input_tokens})."
        )
        raise Refused(message)
    return request


def _refuse_if_asked(fault: Broken | Fault | None, call: Call) -> None:
    if isinstance(fault, Fault) and fault.kind == "status":
        call.kind = f"status {fault.status}"
        raise by_code(fault.status, fault.retry_after)
    if isinstance(fault, Broken) and fault.kind == "refuse":
        call.kind = f"refuse {fault.name}"
        raise asked_for(fault.name)


def _broken(fault: Broken) -> bytes:
    """What stands in the stream where the next delta should."""
    if fault.kind == "garbage":
        return wire.event(b'{"candidates": [{"content": {"parts": [{"te')
    body = asked_for(fault.name).body
    return body if fault.kind == "tail" else wire.event(body.replace(b"\n", b" "))


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, headers=JSON)


def _refusal(refused: Refused, *, array: bool = False) -> web.Response:
    """An error of a stream that is a JSON array stands in one, too."""
    return _json(b"[" + refused.body + b"]" if array else refused.body, refused.code)
