"""The Telegram stand-in, as a scenario uses it: one chat of one person with the bot."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from tests.crash.configuration import ADDRESS
from tests.ports import free_port
from tests.standins import serving
from tests.standins.telegram.faults import Fault
from tests.standins.telegram.inject import Act, act
from tests.standins.telegram.messages import InlineKeyboard
from tests.standins.telegram.server import application
from tests.standins.telegram.state import State

CHAT = 7001


class File(msgspec.Struct, frozen=True):
    file_id: str


class Media(msgspec.Struct, frozen=True):
    """What a message of the bot holds: a document, or a picture in its sizes, the largest last."""

    document: File = File("")
    photo: tuple[File, ...] = ()

    @property
    def file_id(self) -> str:
        return self.photo[-1].file_id if self.photo else self.document.file_id


class Telegram:
    """What the person does in the chat, what it shows, and what goes wrong in it."""

    room = str(CHAT)

    def __init__(self, state: State, url: str) -> None:
        self.url = url
        self.port = free_port()  # of the gateway, where it is to be called
        self._state = state
        state.delivery.places[ADDRESS] = f"http://127.0.0.1:{self.port}"

    def write(self, text: str) -> str:
        """A message; its id."""
        return str(act(self._state, Act("text", CHAT, text=text))["message_id"])

    def give(self, content: bytes, name: str, caption: str) -> str:
        """A message with a document; its id."""
        encoded = b64encode(content).decode()
        given = act(self._state, Act("document", CHAT, text=caption, content=encoded, file_name=name))
        return str(given["message_id"])

    def show(self, content: bytes, caption: str, album: str) -> str:
        """A picture of an album; its id."""
        encoded = b64encode(content).decode()
        return str(act(self._state, Act("photo", CHAT, text=caption, content=encoded, album=album))["message_id"])

    def edit(self, message: str, text: str) -> None:
        """Other words for a message."""
        act(self._state, Act("edit", CHAT, message_id=int(message), text=text))

    def press(self, message: str, value: str) -> str:
        """A press of a button; the id of its query."""
        act(self._state, Act("callback", CHAT, message_id=int(message), data=value))
        return next(reversed(self._state.open_callbacks))

    def fault(self, fault: Fault) -> None:
        """Something goes wrong next."""
        self._state.faults.plan(fault)

    def block(self) -> None:
        """The person blocks the bot."""
        self._state.chat_of(CHAT, self._state.person(CHAT)).blocked = True

    @property
    def pending(self) -> int:
        """Updates that the bot has not confirmed."""
        return len(self._state.updates)

    def buttons(self) -> list[tuple[int, list[str]]]:
        """The bot's messages that have buttons, with their values."""
        own = [message for message in self._state.messages.values() if message.from_bot and message.reply_markup]
        keyboards = [msgspec.convert(message.reply_markup, InlineKeyboard).inline_keyboard for message in own]
        return [
            (message.id, [key.callback_data or "" for row in rows for key in row])
            for message, rows in zip(own, keyboards, strict=True)
        ]

    def files(self) -> list[bytes]:
        """The bytes of the bot's files."""
        media = [message.media for message in self._state.messages.values() if message.from_bot and message.media]
        return [self._state.files[msgspec.convert(one, Media).file_id].content for one in media]

    def shown(self) -> list[str]:
        """What the bot's messages say."""
        return [message.text or "" for message in self._state.messages.values() if message.from_bot]


@asynccontextmanager
async def telegram(record: Path, token: str) -> AsyncIterator[Telegram]:
    """Run one in this loop; `record` is its journal."""
    state = State(token, record, strict_rates=False)
    try:
        async with serving(application(state)) as url:
            yield Telegram(state, url)
    finally:
        state.journal.close()
