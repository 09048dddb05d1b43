"""What platforms bring by calling us: /hooks/{connection}. Who may is the channel's to say; how much, is said here."""

import asyncio
from collections import Counter

from starlette.responses import Response

from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.base.errors import NotAllowed, NotFound, QuarterdeckError, Retry
from quarterdeck.model.webhook import TakesWebhooks

BODY_BYTES = 1024 * 1024
BODY_SECONDS = 5.0
AT_ONCE = 100  # calls of one connection; the most that Telegram can be told to make


class WebhooksDoor:
    """Hands calls on, and answers 200 when what they brought is committed."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._open: Counter[str] = Counter()

    async def call_webhook(self, call: Call, ask: Nothing) -> Response:
        """POST /hooks/{connection}."""
        name = call.path("connection")
        channel = self._doors.directory.channels().get(name)  # a paused one takes nothing, but is there
        if not isinstance(channel, TakesWebhooks):
            raise NotFound(f"no connection {name} takes webhooks")
        if self._open[name] >= AT_ONCE:
            self._count(name, "busy")
            raise Retry(f"{AT_ONCE} calls for {name} are being worked on", 1.0)
        self._open[name] += 1
        try:
            await channel.called(_Called(call), self._doors.intake.accept)
        except QuarterdeckError as error:
            self._count(name, "refused" if isinstance(error, NotAllowed) else "failed")
            raise
        finally:
            self._open[name] -= 1
        self._count(name, "taken")
        return Response(None, 200, {"cache-control": "no-store"})

    def _count(self, connection: str, result: str) -> None:
        self._doors.metrics.webhook(connection, result)


class _Called:
    """Implements model.webhook.WebhookCall over a request."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def header(self, name: str) -> str:
        return self._call.header(name, 1024)

    async def body(self) -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return b"".join([chunk async for chunk in self._call.chunks(BODY_BYTES)])
        except TimeoutError as error:
            raise Retry(f"the body did not come within {BODY_SECONDS:.0f} s") from error
