"""How do independent libraries spell the calls that the tests make?

python-telegram-bot (httpx, forms) and aiogram (aiohttp, multipart) know the vendor's API without us: what
both accept is likely to be the vendor's. Each failure comes back as `Failed` with the class that the library
itself gave it.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import aiogram
import aiogram.exceptions
import aiohttp
import telegram
import telegram.error
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import (
    BotCommand,
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    ReactionTypeEmoji,
    ReactionTypeUnion,
    Update,
)
from telegram.request import HTTPXRequest

PERSON = 7001
Result = TypeVar("Result")


@dataclass(frozen=True)
class Failed(Exception):
    """What a library made of it: retry, migrated, forbidden, unauthorized, conflict, bad or network."""

    kind: str
    text: str
    number: int = 0


async def fails(call: Awaitable[object]) -> Failed:
    """Return how it failed, the text in lower case: python-telegram-bot changes the server's case."""
    try:
        result = await call
    except Failed as failed:
        return Failed(failed.kind, failed.text.lower(), failed.number)
    raise AssertionError(f"it was to fail, and returned {result!r}")


class PlainHttp:
    """Calls methods with JSON, for what no library lets one say."""

    def __init__(self, url: str, token: str) -> None:
        self._base = f"{url}/bot{token}"

    async def call(self, method: str, **parameters: object) -> tuple[int, dict[str, object]]:
        """Return the status and the envelope."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self._base}/{method}", json=parameters) as answer,
        ):
            return answer.status, await answer.json()


class Client(ABC):
    """The calls, all of them about the private chat with `PERSON` unless told otherwise."""

    @abstractmethod
    async def close(self) -> None:
        """Give back the connections."""

    @abstractmethod
    async def me(self) -> str:
        """Return the bot's user name."""

    @abstractmethod
    async def updates(self, offset: int = 0, timeout: int = 0, limit: int = 100) -> list[tuple[int, str]]:
        """Return update ids with what they say, such as "message: hello"."""

    @abstractmethod
    async def acts(self) -> list[dict[str, object]]:
        """Return what waits as the library understood it; it refuses what the vendor could not have sent."""

    @abstractmethod
    def understood(self, body: bytes) -> dict[str, object]:
        """Return an update that was brought to a webhook, as the library understood it."""

    @abstractmethod
    async def hook(self, url: str, secret: str) -> tuple[str, int]:
        """Set a webhook; return its url and how much waits for it."""

    @abstractmethod
    async def unhook(self) -> None:
        """Delete the webhook."""

    @abstractmethod
    async def send(self, text: str, *, chat: int = PERSON, html: bool = False, reply_to: int = 0) -> int:
        """Send a message and return its number."""

    @abstractmethod
    async def edit(self, message_id: int, text: str) -> None:
        """Edit a message of the bot."""

    @abstractmethod
    async def delete(self, message_id: int) -> None:
        """Delete a message."""

    @abstractmethod
    async def send_document(self, content: bytes, name: str, caption: str) -> str:
        """Upload a document and return its file id."""

    @abstractmethod
    async def send_voice(self, content: bytes) -> str:
        """Upload a voice note and return its file id."""

    @abstractmethod
    async def download(self, file_id: str) -> bytes:
        """Fetch a file by way of getFile."""

    @abstractmethod
    async def draft(self, text: str, *, chat: int = PERSON) -> None:
        """Show a draft."""

    @abstractmethod
    async def react(self, message_id: int, *emojis: str) -> None:
        """Set the bot's reactions on a message."""

    @abstractmethod
    async def offer(self, text: str, rows: list[list[tuple[str, str]]]) -> int:
        """Send a message with buttons, each (label, data), and return its number."""

    @abstractmethod
    async def unbutton(self, message_id: int) -> None:
        """Take the buttons off a message."""

    @abstractmethod
    async def answer_press(self, query_id: str, text: str) -> None:
        """Answer a callback query."""

    @abstractmethod
    async def set_commands(self, commands: dict[str, str], language: str = "") -> dict[str, str]:
        """Set the commands and return what the server then has."""

    @abstractmethod
    async def standing(self, chat: int) -> str:
        """Return the bot's own status in a chat."""

    @abstractmethod
    async def commands(self, language: str = "") -> dict[str, str]:
        """Return the commands that people see whose app has this language."""


