"""One route as a value: what it takes, gives and needs. Routing, authentication and the OpenAPI document use it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from quarterdeck.api.auth import Authenticator
from quarterdeck.api.call import BODY_BYTES, Call
from quarterdeck.base.errors import Retry
from quarterdeck.governance.principal import Scope

Method = Literal["GET", "POST", "DELETE"]
SECONDS = 30.0  # from the request's head to the answer's; what streams goes on

T = TypeVar("T", bound=msgspec.Struct)
R = TypeVar("R")


@dataclass(frozen=True)
class Route:
    """`gives` is the type of the JSON answer, a media type for another one, None for no content.

    `scopes`: one of them is needed, none for anybody; `local`: this machine needs none. `also` are further statuses
    with the same answer. `media` is the type of a body that is not JSON. `seconds` None: the handler has a deadline
    of its own.
    """

    method: Method
    path: str
    name: str
    answer: Callable[[Call], Awaitable[object]]
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

    @property
    def openai(self) -> bool:
        """Whether it belongs to the door that speaks OpenAI's words: access tokens only, errors in its shape."""
        return self.path.startswith("/v1/")


def route(
    method: Method,
    path: str,
    handler: Callable[[Call, T], Awaitable[R | Response]],
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
) -> Route:
    """A route whose handler is given the call and its parsed parameters; `body` bounds the bytes of a JSON body."""

    async def answer(call: Call) -> object:
        return await handler(call, await call.parse(takes, body))

    name = getattr(handler, "__name__", path)
    return Route(method, path, name, answer, takes, gives, scopes, doc, status, also, headers, media, local, seconds)


def served(routes: Sequence[Route], authenticator: Authenticator) -> list[StarletteRoute]:
    """The routes for Starlette."""
    return [StarletteRoute(one.path, _endpoint(one, authenticator), methods=[one.method]) for one in routes]


def _endpoint(one: Route, authenticator: Authenticator) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        principal = await authenticator.admit(request, one.scopes, local=one.local, cookies=not one.openai)
        try:
            async with asyncio.timeout(one.seconds):
                found = await one.answer(Call(request, principal))
        except TimeoutError as error:
            raise Retry(f"this took longer than {one.seconds} s") from error
        return _reply(one, found)

    return endpoint


def _reply(one: Route, found: object) -> Response:
    if isinstance(found, Response):
        return found
    headers = {"cache-control": "no-store"}
    if found is None:
        return Response(None, 204, headers)
    return Response(msgspec.json.encode(found), one.status, headers, "application/json")
