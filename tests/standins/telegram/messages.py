"""How does the bot send, edit and delete messages?"""

import time

import msgspec

from tests.standins.telegram import refusals
from tests.standins.telegram.call import Call
from tests.standins.telegram.entities import Entity, formatted
from tests.standins.telegram.limits import (
    BUTTONS,
    BUTTONS_ABREAST,
    CALLBACK_DATA_BYTES,
    CAPTION_UTF16_UNITS,
    MARKUP_BYTES,
    TEXT_UTF16_UNITS,
    utf16_length,
)
from tests.standins.telegram.state import Chat, Json, Message, State

CHAT_ACTIONS = frozenset({
    "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice",
    "upload_document", "choose_sticker", "find_location", "record_video_note", "upload_video_note",
})  # fmt: skip
"""PTB: ChatAction."""


class ReplyParameters(msgspec.Struct):
    """The part of ReplyParameters that matters in one chat (aiogram: types/reply_parameters.py)."""

    message_id: int = 0
    allow_sending_without_reply: bool = False


class InlineButton(msgspec.Struct):
    """The checked part of InlineKeyboardButton."""

    text: str
    callback_data: str | None = None


class InlineKeyboard(msgspec.Struct):
    """The checked part of InlineKeyboardMarkup; other markups have no `inline_keyboard`."""

    inline_keyboard: list[list[InlineButton]] = []


def send_message(state: State, call: Call) -> Json:
    """Answer sendMessage with the Message."""
    text, entities = _content(call, "text", editing=False)
    message = post(state, call, text, entities, {})
    return message.json()


def post(state: State, call: Call, text: str, entities: list[Entity], media: Json) -> Message:
    """Check the addressee, put a message of the bot into the chat and note it as sent."""
    markup = _markup(call)
    chat = addressed_chat(state, call)
    topic = call.integer("message_thread_id")
    if topic and (chat.id, topic) not in state.topics:
        raise refusals.bad_request("message thread not found")  # seen
    reply_to = _reply_target(state, call, chat)
    state.rates.admit(chat.id)
    message = state.new_message(chat, state.bot_as_sender)
    message.text, message.entities, message.media = text, entities, media
    message.reply_to, message.reply_markup = reply_to, markup
    if topic:
        message.more.update(message_thread_id=topic, is_topic_message=True)
    state.journal.note(
        "sent",
        chat_id=chat.id,
        message_id=message.id,
        method=call.method,
        text=text,
        entities=entities,
        media=media,
        reply_to=reply_to.id if reply_to else None,
        reply_markup=markup,
        disable_notification=call.flag("disable_notification"),
        message_thread_id=topic or None,
    )
    return message


def caption(call: Call) -> tuple[str, list[Entity]]:
    """Return the caption of a media message, which may be empty."""
    text, entities = formatted(call.text("caption"), call.text("parse_mode"), call.json("caption_entities"))
    if utf16_length(text) > CAPTION_UTF16_UNITS:
        raise refusals.caption_too_long()
    return text, entities


def edit_message_text(state: State, call: Call) -> Json:
    """Answer editMessageText with the edited Message. Without a markup the old one is removed."""
    text, entities = _content(call, "text", editing=True)
    markup = _markup(call)
    chat = addressed_chat(state, call)
    message = state.message(chat.id, call.integer("message_id"))
    if message is None:
        raise refusals.edit_target_not_found()
    if not message.from_bot or message.media:
        raise refusals.not_editable()
    if (message.text, message.entities, message.reply_markup) == (text, entities, markup):
        raise refusals.not_modified()
    message.text, message.entities, message.reply_markup = text, entities, markup
    message.edit_date = int(time.time())
    state.journal.note(
        "edited", chat_id=chat.id, message_id=message.id, text=text, entities=entities, reply_markup=markup
    )
    return message.json()


def edit_message_reply_markup(state: State, call: Call) -> Json:
    """Answer editMessageReplyMarkup with the edited Message. Without a markup the old one is removed."""
    markup = _markup(call)
    chat = addressed_chat(state, call)
    message = state.message(chat.id, call.integer("message_id"))
    if message is None:
        raise refusals.edit_target_not_found()
    if not message.from_bot:
        raise refusals.not_editable()
    if message.reply_markup == markup:
        raise refusals.not_modified()
    message.reply_markup, message.edit_date = markup, int(time.time())
    state.journal.note("markup", chat_id=chat.id, message_id=message.id, reply_markup=markup)
    return message.json()


