"""Who exists at the stand-in, and what has been said?"""

import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.standins.telegram.entities import Entity
from tests.standins.telegram.faults import Faults
from tests.standins.telegram.journal import Journal
from tests.standins.telegram.limits import SendRates
from tests.standins.telegram.refusals import (
    blocked_by_user,
    chat_not_found,
    migrated,
    user_deactivated,
)
from tests.standins.telegram.updates import Updates
from tests.standins.telegram.webhook import Delivery, Webhook

DEFAULT_TOKEN = "4242424242:stand-in-bot-token"
"""Digits, a colon, the rest: aiogram refuses any other form (utils/token.py)."""

Json = dict[str, object]


@dataclass
class Person:
    """A user of the messenger."""

    id: int
    first_name: str
    username: str | None = None
    language_code: str | None = None

    def json(self) -> Json:
        """Return the User object."""
        return present(
            id=self.id,
            is_bot=False,
            first_name=self.first_name,
            username=self.username,
            language_code=self.language_code,
        )


@dataclass
class Chat:
    """A conversation. A private chat carries its person's id (server: get_chat_type)."""

    id: int
    type: str
    title: str | None = None
    first_name: str | None = None
    username: str | None = None
    blocked: bool = False
    deactivated: bool = False
    migrated_to: int = 0

    def json(self) -> Json:
        """Return the Chat object."""
        return present(id=self.id, type=self.type, title=self.title, first_name=self.first_name, username=self.username)


@dataclass
class Message:
    """One message, of a person or of the bot, in its latest wording."""

    chat: Chat
    id: int
    date: int
    sender: Json
    text: str | None = None
    entities: list[Entity] = field(default_factory=list)
    reply_to: "Message | None" = None
    reply_markup: object = None
    edit_date: int | None = None
    media: Json = field(default_factory=dict)
    more: Json = field(default_factory=dict)
    deleted: bool = False
    reactions: list[str] = field(default_factory=list)
    """The bot's own; messages do not show them."""

    @property
    def from_bot(self) -> bool:
        """Tell whether the bot wrote it."""
        return self.sender["is_bot"] is True

    def json(self, with_reply: bool = True) -> Json:
        """Return the Message object (aiogram: types/message.py); a reply is shown one level deep."""
        text_key, entities_key = ("caption", "caption_entities") if self.media else ("text", "entities")
        answer = present(
            message_id=self.id,
            date=self.date,
            chat=self.chat.json(),
            edit_date=self.edit_date,
            reply_to_message=self.reply_to.json(with_reply=False) if self.reply_to and with_reply else None,
            reply_markup=self.reply_markup,
        )
        answer["from"] = self.sender
        answer.update(self.media)
        answer.update(self.more)
        if self.text:
            answer[text_key] = self.text
        if self.entities:
            answer[entities_key] = self.entities
        return answer


@dataclass(frozen=True)
class StoredFile:
    """Bytes that can be downloaded. `size` may be larger than the content, to play a file that is too big."""

    id: str
    unique_id: str
    path: str
    size: int
    content: bytes


class State:
    """Everything one stand-in knows. One bot, one token."""

    def __init__(self, token: str, journal_file: Path | None, strict_rates: bool) -> None:
        self.token = token
        self.journal = Journal(journal_file)
        self.faults = Faults()
        self.updates = Updates(self.journal, lambda: self.faults.on_delivery("redeliver"))
        self.delivery = Delivery(self.updates, self.journal)
        self.rates = SendRates(strict_rates)
        self._message_numbers = 0
        self._file_numbers = 0
        self._start()

    def _start(self) -> None:
        self.people: dict[int, Person] = {}
        self.chats: dict[int, Chat] = {}
        self.messages: dict[tuple[int, int], Message] = {}
        self.files: dict[str, StoredFile] = {}
        self.open_callbacks: dict[str, Json] = {}
        self.commands: dict[tuple[str, str], list[Json]] = {}  # by scope and language
        self.webhook: Webhook | None = None
        self.privacy = False
        self.joins = True
        self.standings: dict[int, Json] = {}  # the bot's own, by chat, where it has changed
        self.topics: set[tuple[int, int]] = set()

    def forget(self) -> None:
        """Return to the first state; numbers go on, so that nothing old can be mistaken for new."""
        self._start()
        self.delivery.set(None)
        self.updates.forget()
        self.faults.clear()
        self.journal.forget()

    @property
    def bot(self) -> Json:
        """Return the bot's own User object as getMe gives it (aiogram: types/user.py)."""
        return {
            "id": int(self.token.partition(":")[0]),
            "is_bot": True,
            "first_name": "Stand-in Bot",
            "username": "stand_in_bot",
            "can_join_groups": self.joins,
            "can_read_all_group_messages": not self.privacy,
            "supports_inline_queries": False,
        }

    @property
    def bot_as_sender(self) -> Json:
        """Return the bot's User object as it stands in messages."""
        return {key: self.bot[key] for key in ("id", "is_bot", "first_name", "username")}

    def person(self, person_id: int) -> Person:
        """Return a person, introducing an unknown one."""
        return self.people.setdefault(person_id, Person(person_id, f"User {person_id}", f"user_{person_id}"))

    def chat_of(self, chat_id: int, person: Person) -> Chat:
        """Return a chat, opening an unknown one: private under the person's id, else a group."""
        if chat_id not in self.chats:
            self.chats[chat_id] = (
                Chat(chat_id, "private", first_name=person.first_name, username=person.username)
                if chat_id > 0
                else Chat(chat_id, "supergroup", title=f"Group {-chat_id}")
            )
        return self.chats[chat_id]

    def reachable_chat(self, chat_id: int) -> Chat:
        """Return the chat that the bot may write to, or raise the refusal that applies."""
        chat = self.chats.get(chat_id)
        if chat is None:
            raise chat_not_found()
        if chat.migrated_to:
            raise migrated(chat.migrated_to)
        if chat.deactivated:
            raise user_deactivated()
        if chat.blocked:
            raise blocked_by_user()
        return chat

    def new_message(self, chat: Chat, sender: Json) -> Message:
        """Create and keep a message with the next number."""
        self._message_numbers += 1
        message = Message(chat, self._message_numbers, int(time.time()), sender)
        self.messages[chat.id, message.id] = message
        return message

    def message(self, chat_id: int, message_id: int) -> Message | None:
        """Return a message that is still there."""
        found = self.messages.get((chat_id, message_id))
        return None if found is None or found.deleted else found

    def new_file(self, folder: str, name: str, content: bytes, size: int | None = None) -> StoredFile:
        """Keep bytes under a fresh file id; `size` as declared, else the content's."""
        self._file_numbers += 1
        number = self._file_numbers
        stored = StoredFile(
            id=f"stand-in-file-{number}",
            unique_id=f"unique-{number}",
            path=f"{folder}/file_{number}{Path(name).suffix}",
            size=len(content) if size is None else size,
            content=content,
        )
        self.files[stored.id] = stored
        return stored


def present(**fields: object) -> Json:
    """Return the fields that are not None: the vendor leaves absent ones out."""
    return {name: value for name, value in fields.items() if value is not None}
