"""What do people do? They write, edit, send files, press buttons and stop a draft."""

import base64
import time
import uuid

import msgspec

from tests.standins.telegram.entities import Entity
from tests.standins.telegram.files import document_json, photo_json
from tests.standins.telegram.groups import GROUP_ANONYMOUS_BOT, membership, seen, text_entities
from tests.standins.telegram.state import Chat, Json, Message, Person, State


class Act(msgspec.Struct, forbid_unknown_fields=True):
    """One act of a person; who is missing is introduced on the way.

    `kind`: text, edit, photo, document, callback, stop_draft, member, migrate or raw. `message_id` is the message
    that is edited or whose button is pressed. `content` is base64; `declared_size` makes a file look larger than it is.
    `update_type` and `raw` hand an update through as it is.
    """

    kind: str
    user_id: int = 7001
    chat_id: int | None = None
    text: str = ""
    entities: list[Entity] | None = None
    reply_to_message_id: int | None = None
    message_id: int | None = None
    content: str = ""
    declared_size: int | None = None
    file_name: str = "file.bin"
    mime_type: str | None = None
    data: str = ""
    draft_id: int = 0
    topic: int = 0
    album: str = ""
    quote: str = ""
    sender_chat_id: int | None = None
    forwarded_from: int | None = None
    status: str = ""
    can_send: bool = True
    new_chat_id: int = 0
    update_type: str = ""
    raw: Json | None = None


class WrongAct(ValueError):
    """The act makes no sense, such as editing a message that does not exist."""


def act(state: State, wanted: Act) -> Json:
    """Let it happen; return `update_id` (None: the bot does not want this type), `chat_id`, `message_id`."""
    performers = {
        "text": _write,
        "edit": _edit,
        "photo": _send_file,
        "document": _send_file,
        "callback": _press,
        "stop_draft": _stop_draft,
        "member": _member,
        "migrate": _migrate,
        "raw": _raw,
    }
    performer = performers.get(wanted.kind)
    if performer is None:
        raise WrongAct(f"unknown kind of act: {wanted.kind}")
    person = state.person(wanted.user_id)
    chat = state.chat_of(wanted.user_id if wanted.chat_id is None else wanted.chat_id, person)
    kind, content, message = performer(state, wanted, person, chat)
    outcome: Json = {
        "update_id": state.updates.add(kind, content) if message is None or seen(state, message) else None,
        "chat_id": chat.id,
        "message_id": message.id if message else None,
    }
    state.journal.note("injected", kind=wanted.kind, text=wanted.text, **_pressed(state, wanted), **outcome)
    return outcome


Performed = tuple[str, object, Message | None]


def _write(state: State, wanted: Act, person: Person, chat: Chat) -> Performed:
    message = _new(state, wanted, person, chat)
    message.text = wanted.text
    message.entities = text_entities(wanted.text) if wanted.entities is None else wanted.entities
    return "message", message.json(), message


def _new(state: State, wanted: Act, person: Person, chat: Chat) -> Message:
    """A message with all that stands around its words."""
    message = state.new_message(chat, person.json())
    if wanted.reply_to_message_id is not None:
        message.reply_to = _existing(state, chat, wanted.reply_to_message_id)
    if wanted.topic:
        state.topics.add((chat.id, wanted.topic))
        message.more.update(message_thread_id=wanted.topic, is_topic_message=True)
    if wanted.album:
        message.more["media_group_id"] = wanted.album
    if wanted.quote:
        message.more["quote"] = {"text": wanted.quote, "position": 0, "is_manual": True}
    if wanted.sender_chat_id is not None:
        message.sender = GROUP_ANONYMOUS_BOT
        message.more["sender_chat"] = state.chat_of(wanted.sender_chat_id, person).json()
    if wanted.forwarded_from is not None:
        whose = state.person(wanted.forwarded_from).json()
        message.more["forward_origin"] = {"type": "user", "date": int(time.time()), "sender_user": whose}
    return message


def _member(state: State, wanted: Act, person: Person, chat: Chat) -> Performed:
    """A private chat with a bot that was kicked is one that was blocked (aiogram: types/update.py, my_chat_member)."""
    chat.blocked = wanted.status in ("kicked", "left")
    changed = membership(state, person, chat, wanted.status, can_send=wanted.can_send)
    state.standings[chat.id] = msgspec.convert(changed["new_chat_member"], dict[str, object])
    return "my_chat_member", changed, None


def _migrate(state: State, wanted: Act, person: Person, chat: Chat) -> Performed:
    """Two service messages (aiogram: types/message.py, migrate_to_chat_id and migrate_from_chat_id)."""
    new = state.chat_of(wanted.new_chat_id, person)
    new.title, chat.migrated_to = chat.title, new.id
    said = state.new_message(chat, person.json())
    said.more["migrate_to_chat_id"] = new.id
    state.updates.add("message", said.json())
    again = state.new_message(new, GROUP_ANONYMOUS_BOT)
    again.more.update(migrate_from_chat_id=chat.id, sender_chat=new.json())
    return "message", again.json(), None


def _edit(state: State, wanted: Act, _person: Person, chat: Chat) -> Performed:
    message = _existing(state, chat, wanted.message_id)
    message.text = wanted.text
    message.entities = text_entities(wanted.text) if wanted.entities is None else wanted.entities
    message.edit_date = int(time.time())
    return "edited_message", message.json(), message


def _send_file(state: State, wanted: Act, person: Person, chat: Chat) -> Performed:
    folder = f"{wanted.kind}s"
    name = wanted.file_name if wanted.kind == "document" else "photo.jpg"
    stored = state.new_file(folder, name, base64.b64decode(wanted.content), wanted.declared_size)
    message = _new(state, wanted, person, chat)
    message.media = (
        {"document": document_json(stored, name, wanted.mime_type)}
        if wanted.kind == "document"
        else {"photo": photo_json(stored)}
    )
    message.text = wanted.text or None
    message.entities = text_entities(wanted.text) if wanted.entities is None else wanted.entities
    return "message", message.json(), message


def _press(state: State, wanted: Act, person: Person, chat: Chat) -> Performed:
    message = _existing(state, chat, wanted.message_id)
    query: Json = {
        "id": uuid.uuid4().hex,
        "from": person.json(),
        "message": message.json(),
        "chat_instance": str(chat.id),
        "data": wanted.data,
    }
    state.open_callbacks[str(query["id"])] = query
    return "callback_query", query, message


def _pressed(state: State, wanted: Act) -> Json:
    """What the journal says of a press beside its message: the query that the bot is to answer, and the data."""
    if wanted.kind != "callback":
        return {}
    return {"callback_query_id": next(reversed(state.open_callbacks)), "data": wanted.data}


def _stop_draft(_state: State, wanted: Act, _person: Person, chat: Chat) -> Performed:
    """aiogram: types/message_generation_stopped.py."""
    return "stopped_message_generation", {"chat": chat.json(), "draft_id": wanted.draft_id}, None


def _raw(_state: State, wanted: Act, _person: Person, _chat: Chat) -> Performed:
    return wanted.update_type, wanted.raw or {}, None


def _existing(state: State, chat: Chat, message_id: int | None) -> Message:
    message = state.message(chat.id, message_id or 0)
    if message is None:
        raise WrongAct(f"there is no message {message_id} in chat {chat.id}")
    return message
