"""Who is asking at a door: a bearer token, or a signed-in browser whose request comes from our own page."""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request

from quarterdeck.actions.signin import Signin
from quarterdeck.actions.tokens import Tokens
from quarterdeck.api.problems import NotSignedIn
from quarterdeck.base.errors import NotAllowed
from quarterdeck.governance.principal import NOBODY, Principal, Scope

COOKIE = "qd_session"
CSRF_HEADER = "x-quarterdeck"
SAFE_METHODS = frozenset(("GET", "HEAD"))
LOOPBACK = frozenset(("127.0.0.1", "::1"))


class Authenticator:
    """Finds the principal of a request and holds it to a route's scopes."""

    def __init__(self, tokens: Tokens, signin: Signin, public_url: str) -> None:
        self._tokens = tokens
        self._signin = signin
        self._public = urlsplit(public_url).netloc.lower()

    async def admit(self, request: Request, any_of: tuple[Scope, ...], *, local: bool, cookies: bool) -> Principal:
        """The principal, who holds one of the scopes. Raises NotSignedIn or NotAllowed.

        No scopes: anybody. `local`: whoever asks from this machine, too. `cookies`: browsers are let in.
        """
        if not any_of:
            return NOBODY
        principal = await self.who(request, cookies=cookies)
        if principal is None:
            if local and from_this_machine(request):
                return NOBODY
            raise NotSignedIn("there is no valid access token or sign-in")
        if principal.kind == "browser" and request.method not in SAFE_METHODS:
            self.check_own_page(request)
        if not principal.may(*any_of):
            wanted = " or ".join(any_of)
            raise NotAllowed("scope", f"this needs the scope {wanted}", "Use an access token that has it.")
        return principal

    def check_own_page(self, request: Request) -> None:
        """Refuse what a page elsewhere made a browser send with its cookie. Raises NotAllowed."""
        if request.headers.get(CSRF_HEADER) != "1" or "origin" not in request.headers:
            raise NotAllowed(
                "csrf",
                "a browser's request needs the header X-Quarterdeck: 1 and an Origin",
                "Use the console, or an access token.",
            )
        self.check_origin(request)

    def check_origin(self, request: HTTPConnection) -> None:
        """Refuse what says that it comes from a page elsewhere. Raises NotAllowed."""
        if "origin" in request.headers and not self.is_own_page(request):
            raise NotAllowed("csrf", "the request comes from another site's page", "Use the console.")

    def is_own_page(self, request: HTTPConnection) -> bool:
        """Whether a browser says that it comes from a page of ours."""
        origin = urlsplit(request.headers.get("origin", "")).netloc.lower()
        return bool(origin) and origin in {request.headers.get("host", "").lower(), self._public}

    async def who(self, request: HTTPConnection, *, cookies: bool) -> Principal | None:
        """Whose proof a request brings; None without one, or with one that is worth nothing."""
        if (header := request.headers.get("authorization")) is not None:
            kind, _, token = header.partition(" ")
            return await self.bearer(token.strip()) if kind.lower() == "bearer" else None
        if cookies and (cookie := request.cookies.get(COOKIE)) is not None:
            return await self._signin.check(cookie)
        return None

    async def bearer(self, token: str) -> Principal | None:
        """Whose access token this is."""
        return await self._tokens.verify(token)


def from_this_machine(request: Request) -> bool:
    """Whether the peer is this machine itself, and not a proxy on it that speaks for others."""
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip"))
    return request.client is not None and request.client.host in LOOPBACK and not forwarded
