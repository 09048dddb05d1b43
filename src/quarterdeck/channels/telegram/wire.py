"""What is asked of the Bot API, and what do its answers mean? Bodies, the envelope, and the fate of a send. Pure.

Facts cite core.telegram.org/bots/api ("api"), the vendor's own server ("server": github.com/tdlib/telegram-bot-api,
telegram-bot-api/Client.cpp at commit 025884ae) or say "seen": clients report it, neither of the two has it, and it is
unverified: nobody has checked it here against the Bot API.
"""

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.model.button import ButtonRows
from quarterdeck.model.menu import Entry
from quarterdeck.ports import MaybeSent, NotSent, SendRefused, SendResult, Sent

TEXT_UNITS = 4096
"""Of a message, in UTF-16 code units after entities parsing (api, sendMessage)."""

SEEN = "\N{EYES}"
"""Our reaction. A chat whose administrators chose others does not take it (unverified)."""

REFUSED_TOKEN_SECONDS = 60.0
CANNOT_PARSE = "cannot_parse"
MESSAGE_GONE = "message_gone"

# What a 400 says (seen, all of them, so unverified; matched without regard to case), and our code for it. A refusal in
# other words keeps the number as its code: it is final, and nothing is tried in another form.
_BAD_REQUESTS = (
    ("can't parse entities", CANNOT_PARSE),
    ("chat not found", "chat_not_found"),
    ("message to edit not found", MESSAGE_GONE),
    ("message can't be edited", "not_editable"),
    ("message is too long", "too_long"),
    ("message_too_long", "too_long"),
    ("text must be non-empty", "empty"),
    ("message text is empty", "empty"),
    ("photo_invalid_dimensions", "bad_photo"),
    ("image_process_failed", "bad_photo"),
    ("voice_messages_forbidden", "no_voice"),
    ("message caption is too long", "too_long"),
)
FORM_REFUSED = ("bad_photo", "no_voice")
"""Of a photo or a voice; the same file may still be taken as a document (unverified)."""


# --- what is asked --------------------------------------------------------------------------------------------


class LinkPreview(msgspec.Struct, frozen=True):
    """Off: Telegram fetches an address to preview it, so that a text alone could carry data to its host."""

    is_disabled: bool = True


class Reply(msgspec.Struct, frozen=True):
    """The message that is answered; when it is gone the answer still comes (api, ReplyParameters)."""

    message_id: int
    allow_sending_without_reply: bool = True


class InlineButton(msgspec.Struct, frozen=True):
    """api: InlineKeyboardButton; `callback_data` has 1 to 64 bytes and comes back with a press."""

    text: str
    callback_data: str


class InlineKeyboard(msgspec.Struct, frozen=True):
    """api: InlineKeyboardMarkup."""

    inline_keyboard: tuple[tuple[InlineButton, ...], ...]


class SendMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """api: sendMessage."""

    chat_id: str
    message_thread_id: int = 0
    text: str
    parse_mode: str = ""
    reply_parameters: Reply | None = None
    link_preview_options: LinkPreview
    reply_markup: InlineKeyboard | None = None


