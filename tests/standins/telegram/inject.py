"""What do people do? They write, edit, send files, press buttons and stop a draft."""

import base64
import time
import uuid

import msgspec

from tests.standins.telegram.entities import Entity
from tests.standins.telegram.files import document_json, photo_json
from tests.standins.telegram.limits import utf16_length
from tests.standins.telegram.state import Chat, Json, Message, Person, State


class Act(msgspec.Struct, forbid_unknown_fields=True):
    """One act of a person; who is missing is introduced on the way.

    `kind`: text, edit, photo, document, callback, stop_draft or raw. `message_id` is the message edited or
    whose button is pressed. `content` is base64; `declared_size` makes a file look larger than it is.
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
        "raw": _raw,
    }
    performer = performers.get(wanted.kind)
    if performer is None:
        raise WrongAct(f"unknown kind of act: {wanted.kind}")
    person = state.person(wanted.user_id)
    chat = state.chat_of(wanted.user_id if wanted.chat_id is None else wanted.chat_id, person)
    kind, content, message = performer(state, wanted, person, chat)
    outcome: Json = {
        "update_id": state.updates.add(kind, content),
        "chat_id": chat.id,
        "message_id": message.id if message else None,
    }
    state.journal.note("injected", kind=wanted.kind, text=wanted.text, **outcome)
    return outcome


Performed = tuple[str, object, Message | None]


def _write(state: State, wanted: Act, person: Person, chat: Chat) -> Performed:
    message = state.new_message(chat, person.json())
    message.text = wanted.text
    message.entities = command_entities(wanted.text) if wanted.entities is None else wanted.entities
    if wanted.reply_to_message_id is not None:
        message.reply_to = _existing(state, chat, wanted.reply_to_message_id)
    return "message", message.json(), message


def _edit(state: State, wanted: Act, _person: Person, chat: Chat) -> Performed:
    message = _existing(state, chat, wanted.message_id)
    message.text = wanted.text
    message.entities = command_entities(wanted.text) if wanted.entities is None else wanted.entities
    message.edit_date = int(time.time())
    return "edited_message", message.json(), message


def _send_file(state: State, wanted: Act, person: Person, chat: Chat) -> Performed:
    folder = f"{wanted.kind}s"
    name = wanted.file_name if wanted.kind == "document" else "photo.jpg"
    stored = state.new_file(folder, name, base64.b64decode(wanted.content), wanted.declared_size)
    message = state.new_message(chat, person.json())
    message.media = (
        {"document": document_json(stored, name, wanted.mime_type)}
        if wanted.kind == "document"
        else {"photo": photo_json(stored)}
    )
    message.text = wanted.text or None
    message.entities = wanted.entities or []
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


def command_entities(text: str) -> list[Entity]:
    """Return the entity of a command that opens a text. Other entities are for the test to give."""
    first = text.split(maxsplit=1)[0] if text.startswith("/") else ""
    if len(first) < 2:
        return []
    return [{"type": "bot_command", "offset": 0, "length": utf16_length(first)}]
