"""A stand-in for whoever receives hooks over HTTP: checks every signature with the library of Standard Webhooks, keeps
what came, and answers as a test says.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwXyZ0"


@dataclass
class Answer:
    """How a call is answered; `hang` gives none."""

    status: int = 200
    body: bytes = b"{}"
    hang: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Receiver:
    """`calls` are the bodies that came, `ids` their webhook-id. A wrong signature is answered with 401 and counted."""

    url: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    forged: int = 0
    script: deque[Answer] = field(default_factory=deque)
    decide: Callable[[dict[str, Any]], Answer] | None = None

    async def take(self, request: web.Request) -> web.StreamResponse:
        """One call."""
        body = await request.read()
        try:
            call = Webhook(SECRET).verify(body, dict(request.headers))
        except Exception:  # the library raises several kinds: whatever it is, the call is not believed
            self.forged += 1
            return web.json_response({}, status=401)
        self.calls.append(call)
        self.ids.append(request.headers["webhook-id"])
        answer = self.script.popleft() if self.script else self.decide(call) if self.decide else Answer()
        if answer.hang:
            await asyncio.Event().wait()
        return web.Response(
            status=answer.status, body=answer.body, content_type="application/json", headers=answer.headers
        )

    def on(self, kind: str) -> list[dict[str, Any]]:
        """The calls of one kind."""
        return [call for call in self.calls if call["type"] == kind]


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port of this machine."""
    standin = Receiver()
    app = web.Application(client_max_size=20_000_000)
    app.add_routes([web.post("/hook", standin.take)])
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    standin.url = f"http://{host}:{port}/hook"
    try:
        yield standin
    finally:
        await runner.cleanup()
