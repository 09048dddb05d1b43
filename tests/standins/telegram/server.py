"""How does a request become an answer?

Token, then parameters, then a planned fault, then the method; the answer is the vendor's envelope. Every call
is in the journal twice: as `request` when its parameters are read, and as `response` when it is known how it
ended.
"""

import asyncio
import time
from http import HTTPStatus

import msgspec
from aiohttp import web

from tests.standins.telegram.call import Call, read_call
from tests.standins.telegram.control import control_routes
from tests.standins.telegram.faults import Fault
from tests.standins.telegram.files import download
from tests.standins.telegram.limits import UPLOAD_BYTES
from tests.standins.telegram.methods import Described, perform
from tests.standins.telegram.refusals import Refusal, not_found, unauthorized, upload_too_large
from tests.standins.telegram.state import State


def application(state: State) -> web.Application:
    """Return the HTTP server around one state: the vendor's paths and the control API."""
    server = _Server(state)
    app = web.Application(client_max_size=UPLOAD_BYTES + 1_000_000)
    app.router.add_route("*", "/bot{token}/{method}", server.method)
    app.router.add_get("/file/bot{token}/{path:.+}", server.file)
    app.router.add_routes(control_routes(state))
    app.router.add_route("*", "/{anything:.*}", server.elsewhere)
    app.on_shutdown.append(server.release)
    return app


class _Server:
    def __init__(self, state: State) -> None:
        self.state = state
        self._closing = asyncio.Event()

    async def release(self, _app: web.Application) -> None:
        """Let everybody who waits for something go."""
        self._closing.set()
        self.state.delivery.set(None)
        self.state.updates.release()

    def _check_token(self, request: web.Request) -> None:
        token = request.match_info["token"]
        if token != self.state.token:
            number, colon, _rest = token.partition(":")
            raise unauthorized(malformed=not colon or not number.isdigit() or number.startswith("0"))

    async def method(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        early: Refusal | None = None
        try:
            call = await read_call(request, name)
        except Refusal as refusal:
            call, early = Call(name, {}), refusal
        except web.HTTPRequestEntityTooLarge:
            call, early = Call(name, {}), upload_too_large()
        started = time.monotonic()
        noted = self.state.journal.note("request", method=name, parameters=call.summary())
        fault: Fault | None = None
        status = 0
        try:
            self._check_token(request)
            if early is not None:
                raise early
            fault = self.state.faults.strike(name, call.chat_id())
            answer = await self._answer(call, fault)
            status = await self._misfortune(request, fault, answer)
        except Refusal as refusal:
            answer = _refused(refusal)
            status = await self._misfortune(request, fault, answer)
        finally:
            # also when the client goes away and this task with it: then nobody has seen an answer
            spent = round((time.monotonic() - started) * 1000, 1)
            kind = fault.kind if fault else None
            self.state.journal.note("response", request=noted["n"], method=name, status=status, fault=kind, ms=spent)
        return answer

    async def _answer(self, call: Call, fault: Fault | None) -> web.Response:
        if fault is not None and fault.kind == "error":
            return _planned_error(fault)
        if fault is not None and fault.kind in ("drop_before", "hang_before"):
            return web.Response()  # nobody will see it: the connection is cut
        return _succeeded(await perform(self.state, call))

    async def _misfortune(self, request: web.Request, fault: Fault | None, answer: web.Response) -> int:
        """Hang and cut as planned; return the status that the client can have seen, 0 for none."""
        if fault is None or fault.kind == "error":
            return answer.status
        self.state.journal.note("fault", kind=fault.kind, method=request.match_info["method"])
        if fault.kind.startswith("hang"):
            try:
                async with asyncio.timeout(fault.seconds):
                    await self._closing.wait()
            except TimeoutError:
                pass  # the planned time is over
        if fault.kind == "hang_after":
            return answer.status
        if request.transport is not None:
            request.transport.abort()
        return 0

    async def file(self, request: web.Request) -> web.Response:
        noted = self.state.journal.note("request", method="file", parameters={"path": request.match_info["path"]})
        try:
            self._check_token(request)
            answer = web.Response(
                body=download(self.state, request.match_info["path"]), content_type="application/octet-stream"
            )
        except Refusal as refusal:
            answer = _refused(refusal)
        self.state.journal.note("response", request=noted["n"], method="file", status=answer.status, fault=None)
        return answer

    async def elsewhere(self, _request: web.Request) -> web.Response:
        return _refused(not_found())


def _json(status: int, body: object, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json", headers=headers)


def _succeeded(result: object) -> web.Response:
    if isinstance(result, Described):
        return _json(200, {"ok": True, "result": result.result, "description": result.description})
    return _json(200, {"ok": True, "result": result})


def _refused(refusal: Refusal) -> web.Response:
    headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else None
    return _json(refusal.status, refusal.envelope(), headers)


def _planned_error(fault: Fault) -> web.Response:
    phrase = HTTPStatus(fault.status).phrase
    if fault.html:
        page = f"<html><head><title>{fault.status} {phrase}</title></head><body><h1>{phrase}</h1></body></html>"
        return web.Response(text=page, status=fault.status, content_type="text/html")
    description = fault.description or phrase
    if fault.retry_after and not fault.description:
        description = f"Too Many Requests: retry after {fault.retry_after}"
    return _refused(
        Refusal(
            fault.status,
            description,
            retry_after=fault.retry_after,
            migrate_to_chat_id=fault.migrate_to_chat_id,
        )
    )
