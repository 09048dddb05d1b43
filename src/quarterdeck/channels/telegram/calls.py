"""How is one call to the Bot API made, and what do calls tell of the connection's health?"""

from typing import TypeVar

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Retry
from quarterdeck.base.outside import UNREADABLE
from quarterdeck.base.secrets import Secret
from quarterdeck.channels.telegram import wire
from quarterdeck.net import client as net
from quarterdeck.net.outgoing import Outgoing, Part, Timeouts
from quarterdeck.ports import ChannelHealth, MaybeSent, NotSent

T = TypeVar("T")
CALL_SECONDS = 20.0
UPLOAD_SECONDS = 240.0
OTHER_POLLER = "another process polls this bot; stop it, or give this connection a bot of its own"
REFUSED_TOKEN = "Telegram refuses the bot's token; ask @BotFather for a valid one"  # noqa: S105


class Calls:
    """The calls of one bot, and its four facts."""

    def __init__(self, root: str, token: Secret, client: net.Client, clock: Clock) -> None:
        self._root = root.rstrip("/")
        self._token = token
        self._client = client
        self._clock = clock
        self.health = ChannelHealth(alive=False, authenticated=False)

    async def call(self, method: str, body: wire.Body, wait: float = 0.0) -> wire.Answer | NotSent | MaybeSent:
        """One call with a JSON body. `wait` is how many seconds the server may take by what it is asked."""
        out = self._out("POST", self._method(method), msgspec.json.encode(body), seconds=wait + CALL_SECONDS)
        return await self._request(out)

    async def ask(self, method: str, body: wire.Body, wait: float = 0.0) -> wire.Answer:
        """A question. Raises Retry after noting what is wrong; `retry_after` where it is known.

        A conflict (409) is answered as it is: what it means depends on what was asked.
        """
        given = await self.call(method, body, wait)
        if not isinstance(given, wire.Answer):
            self.note(alive=False, detail=given.reason)
            raise Retry(given.reason)
        if given.ok or given.code == 409:
            return given
        if given.said and given.code in (401, 404):
            self.note(alive=False, authenticated=False, detail=REFUSED_TOKEN)
            raise Retry(REFUSED_TOKEN, wire.REFUSED_TOKEN_SECONDS)
        self.note(alive=False, detail=given.reason)
        raise Retry(given.reason, retry_after(given))

    async def look(self, method: str, body: wire.Body, *, refusable: bool = False) -> wire.Answer:
        """A question beside the receiving, which says nothing of the connection's health. Raises Retry.

        `refusable`: a 400 or 403 is an answer, too.
        """
        given = await self.call(method, body)
        if not isinstance(given, wire.Answer):
            raise Retry(given.reason)
        if given.ok or (refusable and given.code in (400, 403)):
            return given
        raise Retry(REFUSED_TOKEN if given.said and given.code in (401, 404) else given.reason, retry_after(given))

    async def me(self) -> wire.Bot:
        """Who the bot is. Raises Retry."""
        return decode(await self.ask("getMe", wire.Nothing()), wire.Bot)

    async def webhook(self) -> wire.Webhook:
        """How its webhook stands. Raises Retry."""
        return decode(await self.ask("getWebhookInfo", wire.Nothing()), wire.Webhook)

    async def upload(self, method: str, form: tuple[Part, ...]) -> wire.Answer | NotSent | MaybeSent:
        """One call with a file in it (api, "Sending files": multipart/form-data)."""
        timeouts = Timeouts(first_byte=UPLOAD_SECONDS, idle=CALL_SECONDS, total=UPLOAD_SECONDS + CALL_SECONDS)
        url = self._root + self._method(method)
        return await self._request(Outgoing(method="POST", url=url, trusted=True, multipart=form, timeouts=timeouts))

    def file(self, path: str, max_bytes: int) -> Outgoing:
        """What is to be asked for a file that getFile named."""
        return self._out("GET", f"/file/bot{self._token.reveal()}/{path}", None, max_bytes=max_bytes)

    def note(
        self,
        *,
        alive: bool | None = None,
        authenticated: bool | None = None,
        inbound: bool = False,
        outbound: bool = False,
        heard: bool = False,
        detail: str | None = None,
    ) -> None:
        """Remember what became of a call; what is not given stays as it was."""
        old, now = self.health, self._clock.now()
        self.health = ChannelHealth(
            old.alive if alive is None else alive,
            old.authenticated if authenticated is None else authenticated,
            now if inbound else old.last_inbound,
            now if outbound else old.last_outbound,
            old.detail if detail is None else detail,
            now if heard else old.last_heard,
            old.refused if authenticated is None else not authenticated,
        )

    def _method(self, method: str) -> str:
        return f"/bot{self._token.reveal()}/{method}"

    async def _request(self, out: Outgoing) -> wire.Answer | NotSent | MaybeSent:
        try:
            answer = await self._client.request(out)
        except net.NotSent as error:
            return NotSent(str(error), room_only=False)
        except net.NetError as error:
            return MaybeSent(str(error))
        return wire.answer(answer.status, answer.body)

    def _out(
        self, method: str, path: str, body: bytes | None, *, seconds: float = CALL_SECONDS, max_bytes: int = 10_000_000
    ) -> Outgoing:
        return Outgoing(
            method=method,
            url=self._root + path,
            trusted=True,
            headers={"Content-Type": "application/json"} if body else {},
            body=body,
            timeouts=Timeouts(first_byte=seconds, idle=CALL_SECONDS, total=seconds + CALL_SECONDS),
            max_bytes=max_bytes,
        )


def decode(given: wire.Answer, kind: type[T]) -> T:
    """What an answer holds. Raises Retry where it cannot be read."""
    try:
        return msgspec.json.decode(given.said.result if given.said else b"", type=kind)
    except UNREADABLE as error:
        raise Retry(f"an answer of Telegram cannot be read: {error}") from error


def retry_after(given: wire.Answer) -> float | None:
    """Seconds that the server named, None where it named none."""
    return (given.said.parameters.retry_after if given.said else 0.0) or None
