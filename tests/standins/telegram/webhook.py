"""How are updates delivered to a webhook, and which webhooks may be set?

One update per POST, with the secret in a header; anything but a 2xx is tried again, and remembered for
getWebhookInfo (aiogram: methods/set_webhook.py, types/webhook_info.py). The refusals' words are those that
client libraries match (aiogram 2.x: utils/exceptions.py, BadWebhookPort and others). Unlike the vendor's
server, this one delivers one update at a time and tries again soon; what the vendor's waits between tries
is unverified.
"""

import asyncio
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from tests.standins.telegram.journal import Journal
from tests.standins.telegram.limits import WEBHOOK_CONNECTIONS, WEBHOOK_PORTS, WEBHOOK_SECRET
from tests.standins.telegram.refusals import bad_request
from tests.standins.telegram.updates import Updates

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
PAUSES = (0.02, 0.05, 0.1, 0.2)  # between tries, the last one again and again
SECONDS = 10.0


class Webhook:
    """A webhook that is set: what getWebhookInfo says of it, and how to prove who calls."""

    def __init__(self, url: str, secret: str, max_connections: int) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https":
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        if (parts.port or 443) not in WEBHOOK_PORTS:
            raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
        if secret and not re.fullmatch(WEBHOOK_SECRET, secret):
            raise bad_request("secret token contains unallowed characters")
        self.url = url
        self.secret = secret
        self.max_connections = min(max(max_connections, WEBHOOK_CONNECTIONS[0]), WEBHOOK_CONNECTIONS[1])
        self.last_error = ""

    def json(self) -> dict[str, object]:
        """Return its part of WebhookInfo."""
        known: dict[str, object] = {"url": self.url, "max_connections": self.max_connections}
        return {**known, **({"last_error_message": self.last_error} if self.last_error else {})}


class Delivery:
    """Brings what waits to the webhook that is set, in order, until told to stop.

    `places` says where an https address really is (a loopback one of the test); the Host stays the address's.
    """

    def __init__(self, updates: Updates, journal: Journal) -> None:
        self.places: dict[str, str] = {}
        self._updates = updates
        self._journal = journal
        self._never = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def set(self, webhook: Webhook | None) -> None:
        """Deliver there from now on, or nowhere."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if webhook is not None and self._place(webhook.url):
            self._task = asyncio.get_running_loop().create_task(self._run(webhook))

    def _place(self, url: str) -> str:
        parts = urlsplit(url)
        return self.places.get(f"{parts.scheme}://{parts.netloc}", "")

    async def _run(self, webhook: Webhook) -> None:
        address = self._place(webhook.url) + urlsplit(webhook.url).path
        headers = {"Host": urlsplit(webhook.url).netloc, SECRET_HEADER: webhook.secret}
        failed = 0
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as http:
            while True:
                update = await self._updates.first()
                webhook.last_error = await self._post(http, address, headers, update)
                if webhook.last_error:
                    await self._pause(PAUSES[min(failed, len(PAUSES) - 1)])
                    failed += 1
                else:
                    self._updates.delivered(update)
                    failed = 0

    async def _pause(self, seconds: float) -> None:
        """Leave a webhook that failed alone for a while, as the vendor's server does."""
        try:
            async with asyncio.timeout(seconds):
                await self._never.wait()
        except TimeoutError:
            return  # the pause is over

    async def _post(
        self, http: aiohttp.ClientSession, address: str, headers: Mapping[str, str], update: Mapping[str, object]
    ) -> str:
        """Try once; return what went wrong, "" for nothing."""
        try:
            async with http.post(address, json=update, headers=headers) as answer:
                status, error = answer.status, ""
                if not 200 <= answer.status < 300:
                    error = f"Wrong response from the webhook: {answer.status} {answer.reason}"
        except (aiohttp.ClientError, TimeoutError) as problem:
            status, error = 0, f"Connection failed: {type(problem).__name__}"
        self._journal.note("called", update_id=update["update_id"], status=status)
        return error