class Ptb(Client):
    """python-telegram-bot 22.8."""

    def __init__(self, url: str, token: str, timeout: float) -> None:
        self._requests = [HTTPXRequest(read_timeout=timeout) for _ in range(2)]
        self._bot = telegram.Bot(
            token,
            base_url=f"{url}/bot",
            base_file_url=f"{url}/file/bot",
            get_updates_request=self._requests[0],
            request=self._requests[1],
        )

    async def close(self) -> None:
        for request in self._requests:
            await request.shutdown()

    async def me(self) -> str:
        return (await _ptb(self._bot.get_me())).username or ""

    async def updates(self, offset: int = 0, timeout: int = 0, limit: int = 100) -> list[tuple[int, str]]:
        batch = await _ptb(self._bot.get_updates(offset=offset, timeout=timeout, limit=limit))
        return [(item.update_id, _said(item.to_dict())) for item in batch]

    async def acts(self) -> list[dict[str, object]]:
        return [item.to_dict() for item in await _ptb(self._bot.get_updates())]

    def understood(self, body: bytes) -> dict[str, object]:
        return telegram.Update.de_json(json.loads(body), self._bot).to_dict()

    async def hook(self, url: str, secret: str) -> tuple[str, int]:
        await _ptb(self._bot.set_webhook(url, secret_token=secret, max_connections=10))
        info = await _ptb(self._bot.get_webhook_info())
        return info.url, info.pending_update_count

    async def unhook(self) -> None:
        await _ptb(self._bot.delete_webhook())

    async def send(self, text: str, *, chat: int = PERSON, html: bool = False, reply_to: int = 0) -> int:
        mode = "HTML" if html else None
        call = self._bot.send_message(chat, text, parse_mode=mode, reply_to_message_id=reply_to or None)
        return (await _ptb(call)).message_id

    async def edit(self, message_id: int, text: str) -> None:
        await _ptb(self._bot.edit_message_text(text, chat_id=PERSON, message_id=message_id))

    async def delete(self, message_id: int) -> None:
        await _ptb(self._bot.delete_message(PERSON, message_id))

    async def send_document(self, content: bytes, name: str, caption: str) -> str:
        message = await _ptb(self._bot.send_document(PERSON, content, filename=name, caption=caption))
        return message.document.file_id if message.document else ""

    async def send_voice(self, content: bytes) -> str:
        message = await _ptb(self._bot.send_voice(PERSON, content, filename="voice.ogg"))
        return message.voice.file_id if message.voice else ""

    async def download(self, file_id: str) -> bytes:
        file = await _ptb(self._bot.get_file(file_id))
        return bytes(await _ptb(file.download_as_bytearray()))

    async def draft(self, text: str, *, chat: int = PERSON) -> None:
        await _ptb(self._bot.send_message_draft(chat, 1, text))

    async def react(self, message_id: int, *emojis: str) -> None:
        await _ptb(self._bot.set_message_reaction(PERSON, message_id, [*emojis]))

    async def offer(self, text: str, rows: list[list[tuple[str, str]]]) -> int:
        keys = [[telegram.InlineKeyboardButton(label, callback_data=data) for label, data in row] for row in rows]
        markup = telegram.InlineKeyboardMarkup(keys)
        return (await _ptb(self._bot.send_message(PERSON, text, reply_markup=markup))).message_id

    async def unbutton(self, message_id: int) -> None:
        await _ptb(self._bot.edit_message_reply_markup(PERSON, message_id))

    async def answer_press(self, query_id: str, text: str) -> None:
        await _ptb(self._bot.answer_callback_query(query_id, text))

    async def set_commands(self, commands: dict[str, str], language: str = "") -> dict[str, str]:
        await _ptb(self._bot.set_my_commands(list(commands.items()), language_code=language or None))
        return await self.commands(language)

    async def standing(self, chat: int) -> str:
        return (await _ptb(self._bot.get_chat_member(chat, (await _ptb(self._bot.get_me())).id))).status

    async def commands(self, language: str = "") -> dict[str, str]:
        found = await _ptb(self._bot.get_my_commands(language_code=language or None))
        return {entry.command: entry.description for entry in found}