def delete_message(state: State, call: Call) -> bool:
    """Answer deleteMessage. In a private chat both sides' messages can be deleted."""
    chat = addressed_chat(state, call)
    message = state.message(chat.id, call.integer("message_id"))
    if message is None:
        raise refusals.delete_target_not_found()
    message.deleted = True
    state.journal.note("deleted", chat_id=chat.id, message_id=message.id)
    return True


def send_chat_action(state: State, call: Call) -> bool:
    """Answer sendChatAction."""
    chat = addressed_chat(state, call)
    if call.text("action") not in CHAT_ACTIONS:
        raise refusals.bad_request("wrong parameter action in request")
    state.journal.note("action", chat_id=chat.id, action=call.text("action"))
    return True


def send_message_draft(state: State, call: Call) -> bool:
    """Answer sendMessageDraft: an ephemeral preview that lasts 30 s and is no message.

    aiogram: methods/send_message_draft.py (private chats, draft_id not 0, an empty text shows a placeholder).
    The wordings of its refusals are unverified.
    """
    text, entities = formatted(call.text("text"), call.text("parse_mode"), call.json("entities"))
    if utf16_length(text) > TEXT_UTF16_UNITS:
        raise refusals.text_too_long(editing=False)
    chat = addressed_chat(state, call)
    if chat.type != "private":
        raise refusals.bad_request("drafts can be sent only to private chats")
    draft_id = call.integer("draft_id")
    if draft_id == 0:
        raise refusals.bad_request("draft_id must be non-zero")
    state.journal.note(
        "draft",
        chat_id=chat.id,
        draft_id=draft_id,
        text=text,
        entities=entities,
        can_stop=call.flag("can_stop"),
        message_thread_id=call.integer("message_thread_id") or None,
    )
    return True


def addressed_chat(state: State, call: Call) -> Chat:
    """Return the chat that a call is about, if the bot may write to it."""
    if not call.text("chat_id"):
        raise refusals.bad_request("chat_id is empty")
    return state.reachable_chat(call.chat_id() or 0)


def _content(call: Call, name: str, *, editing: bool) -> tuple[str, list[Entity]]:
    source = call.text(name)
    if not source:
        raise refusals.text_is_empty()
    text, entities = formatted(source, call.text("parse_mode"), call.json("entities"))
    if not text:
        raise refusals.text_has_no_content()
    if utf16_length(text) > TEXT_UTF16_UNITS:
        raise refusals.text_too_long(editing)
    return text, entities


def _markup(call: Call) -> object:
    """The buttons. What an empty label earns, and that it is refused at all, is unverified."""
    keyboard = call.struct("reply_markup", InlineKeyboard)
    rows = keyboard.inline_keyboard if keyboard else []
    if sum(map(len, rows)) > BUTTONS or any(len(row) > BUTTONS_ABREAST for row in rows):
        raise refusals.markup_too_long()
    if len(call.text("reply_markup").encode()) > MARKUP_BYTES:
        raise refusals.markup_too_long()
    for row in rows:
        for button in row:
            if not button.text.strip():
                raise refusals.bad_request("text buttons are unallowed in the inline keyboard")
            data = button.callback_data
            if data is not None and not 1 <= len(data.encode()) <= CALLBACK_DATA_BYTES:
                raise refusals.bad_request("BUTTON_DATA_INVALID")
    return call.json("reply_markup")


def _reply_target(state: State, call: Call, chat: Chat) -> Message | None:
    wanted = call.struct("reply_parameters", ReplyParameters) or ReplyParameters(
        call.integer("reply_to_message_id"), call.flag("allow_sending_without_reply")
    )
    if not wanted.message_id:
        return None
    target = state.message(chat.id, wanted.message_id)
    if target is None and not wanted.allow_sending_without_reply:
        raise refusals.reply_target_not_found()
    return target