class EditMessageText(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """api: editMessageText."""

    chat_id: str
    message_id: int
    text: str
    parse_mode: str = ""
    link_preview_options: LinkPreview


class EditMessageReplyMarkup(msgspec.Struct, frozen=True):
    """api: editMessageReplyMarkup. Without a markup the message has none any more."""

    chat_id: str
    message_id: int


class AnswerCallbackQuery(msgspec.Struct, frozen=True, omit_defaults=True):
    """api: answerCallbackQuery; until then the app shows that it waits. `text` has up to 200 characters."""

    callback_query_id: str
    text: str = ""


class SendChatAction(msgspec.Struct, frozen=True, omit_defaults=True):
    """api: sendChatAction; shown for 5 seconds or until a message comes."""

    chat_id: str
    action: str
    message_thread_id: int = 0


class Emoji(msgspec.Struct, frozen=True):
    """api: ReactionTypeEmoji. One of a fixed list (python-telegram-bot 22.8, constants.py: ReactionEmoji)."""

    emoji: str
    type: str = "emoji"


class SetMessageReaction(msgspec.Struct, frozen=True):
    """api: setMessageReaction. A bot without premium sets up to one (aiogram 3.31.0,
    methods/set_message_reaction.py); an empty list takes its own off.
    """

    chat_id: str
    message_id: int
    reaction: tuple[Emoji, ...]


class SendMessageDraft(msgspec.Struct, frozen=True):
    """api: sendMessageDraft (aiogram 3.31.0, methods/send_message_draft.py): a preview of up to 4096 units that is gone
    after 30 seconds unless it is sent again; `draft_id` is not 0, and the same for one growing answer.
    """

    chat_id: str
    draft_id: int
    text: str


class GetUpdates(msgspec.Struct, frozen=True, omit_defaults=True):
    """api: getUpdates. An `offset` above an update's id confirms that update; 0 is left out and confirms nothing."""

    timeout: int
    allowed_updates: tuple[str, ...]
    offset: int = 0


class GetFile(msgspec.Struct, frozen=True):
    """api: getFile, up to 20 MB."""

    file_id: str


class SetWebhook(msgspec.Struct, frozen=True):
    """api: setWebhook. The secret has 1 to 256 of the letters A-Z, a-z, 0-9, _ and -."""

    url: str
    secret_token: str
    allowed_updates: tuple[str, ...]
    max_connections: int


class GetMyCommands(msgspec.Struct, frozen=True, omit_defaults=True):
    """api: getMyCommands. `language_code` is a two-letter one; left out it means those without a list of their own."""

    language_code: str = ""


class SetMyCommands(msgspec.Struct, frozen=True, omit_defaults=True):
    """api: setMyCommands. At most 100; a command has 1 to 32 of a-z, 0-9 and _, a description 1 to 256 characters."""

    commands: tuple[Entry, ...]
    language_code: str = ""


class GetChatMember(msgspec.Struct, frozen=True):
    """api: getChatMember."""

    chat_id: str
    user_id: int


class Nothing(msgspec.Struct, frozen=True):
    """No parameters."""


Body = (
    SendMessage
    | EditMessageText
    | EditMessageReplyMarkup
    | AnswerCallbackQuery
    | SendMessageDraft
    | SendChatAction
    | SetMessageReaction
    | GetUpdates
    | GetFile
    | SetWebhook
    | GetMyCommands
    | SetMyCommands
    | GetChatMember
    | Nothing
)


def address(room: str) -> tuple[str, int]:
    """The chat of a room, and its topic (message_thread_id) where it is one, else 0. A topic is written CHAT/TOPIC."""
    chat, _, topic = room.partition("/")
    return chat, int(topic) if topic.isdigit() else 0


def typing(room: str) -> SendChatAction:
    """An answer is being made."""
    chat, topic = address(room)
    return SendChatAction(chat, "typing", topic)


def set_reaction(room: str, native_id: str, *, on: bool) -> SetMessageReaction:
    """Our reaction on a message, or none."""
    return SetMessageReaction(address(room)[0], int(native_id), (Emoji(SEEN),) if on else ())


def send_message(room: str, text: str, *, html: bool, reply_to: str = "", buttons: ButtonRows = ()) -> SendMessage:
    """A new message; `reply_to` is the id of the message that it answers."""
    chat, topic = address(room)
    return SendMessage(
        chat_id=chat,
        message_thread_id=topic,
        text=text,
        parse_mode="HTML" if html else "",
        reply_parameters=Reply(int(reply_to)) if reply_to else None,
        link_preview_options=LinkPreview(),
        reply_markup=_keyboard(buttons) if buttons else None,
    )


def _keyboard(buttons: ButtonRows) -> InlineKeyboard:
    return InlineKeyboard(tuple(tuple(InlineButton(one.label, one.value) for one in row) for row in buttons))


def edit_message(room: str, native_id: str, text: str, *, html: bool) -> EditMessageText:
    """Another text for a message of the bot."""
    return EditMessageText(
        chat_id=address(room)[0],
        message_id=int(native_id),
        text=text,
        parse_mode="HTML" if html else "",
        link_preview_options=LinkPreview(),
    )


# --- what comes back ------------------------------------------------------------------------------------------


class Parameters(msgspec.Struct, frozen=True):
    """api: ResponseParameters."""

    retry_after: float = 0.0
    migrate_to_chat_id: int = 0


class Envelope(msgspec.Struct, frozen=True):
    """Every answer of the Bot API."""

    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"null")
    error_code: int = 0
    description: str = ""
    parameters: Parameters = Parameters()