class Aiogram(Client):
    """aiogram 3.31.0."""

    def __init__(self, url: str, token: str, timeout: float) -> None:
        session = AiohttpSession(api=TelegramAPIServer.from_base(url), timeout=timeout)
        self._bot = aiogram.Bot(token, session=session)

    async def close(self) -> None:
        await self._bot.session.close()

    async def me(self) -> str:
        return (await _aio(self._bot.get_me())).username or ""

    async def updates(self, offset: int = 0, timeout: int = 0, limit: int = 100) -> list[tuple[int, str]]:
        batch = await _aio(self._bot.get_updates(offset=offset, timeout=timeout, limit=limit))
        return [(item.update_id, _said(item.model_dump(by_alias=True, exclude_none=True))) for item in batch]

    async def acts(self) -> list[dict[str, object]]:
        batch = await _aio(self._bot.get_updates())
        return [item.model_dump(by_alias=True, exclude_none=True) for item in batch]

    def understood(self, body: bytes) -> dict[str, object]:
        return Update.model_validate_json(body).model_dump(by_alias=True, exclude_none=True)

    async def hook(self, url: str, secret: str) -> tuple[str, int]:
        await _aio(self._bot.set_webhook(url, secret_token=secret, max_connections=10))
        info = await _aio(self._bot.get_webhook_info())
        return info.url, info.pending_update_count

    async def unhook(self) -> None:
        await _aio(self._bot.delete_webhook())

    async def send(self, text: str, *, chat: int = PERSON, html: bool = False, reply_to: int = 0) -> int:
        mode = "HTML" if html else None
        call = self._bot.send_message(chat, text, parse_mode=mode, reply_to_message_id=reply_to or None)
        return (await _aio(call)).message_id

    async def edit(self, message_id: int, text: str) -> None:
        await _aio(self._bot.edit_message_text(text, chat_id=PERSON, message_id=message_id))

    async def delete(self, message_id: int) -> None:
        await _aio(self._bot.delete_message(PERSON, message_id))

    async def send_document(self, content: bytes, name: str, caption: str) -> str:
        file = BufferedInputFile(content, name)
        message = await _aio(self._bot.send_document(PERSON, file, caption=caption))
        return message.document.file_id if message.document else ""

    async def send_voice(self, content: bytes) -> str:
        message = await _aio(self._bot.send_voice(PERSON, BufferedInputFile(content, "voice.ogg")))
        return message.voice.file_id if message.voice else ""

    async def download(self, file_id: str) -> bytes:
        file = await _aio(self._bot.get_file(file_id))
        content = await _aio(self._bot.download_file(file.file_path or ""))
        return content.read() if content else b""

    async def draft(self, text: str, *, chat: int = PERSON) -> None:
        await _aio(self._bot.send_message_draft(chat, 1, text=text))

    async def react(self, message_id: int, *emojis: str) -> None:
        wanted: list[ReactionTypeUnion] = [ReactionTypeEmoji(emoji=emoji) for emoji in emojis]
        await _aio(self._bot.set_message_reaction(PERSON, message_id, wanted))

    async def offer(self, text: str, rows: list[list[tuple[str, str]]]) -> int:
        keys = [[InlineKeyboardButton(text=label, callback_data=data) for label, data in row] for row in rows]
        markup = InlineKeyboardMarkup(inline_keyboard=keys)
        return (await _aio(self._bot.send_message(PERSON, text, reply_markup=markup))).message_id

    async def unbutton(self, message_id: int) -> None:
        await _aio(self._bot.edit_message_reply_markup(chat_id=PERSON, message_id=message_id))

    async def answer_press(self, query_id: str, text: str) -> None:
        await _aio(self._bot.answer_callback_query(query_id, text))

    async def set_commands(self, commands: dict[str, str], language: str = "") -> dict[str, str]:
        wanted = [BotCommand(command=name, description=text) for name, text in commands.items()]
        await _aio(self._bot.set_my_commands(wanted, language_code=language or None))
        return await self.commands(language)

    async def standing(self, chat: int) -> str:
        return (await _aio(self._bot.get_chat_member(chat, self._bot.id))).status

    async def commands(self, language: str = "") -> dict[str, str]:
        found = await _aio(self._bot.get_my_commands(language_code=language or None))
        return {entry.command: entry.description for entry in found}


async def _ptb(call: Awaitable[Result]) -> Result:
    try:
        return await call
    except telegram.error.RetryAfter as error:
        # a timedelta with PTB_TIMEDELTA in the environment, which keeps the library from warning
        wait = error.retry_after
        seconds = wait.total_seconds() if isinstance(wait, timedelta) else wait
        raise Failed("retry", str(error), int(seconds)) from error
    except telegram.error.ChatMigrated as error:
        raise Failed("migrated", str(error), error.new_chat_id) from error
    except telegram.error.TelegramError as error:
        kinds = {
            telegram.error.Forbidden: "forbidden",
            telegram.error.InvalidToken: "unauthorized",
            telegram.error.Conflict: "conflict",
            telegram.error.BadRequest: "bad",
            telegram.error.NetworkError: "network",
            telegram.error.TimedOut: "network",
        }
        raise Failed(kinds[type(error)], str(error)) from error


async def _aio(call: Awaitable[Result]) -> Result:
    try:
        return await call
    except aiogram.exceptions.TelegramRetryAfter as error:
        raise Failed("retry", str(error), error.retry_after) from error
    except aiogram.exceptions.TelegramMigrateToChat as error:
        raise Failed("migrated", str(error), error.migrate_to_chat_id) from error
    except aiogram.exceptions.AiogramError as error:
        kinds = {
            aiogram.exceptions.TelegramForbiddenError: "forbidden",
            aiogram.exceptions.TelegramUnauthorizedError: "unauthorized",
            aiogram.exceptions.TelegramConflictError: "conflict",
            aiogram.exceptions.TelegramBadRequest: "bad",
            aiogram.exceptions.TelegramNetworkError: "network",
            aiogram.exceptions.TelegramServerError: "network",
            aiogram.exceptions.ClientDecodeError: "network",
        }
        raise Failed(kinds[type(error)], str(error)) from error


def _said(update: dict[str, object]) -> str:
    kind = next(name for name in update if name != "update_id")
    content = update[kind]
    said = (
        next((content[key] for key in ("text", "caption", "data") if key in content), "")
        if isinstance(content, dict)
        else ""
    )
    return f"{kind}: {said}"
