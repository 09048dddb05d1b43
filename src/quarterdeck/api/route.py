"""One route as a value: what it takes, gives and needs. Routing, authentication and the OpenAPI document use it."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, cast

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from quarterdeck.api.auth import COOKIE, Authenticator
from quarterdeck.api.call import BODY_BYTES, Call, Nothing
from quarterdeck.api.etags import Tagged
from quarterdeck.api.guard import ANSWER_HEADERS
from quarterdeck.api.keeping import HEADER, Asked, Keeper, check_secret
from quarterdeck.api.limits import RateLimits
from quarterdeck.api.problems import TooLarge
from quarterdeck.base.errors import QuarterdeckError, Retry
from quarterdeck.governance.principal import Principal, Scope

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
SECONDS = 30.0  # from the request's head to the answer's; what streams goes on
EMPTY_BYTES = 1024  # of the body of a request that takes none, such as `{}`

T = TypeVar("T", bound=msgspec.Struct)
R = TypeVar("R")


@dataclass(frozen=True)
class Route:
    """`gives` is the type of the JSON answer, media types (parted by commas) for another one, None for no content.

    `scopes`: one of them is needed, none for anybody; `local`: this machine needs none. `also` are further statuses
    with the same answer. `media` is the type of a body that is not JSON, `body` the most bytes of any body. `seconds`
    None: the handler has a deadline of its own. `keyed`: an Idempotency-Key is honoured, a long one where the answer is
    `secret`. `tagged`: the answer has an ETag; `guarded`: the request needs one as If-Match. `raises` are refusals
    beside those that every such route has.
    """

    method: Method
    path: str
    name: str
    answer: Callable[[Call, Keeper], Awaitable[object]]
    takes: type[msgspec.Struct]
    gives: object
    scopes: tuple[Scope, ...]
    doc: str
    status: int
    also: tuple[int, ...]
    headers: tuple[str, ...]
    media: str
    local: bool
    seconds: float | None
    body: int
    keyed: bool
    secret: bool
    tagged: bool
    guarded: bool
    raises: tuple[type[QuarterdeckError], ...]

    @property
    def openai(self) -> bool:
        """Whether it belongs to the door that speaks OpenAI's words: access tokens only, errors in its shape."""
        return self.path.startswith("/v1/")

    @property
    def has_body(self) -> bool:
        """Whether a request may have a body."""
        return self.method in ("POST", "PUT", "PATCH")


def route(
    method: Method,
    path: str,
    handler: Callable[[Call, T], Awaitable[R | Response | Tagged[R]]],
    takes: type[T],
    gives: type[R] | str | None,
    scopes: tuple[Scope, ...],
    doc: str,
    *,
    status: int = 200,
    also: tuple[int, ...] = (),
    headers: tuple[str, ...] = (),
    media: str = "",
    local: bool = False,
    seconds: float | None = SECONDS,
    body: int = BODY_BYTES,
    keyed: bool = False,
    secret: bool = False,
    tagged: bool = False,
    guarded: bool = False,
    raises: tuple[type[QuarterdeckError], ...] = (),
) -> Route:
    """A route whose handler is given the call and its parsed parameters.

    `keyed`: with an Idempotency-Key it is done once; the handler lets `call.keep` ride on its operation.
    """
    name = getattr(handler, "__name__", path)

    async def answer(call: Call, keeper: Keeper) -> object:
        ask = await call.parse(takes, body)
        if not keyed or not (key := call.header(HEADER)):
            return await handler(call, ask)
        if secret:
            check_secret(key)
        request = b"" if media else msgspec.json.encode(ask)
        asked = Asked(key, name, call.request.url.path, call.principal.id, request, status)
        return await keeper.once(asked, lambda keeping: handler(call.keeping(keeping), ask))

    if method in ("GET", "DELETE"):
        body = 0
    elif takes is Nothing and not media:
        body = EMPTY_BYTES
    if keyed:
        headers = (HEADER, *headers)
    if guarded:
        headers = ("If-Match", *headers)
    return Route(
        method, path, name, answer, takes, gives, scopes, doc, status, also, headers, media, local, seconds, body,
        keyed, secret, tagged, guarded, raises,
    )  # fmt: skip


@dataclass(frozen=True)
class Gate:
    """What every request passes before its handler."""

    authenticator: Authenticator
    limits: RateLimits
    keeper: Keeper


def served(routes: Sequence[Route], gate: Gate) -> list[StarletteRoute]:
    """The routes for Starlette: one for each path, which knows all of its methods."""
    by_path: dict[str, dict[str, Route]] = {}
    for one in routes:
        by_path.setdefault(one.path, {})[one.method] = one
    return [StarletteRoute(path, _Path(methods, gate)) for path, methods in by_path.items()]


class _Path:
    """All that one address takes (an ASGI application, so that every method reaches it)."""

    def __init__(self, routes: Mapping[str, Route], gate: Gate) -> None:
        also = ("HEAD", "OPTIONS") if "GET" in routes else ("OPTIONS",)
        self._allow = ", ".join((*routes, *also))
        self._routes = {**routes, "HEAD": routes["GET"]} if "GET" in routes else routes
        self._gate = gate

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method == "OPTIONS":
            response = Response(None, 204, {"allow": self._allow})
        elif (one := self._routes.get(request.method)) is None:
            raise HTTPException(405, f"{request.method} is not possible here", {"allow": self._allow})
        else:
            response = await _answer(one, request, self._gate)
        await response(scope, receive, send)


async def _answer(one: Route, request: Request, gate: Gate) -> Response:
    principal = await gate.authenticator.admit(request, one.scopes, local=one.local, cookies=not one.openai)
    if asker := _asker(request, principal):
        request.scope[ANSWER_HEADERS] = gate.limits.take(asker)
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > one.body:
        raise TooLarge(f"this takes a body of at most {one.body} bytes" if one.body else "this takes no body")
    try:
        async with asyncio.timeout(one.seconds):
            found = await one.answer(Call(request, principal), gate.keeper)
    except TimeoutError as error:
        raise Retry(f"this took longer than {one.seconds} s") from error
    return _reply(one, found)


def _asker(request: Request, principal: Principal) -> str:
    """Whose requests are counted together: those of a token, or of one browser; empty for nobody's."""
    if principal.kind == "browser":
        return hashlib.sha256(request.cookies.get(COOKIE, "").encode()).hexdigest()
    return principal.id if principal.kind == "token" else ""


def _reply(one: Route, found: object) -> Response:
    if isinstance(found, Response):
        return found
    headers = {"cache-control": "no-store"}
    if isinstance(found, Tagged):
        tagged = cast("Tagged[object]", found)
        headers["etag"], found = tagged.etag, tagged.value
    if found is None:
        return Response(None, 204, headers)
    return Response(msgspec.json.encode(found), one.status, headers, "application/json")
