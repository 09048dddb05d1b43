"""A Telegram channel and the stand-in that it speaks to, for the channel's tests."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.secrets import Secret, SecretRef
from quarterdeck.channels.telegram.adapter import TelegramChannel
from quarterdeck.channels.telegram.settings import TelegramSettings
from quarterdeck.model.action import Part
from quarterdeck.net.client import Client
from quarterdeck.ports import SendResult
from quarterdeck.testing.channel import Trouble, permit_for
from tests.channels.support import KeptLog, nobody
from tests.standins.telegram import RunningStandIn, TelegramDriver, in_process

PERSON = 7001
EFFECTS = ("sendMessage", "editMessageText", "sendChatAction")


class Telegram:
    """Implements ChannelUnderTest."""

    connection = "tg"
    room = str(PERSON)
    keeps_fences = True

    def __init__(self, standin: RunningStandIn, client: Client) -> None:
        self._standin = standin
        self._client = client
        self._last = 0
        self.log = KeptLog()
        self.channel = self.another()
        self.unreachable = self.another(nobody())

    @property
    def driver(self) -> TelegramDriver:
        return self._standin.driver

    def method_url(self, method: str) -> str:
        """Where a rival of the channel calls a method."""
        return f"{self._standin.url}/bot{self._standin.token}/{method}"

    def another(self, url: str = "", token: str = "", poll_seconds: int = 50) -> TelegramChannel:
        settings = TelegramSettings(
            token=SecretRef(env="TELEGRAM_BOT_TOKEN"), api_root=url or self._standin.url, poll_seconds=poll_seconds
        )
        secret = Secret(token or self._standin.token)
        return TelegramChannel(
            self.connection, settings, secret, self._client, SystemClock(), self.log, streaming="edit"
        )

    async def send(self, text: str, key: str = "k1", *, room: str = "", reply_to: str = "") -> SendResult:
        part = Part(self.connection, room or self.room, text, key, reply_to)
        return await self.channel.send(part, permit_for(part))

    async def write(self, text: str) -> None:
        self._last = (await self.driver.write(text)).message_id or 0

    async def edit(self, text: str) -> None:
        await self.driver.edit(self._last, text)

    async def repeat(self) -> None:
        await self.driver.fault("duplicate", "getUpdates")

    async def waiting(self) -> int:
        return (await self.driver.poller()).pending

    async def trouble(self, kind: Trouble) -> None:
        match kind:
            case "blocked":
                await self.driver.set_chat(PERSON, blocked=True)
            case "limit":
                await self.driver.fault("error", "sendMessage", status=429, retry_after=3)
            case "server_error":
                await self.driver.fault("error", "sendMessage", status=500)
            case _:
                await self.driver.fault(kind, "sendMessage")

    async def shown(self) -> Sequence[str]:
        return [str(message["text"]) for message in await self.driver.sent()]

    async def effects(self) -> int:
        return sum([len(await self.driver.requests(method)) for method in EFFECTS])


@asynccontextmanager
async def telegram() -> AsyncIterator[Telegram]:
    """The channel, with a private chat in which the bot may write."""
    async with in_process() as standin, Client() as client:
        await standin.driver.set_chat(PERSON)
        yield Telegram(standin, client)
