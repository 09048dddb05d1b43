"""A Telegram channel and the stand-in that it speaks to, for the channel's tests."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.secrets import Secret, SecretRef
from quarterdeck.channels.telegram.adapter import TelegramChannel
from quarterdeck.channels.telegram.settings import TelegramSettings
from quarterdeck.model.action import Part
from quarterdeck.model.button import Button, ButtonRows
from quarterdeck.model.message import Attachment
from quarterdeck.net.client import Client
from quarterdeck.ports import SendResult
from quarterdeck.testing.channel import Trouble, permit_for
from tests.channels.support import Bytes, KeptLog, nobody
from tests.standins.telegram import RunningStandIn, TelegramDriver, in_process
from tests.standins.telegram.driver import Record

PERSON = 7001
GROUP = -1001
EFFECTS = (
    "sendMessage", "editMessageText", "editMessageReplyMarkup", "sendChatAction", "sendMessageDraft", "sendPhoto",
    "sendVoice", "sendDocument", "setMessageReaction",
)  # fmt: skip


class Media(msgspec.Struct):
    """What the record says of a file."""

    file_id: str
    file_name: str = ""


class Key(msgspec.Struct):
    """What the record says of a button."""

    text: str
    callback_data: str


class Markup(msgspec.Struct):
    """What it says of all those under a message."""

    inline_keyboard: list[list[Key]] = []


class Telegram:
    """Implements ChannelUnderTest, with files, drafts, reactions, buttons and groups."""

    connection = "tg"
    room = str(PERSON)
    group = str(GROUP)
    mentions = True
    keeps_fences = True

    def __init__(self, standin: RunningStandIn, client: Client, streaming: str = "edit") -> None:
        self._standin = standin
        self._client = client
        self._last = 0
        self.bytes = Bytes()
        self.log = KeptLog()
        self.channel = self.another(streaming=streaming)
        self.unreachable = self.another(nobody())

    @property
    def driver(self) -> TelegramDriver:
        return self._standin.driver

    def method_url(self, method: str) -> str:
        """Where a rival of the channel calls a method."""
        return f"{self._standin.url}/bot{self._standin.token}/{method}"

    def another(
        self, url: str = "", token: str = "", poll_seconds: int = 50, streaming: str = "edit"
    ) -> TelegramChannel:
        settings = TelegramSettings(
            token=SecretRef(env="TELEGRAM_BOT_TOKEN"), api_root=url or self._standin.url, poll_seconds=poll_seconds
        )
        secret = Secret(token or self._standin.token)
        return TelegramChannel(
            self.connection, settings, secret, self._client, SystemClock(), self.log, self.bytes, streaming=streaming
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
        return [str(message["text"]) for message in await self._said(PERSON)]

    async def _said(self, chat: int) -> list[Record]:
        return [message for message in await self.driver.sent() if message["chat_id"] == chat]

    async def give(self, content: bytes, name: str, text: str) -> None:
        await self.driver.send_document(content, name, caption=text)

    async def buttons(self) -> ButtonRows:
        markup = (await self._said(PERSON))[-1]["reply_markup"]
        rows = msgspec.convert(markup or {}, Markup).inline_keyboard
        return tuple(tuple(Button(key.text, key.callback_data) for key in row) for row in rows)

    async def press(self, message: str, value: str) -> None:
        await self.driver.press(int(message), value)

    async def lines(self) -> Sequence[str]:
        return [str(answer["text"]) for answer in await self.driver.events("answered")]

    async def write_there(self, text: str, *, to_bot: bool) -> None:
        await self.driver.write(f"@stand_in_bot {text}" if to_bot else text, chat_id=GROUP)

    async def shown_there(self) -> Sequence[str]:
        return [str(message["text"]) for message in await self._said(GROUP)]

    def keep(self, content: bytes) -> str:
        return self.bytes.put(content)

    async def files(self) -> Sequence[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        for message in await self.driver.sent():
            if message["media"]:
                media = msgspec.convert(message["media"], dict[str, Media | list[Media]])
                ((_, given),) = media.items()
                one = given[-1] if isinstance(given, list) else given
                found.append((one.file_name, await self.driver.file(one.file_id)))
        return found

    async def drafts(self) -> Sequence[str]:
        return [str(draft["text"]) for draft in await self.driver.events("draft")]

    async def reactions(self) -> Sequence[str]:
        changes = await self.driver.events("reaction")
        last = next((change for change in reversed(changes) if change["message_id"] == self._last), None)
        return msgspec.convert(last["reactions"], list[str]) if last else []

    async def send_file(self, file: Attachment, key: str = "k1", *, text: str = "") -> SendResult:
        part = Part(self.connection, self.room, text, key, file=file)
        return await self.channel.send(part, permit_for(part))

    async def effects(self) -> int:
        return sum([len(await self.driver.requests(method)) for method in EFFECTS])


@asynccontextmanager
async def telegram(streaming: str = "edit") -> AsyncIterator[Telegram]:
    """The channel, with a private chat in which the bot may write."""
    async with in_process() as standin, Client() as client:
        await standin.driver.set_chat(PERSON)
        yield Telegram(standin, client, streaming)
