"""What holds for every answer and every request, whatever the route: security headers, and the name asked for.

Both are plain ASGI: nothing is buffered, so streams pass as they are.
"""

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quarterdeck.api import problems

ANSWER_HEADERS = "quarterdeck.answer_headers"  # in a scope: what the answer is to carry, whatever it will be

SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class SecurityHeaders:
    """Adds the headers that an answer does not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, text in (*SECURITY_HEADERS.items(), *scope.get(ANSWER_HEADERS, {}).items()):
                    headers.setdefault(name, text)
            await send(message)

        await self._app(scope, receive, guarded)


class HostCheck:
    """Refuses requests to names that are not ours: a page elsewhere may have pointed its name at this machine."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] in ("http", "websocket")
            and (host := Headers(scope=scope).get("host", ""))
            and host_name(host) in self._hosts
        ):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: 403
        else:
            refusal = problems.WrongHost("this host name is not one of this gateway's")
            await problems.answer(Request(scope), refusal)(scope, receive, send)


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, in small letters; empty for what is no host."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def own_hosts(configured: str, public_url: str) -> frozenset[str]:
    """The names by which this gateway may be asked."""
    public = urlsplit(public_url).hostname or ""
    return frozenset(name.lower() for name in (configured, public, "localhost", "127.0.0.1", "::1") if name)