class Answer(msgspec.Struct, frozen=True):
    """An answer of any kind. `said` is None when it was not the Bot API that spoke (a proxy's page)."""

    status: int
    said: Envelope | None

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.said is not None and self.said.ok

    @property
    def code(self) -> int:
        """The error's number, the HTTP status where none is given."""
        return (self.said.error_code if self.said else 0) or self.status

    @property
    def reason(self) -> str:
        """What was said, for a person."""
        return (self.said.description if self.said else "") or f"HTTP {self.status} without an explanation"


class MessageId(msgspec.Struct, frozen=True):
    """The part of a sent message that is needed."""

    message_id: int


class Bot(msgspec.Struct, frozen=True):
    """api: getMe. `can_read_all_group_messages` is false while privacy mode is on."""

    id: int
    username: str
    first_name: str = ""
    can_join_groups: bool = True
    can_read_all_group_messages: bool = False


class Member(msgspec.Struct, frozen=True):
    """api: ChatMember. `status`: creator, administrator, member, restricted, left or kicked."""

    status: str
    can_send_messages: bool = True


class FilePath(msgspec.Struct, frozen=True):
    """api: File; the path is good for an hour at least."""

    file_path: str = ""


class Webhook(msgspec.Struct, frozen=True):
    """api: WebhookInfo. `url` is empty where none is set; without `allowed_updates` it is the vendor's own choice."""

    url: str = ""
    pending_update_count: int = 0
    last_error_message: str = ""
    allowed_updates: tuple[str, ...] = ()


def answer(status: int, body: bytes) -> Answer:
    """Read an answer, whatever it is."""
    try:
        return Answer(status, msgspec.json.decode(body, type=Envelope))
    except UNREADABLE:
        return Answer(status, None)


def fate(given: Answer, native_id: str = "") -> SendResult:
    """What became of a send, or of an edit of `native_id`.

    A 5xx leaves it open: the server gives one for a message that it did send ("sent message was immediately deleted
    and can't be returned": server, delete_message), and a gateway gives 502 or 504 for a request that it had passed
    on. A page in place of the envelope with a 4xx comes from in front of the Bot API, which never saw the request.
    """
    if given.ok and given.said:
        return _sent(given.said.result, native_id)
    if given.code >= 500 or given.status < 400:
        return MaybeSent(given.reason)
    if given.said is None:
        return NotSent(given.reason, room_only=False)
    match given.code:
        case 429:  # api: ResponseParameters.retry_after; which limit was met is not said
            return NotSent(given.reason, given.said.parameters.retry_after or 1.0)
        case 401 | 404:  # a revoked token, and one of the wrong form (seen)
            return NotSent(given.reason, REFUSED_TOKEN_SECONDS, room_only=False)
        case 403:  # server, fail_query_with_error: blocked, deactivated, kicked
            return SendRefused("blocked", given.reason)
        case _:
            return _refused(given.reason, given.said.parameters, given.code, native_id)


def _sent(result: msgspec.Raw, native_id: str) -> SendResult:
    if native_id:
        return Sent(native_id)
    try:
        return Sent(str(msgspec.json.decode(result, type=MessageId).message_id))
    except UNREADABLE:
        return MaybeSent("the answer to a send names no message")


def _refused(reason: str, parameters: Parameters, code: int, native_id: str) -> SendResult:
    if native_id and "message is not modified" in reason:  # server, fail_query_with_error
        return Sent(native_id)
    if parameters.migrate_to_chat_id:
        return SendRefused("migrate_to_chat_id", f"{reason} (now {parameters.migrate_to_chat_id})")
    known = (name for words, name in _BAD_REQUESTS if words in reason.lower())
    return SendRefused(next(known, str(code)), reason)
