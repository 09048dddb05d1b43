"""Pages of other sites: which of them may ask here with an access token (the Fetch standard's CORS protocol).

Only origins that are configured, each in full, are let in; never all, and never with cookies. Plain ASGI, so streams
pass as they are.
"""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
TAKEN = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, X-File-Name, X-Quarterdeck-Session"
)  # fmt: skip
GIVEN = "ETag, Idempotency-Replayed, RateLimit, RateLimit-Policy, Retry-After"
REMEMBERED_SECONDS = "600"


class Cors:
    """Answers browsers that ask whether a page may, and marks answers that the page may read."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        if scope["type"] != "http" or not self._origins:
            await self._app(scope, receive, send)
            return
        may = origin in self._origins

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.add_vary_header("Origin")
                if may:
                    answer["access-control-allow-origin"] = origin
                    answer["access-control-expose-headers"] = GIVEN
                    answer["cross-origin-resource-policy"] = "cross-origin"
            await send(message)

        if may and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            asked = {
                "access-control-allow-methods": METHODS,
                "access-control-allow-headers": TAKEN,
                "access-control-max-age": REMEMBERED_SECONDS,
            }
            await Response(None, 204, asked)(scope, receive, marked)
        else:
            await self._app(scope, receive, marked)
