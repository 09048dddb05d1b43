"""GET /api/v1/openapi.json: the document, made when it is first asked for."""

from collections.abc import Sequence

import msgspec
from starlette.responses import Response

from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.route import Route


class OpenAPIDoor:
    """Describes the routes; the list is filled after this handler is made, because it is one of them."""

    def __init__(self, routes: Sequence[Route], version: str, public_url: str) -> None:
        self._routes = routes
        self._version = version
        self._public_url = public_url
        self._encoded = b""

    async def openapi(self, call: Call, ask: Nothing) -> Response:
        """GET /api/v1/openapi.json."""
        if not self._encoded:
            from quarterdeck.api.openapi import document  # with all examples: loaded when somebody looks

            self._encoded = msgspec.json.encode(document(self._routes, self._version, self._public_url))
        return Response(self._encoded, 200, media_type="application/json")
