"""What every page has: who looks and may, the bar beside it, errors as pages, proof that a form was ours.

A cookie alone proves nothing about who made the request: a change must come with an `Origin` (or, where a browser
leaves that out, a `Sec-Fetch-Site`) that says our own page. The pages' referrer policy lets browsers send it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.routing import Route as StarletteRoute

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import BadInput, Conflict, NotAllowed, NotFound, QuarterdeckError, Refused, Retry
from quarterdeck.governance.principal import Principal, Scope
from quarterdeck.web.console import words
from quarterdeck.web.console.visit import Done, Page, Visit, fields
from quarterdeck.web.pages import COOKIE, Frames

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {"cache-control": "no-store", "content-security-policy": POLICY, "referrer-policy": "same-origin"}
STATUS: Mapping[type[QuarterdeckError], int] = {
    NotFound: 404,
    NotAllowed: 403,
    Conflict: 409,
    BadInput: 400,
    Refused: 400,
    Retry: 503,
}
TITLES: Mapping[int, str] = {
    400: "That cannot be done",
    403: "Not allowed",
    404: "Not found",
    409: "It has moved on",
    503: "Not now",
}
NEXT_STEPS: Mapping[int, str] = {
    400: "Go back and try it another way.",
    404: "It may have been removed. Check the address.",
    409: "Look at how it is now, then decide; what you typed is still in its field.",
    503: "Nothing was changed. Try again in a moment.",
}

Handler = Callable[[Visit], Awaitable[Page | Done]]
Check = Callable[[str], Awaitable[Principal | None]]


@dataclass(frozen=True)
class ConsoleRoute:
    """One address: who answers, and which scope it takes. `noun` and `icon` put it into the bar."""

    method: str
    path: str
    handler: Handler
    scope: Scope
    noun: str = ""
    icon: str = ""


class Told(msgspec.Struct, frozen=True):
    """An error as a person is told it."""

    title: str
    detail: str
    next_step: str


class Frame:
    """Serves the routes. `count` is how many things wait; `public` is the address that people use."""

    def __init__(
        self,
        check: Check,
        frames: Frames,
        routes: Sequence[ConsoleRoute],
        count: Callable[[], Awaitable[int]],
        clock: Clock,
        public: str,
    ) -> None:
        self._check = check
        self._frames = frames
        self._routes = routes
        self._count = count
        self._clock = clock
        self._public = urlsplit(public).netloc.lower()

    def served(self) -> list[BaseRoute]:
        """The routes for Starlette."""
        return [
            StarletteRoute(one.path, partial(self._serve, one), methods=[one.method], name=f"{one.method} {one.path}")
            for one in self._routes
        ]

    async def _serve(self, route: ConsoleRoute, request: Request) -> Response:
        principal = await self._check(request.cookies.get(COOKIE, ""))
        if principal is None:
            return _sign_in(request)
        try:
            if route.method == "POST":
                self._check_own_page(request)
            if not principal.may(route.scope):
                raise NotAllowed("scope", f"this needs the scope {route.scope}", "Ask whoever runs the gateway.")
            found = await route.handler(Visit(request, principal, await fields(request)))
        except QuarterdeckError as error:
            status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 0)
            if not status:
                raise
            return await self._refuse(request, principal, error, status)
        if isinstance(found, Done):
            return self._done(request, found)
        return await self._page(request, principal, found)

    def _check_own_page(self, request: Request) -> None:
        """Refuse what a page elsewhere made a browser send with its cookie. Raises NotAllowed."""
        origin = request.headers.get("origin")
        site = request.headers.get("sec-fetch-site", "same-origin" if origin else "")
        own = {request.headers.get("host", "").lower(), self._public}
        if site != "same-origin" or (origin is not None and urlsplit(origin).netloc.lower() not in own):
            raise NotAllowed("csrf", "the request does not come from a page of this gateway", "Load the page again.")

    async def _page(self, request: Request, principal: Principal, page: Page, status: int = 200) -> Response:
        text = self._frames.render(
            f"console/{page.template}",
            **page.data,
            title=page.title,
            json=page.json,
            here=f"{request.url.path}{'?' if request.url.query else ''}{request.url.query}",
            bar=[one for one in self._routes if one.noun and principal.may(one.scope)],
            path=request.url.path,
            principal=principal,
            operate=principal.may("operate"),
            waits=await self._count() if principal.may("read") else 0,
            now=self._clock.now(),
            words=words,
        )
        return Response(text, status, HEADERS, "text/html")

    def _done(self, request: Request, done: Done) -> Response:
        """Told in place where htmx asked; else the browser goes on to the page."""
        if not _htmx(request):
            return RedirectResponse(done.back, 303, HEADERS)
        if done.leave:
            return Response(None, 204, {**HEADERS, "hx-redirect": done.back})
        told = self._frames.render("console/told.html", told=done.told, error=None)
        return Response(told, 200, {**HEADERS, "hx-retarget": "#told", "hx-trigger": "happened"}, "text/html")

    async def _refuse(self, request: Request, principal: Principal, error: QuarterdeckError, status: int) -> Response:
        step = error.fix if isinstance(error, NotAllowed | BadInput) else NEXT_STEPS[status]
        detail = error.reason if isinstance(error, NotAllowed | BadInput) else str(error)
        told = Told(TITLES[status], f"{detail[:1].upper()}{detail[1:].rstrip('.')}.", step)
        if _htmx(request):
            text = self._frames.render("console/told.html", told="", error=told)
            return Response(text, status, HEADERS, "text/html")
        return await self._page(request, principal, Page("error.html", told.title, {"error": told}), status)


def _htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def _sign_in(request: Request) -> Response:
    """Nobody's cookie: the sign-in page, also where only a part was asked for."""
    if _htmx(request):
        return Response(None, 401, {**HEADERS, "hx-redirect": "/signin"})
    return RedirectResponse("/signin", 303, HEADERS)
