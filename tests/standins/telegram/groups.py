"""What do people do in groups? They mention, answer, quote, speak in topics and for others, come and go.

Objects as aiogram's types restate core.telegram.org/bots/api: types/message.py, types/text_quote.py,
types/chat_member_updated.py, types/chat_member_banned.py, types/message_origin_user.py.
"""

import re
import time

from tests.standins.telegram.entities import Entity
from tests.standins.telegram.limits import utf16_length
from tests.standins.telegram.state import Chat, Json, Message, Person, State

GROUP_ANONYMOUS_BOT: Json = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
"""Sends for anonymous administrators, whose `sender_chat` is the group (aiogram: types/message.py, sender_chat)."""

_MENTION = re.compile(r"(?<!\w)@\w{4,32}")
_COMMAND = re.compile(r"/[A-Za-z0-9_]{1,32}(@\w{4,32})?")


def text_entities(text: str) -> list[Entity]:
    """Return the entities that the vendor finds by itself, of those that matter here: commands and mentions."""
    found: list[Entity] = []
    command = _COMMAND.match(text)
    if command:
        found.append({"type": "bot_command", "offset": 0, "length": utf16_length(command[0])})
    for mention in _MENTION.finditer(text):
        if command is None or mention.start() >= command.end():
            offset = utf16_length(text[: mention.start()])
            found.append({"type": "mention", "offset": offset, "length": utf16_length(mention[0])})
    return found


def seen(state: State, message: Message) -> bool:
    """Tell whether privacy mode lets the bot see a message of a group.

    core.telegram.org/bots/features#privacy-mode: commands for this bot, and answers to its messages; and, as
    clients report, messages that mention it. Administrators and bots with the mode off see everything.
    """
    if not state.privacy or message.chat.type == "private":
        return True
    if message.reply_to is not None and message.reply_to.from_bot:
        return True
    name = f"@{state.bot['username']}".lower()
    return any(name in _words(message.text or "", entity).lower() for entity in message.entities)


def _words(text: str, entity: Entity) -> str:
    units = text.encode("utf-16-le")
    start, length = int(str(entity["offset"])), int(str(entity["length"]))
    return units[2 * start : 2 * (start + length)].decode("utf-16-le")


def membership(state: State, person: Person, chat: Chat, status: str, *, can_send: bool = True) -> Json:
    """Return the ChatMemberUpdated of the bot itself."""
    old: Json = {"user": state.bot_as_sender, "status": "member"}
    new: Json = {"user": state.bot_as_sender, "status": status}
    if status == "kicked":
        new["until_date"] = 0
    if status == "restricted":
        new.update(dict.fromkeys(_RIGHTS, can_send), is_member=True, until_date=0)
    return {
        "chat": chat.json(),
        "from": person.json(),
        "date": int(time.time()),
        "old_chat_member": old,
        "new_chat_member": new,
    }


_RIGHTS = (
    "can_send_messages", "can_send_audios", "can_send_documents", "can_send_photos", "can_send_videos",
    "can_send_video_notes", "can_send_voice_notes", "can_send_polls", "can_send_other_messages",
    "can_add_web_page_previews", "can_change_info", "can_invite_users", "can_pin_messages", "can_manage_topics",
    "can_react_to_messages", "can_edit_tag",
)  # fmt: skip
"""aiogram: types/chat_member_restricted.py."""
