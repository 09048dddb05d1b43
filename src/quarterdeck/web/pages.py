"""The pages. They are frames without data: what belongs to somebody is asked of /api/v1 by the page itself."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from quarterdeck.base.program import called
from quarterdeck.governance.principal import Principal
from quarterdeck.web.assets import Assets

if TYPE_CHECKING:
    from jinja2 import Environment

COOKIE = "qd_session"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # where the browser knows them: text can then never become markup, whatever a script does
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {"cache-control": "no-store", "content-security-policy": POLICY}

Check = Callable[[str], Awaitable[Principal | None]]


class Frames:
    """Renders templates. Jinja2 is dear to import: that is done when the first one is asked for."""

    def __init__(self, assets: Assets, version: str) -> None:
        self._assets = assets
        self._version = version
        self._environment: Environment | None = None

    def render(self, name: str, **data: object) -> str:
        """The template `name` with `data`; a name that is not given raises."""
        if self._environment is None:
            self._environment = _environment()
        template = self._environment.get_template(name)
        told = {"modules": self._assets.modules, "version": self._version, "command": called()}
        return template.render(assets=self._assets.root, **told, **data)


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("quarterdeck.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


class Pages:
    """The pages that hold nothing of anybody; each is rendered once."""

    def __init__(self, check: Check, frames: Frames) -> None:
        self._check = check
        self._frames = frames
        self._rendered: dict[str, str] = {}

    async def chat(self, request: Request) -> Response:
        """GET /: the chat, for whoever is signed in."""
        if await self._check(request.cookies.get(COOKIE, "")) is None:
            return RedirectResponse("/signin", 303, HEADERS)
        return self._page("chat.html")

    async def signin(self, request: Request) -> Response:
        """GET /signin: exchanges the code behind `#`, which never reaches a server's log, for a cookie."""
        return self._page("signin.html")

    def _page(self, name: str) -> Response:
        if name not in self._rendered:
            self._rendered[name] = self._frames.render(name)
        return Response(self._rendered[name], headers=HEADERS, media_type="text/html")


def routes(check: Check, assets: Assets, frames: Frames) -> list[BaseRoute]:
    """The page's routes. `check` tells whose cookie a value is (None: nobody's)."""
    pages = Pages(check, frames)
    return [
        Route("/", pages.chat),
        Route("/signin", pages.signin),
        Route("/assets/{path:path}", assets.serve),
    ]
