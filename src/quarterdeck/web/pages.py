"""The pages. They are frames without data: what belongs to somebody is asked of /api/v1 by the page itself."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from quarterdeck.governance.principal import Principal
from quarterdeck.web.assets import Assets

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


class Pages:
    """Renders each frame once, when it is first asked for: Jinja2 is dear to import."""

    def __init__(self, check: Check, assets: Assets, version: str) -> None:
        self._check = check
        self._assets = assets
        self._version = version
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
            self._rendered[name] = self._render(name)
        return Response(self._rendered[name], headers=HEADERS, media_type="text/html")

    def _render(self, name: str) -> str:
        from jinja2 import Environment, PackageLoader, StrictUndefined

        environment = Environment(
            loader=PackageLoader("quarterdeck.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        template = environment.get_template(name)
        return template.render(assets=self._assets.root, modules=self._assets.modules, version=self._version)


def routes(check: Check, version: str) -> list[BaseRoute]:
    """The page's routes. `check` tells whose cookie a value is (None: nobody's)."""
    assets = Assets()
    pages = Pages(check, assets, version)
    return [
        Route("/", pages.chat),
        Route("/signin", pages.signin),
        Route("/assets/{path:path}", assets.serve),
    ]
