"""Which methods exist, and how do those about the bot itself, its updates and its buttons answer?"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

import msgspec

from tests.standins.telegram import files, messages, reactions, refusals
from tests.standins.telegram.call import Call
from tests.standins.telegram.limits import (
    CALLBACK_ANSWER_CHARS,
    COMMAND_CHARS,
    COMMAND_DESCRIPTION_CHARS,
    COMMANDS,
)
from tests.standins.telegram.state import Json, State, present
from tests.standins.telegram.webhook import Webhook

Method = Callable[[State, Call], object]


class Described(msgspec.Struct):
    """A result together with the `description` that the envelope carries beside it."""

    result: object
    description: str


class BotCommand(msgspec.Struct):
    """aiogram: types/bot_command.py."""

    command: str
    description: str


class BotCommands(msgspec.Struct):
    """The array, wrapped so that it can be converted at once."""

    commands: list[BotCommand]


async def get_updates(state: State, call: Call) -> list[Json]:
    """Answer getUpdates, with the delivery faults that are due."""
    if state.webhook is not None:
        raise refusals.conflict_webhook_active()
    state.updates.allow(call.json("allowed_updates"))
    batch = await state.updates.get(call.integer("offset"), call.integer("limit", 100), call.integer("timeout"))
    if len(batch) > 1 and state.faults.on_delivery("reorder"):
        batch = batch[::-1]
    if batch and state.faults.on_delivery("duplicate"):
        batch = [update for update in batch for _ in range(2)]
    return batch


def get_me(state: State, _call: Call) -> Json:
    """Answer getMe."""
    return state.bot


def set_webhook(state: State, call: Call) -> object:
    """Answer setWebhook: it ends a waiting poll, and blocks polling. An empty url deletes it."""
    url = call.text("url")
    if not url:
        return delete_webhook(state, call)
    webhook = Webhook(url, call.text("secret_token"), call.integer("max_connections", 40))
    _drop_if_asked(state, call)
    state.updates.allow(call.json("allowed_updates"))
    state.updates.webhook_was_set()
    changed = state.webhook is None or (state.webhook.url, state.webhook.secret) != (url, webhook.secret)
    state.webhook = webhook
    state.delivery.set(webhook)
    return Described(True, "Webhook was set" if changed else "Webhook is already set")


def delete_webhook(state: State, call: Call) -> object:
    """Answer deleteWebhook."""
    _drop_if_asked(state, call)
    existed, state.webhook = state.webhook is not None, None
    state.delivery.set(None)
    return Described(True, "Webhook was deleted" if existed else "Webhook is already deleted")


def get_webhook_info(state: State, _call: Call) -> Json:
    """Answer getWebhookInfo (aiogram: types/webhook_info.py)."""
    allowed = sorted(state.updates.allowed) if state.updates.allowed else None
    return {
        "url": "",
        **(state.webhook.json() if state.webhook else {}),
        "has_custom_certificate": False,
        "pending_update_count": len(state.updates),
        **present(allowed_updates=allowed),
    }


def _drop_if_asked(state: State, call: Call) -> None:
    if call.flag("drop_pending_updates"):
        state.updates.drop()


def set_my_commands(state: State, call: Call) -> bool:
    """Answer setMyCommands: a list for each scope and language."""
    place = _place(call)
    try:
        wanted = msgspec.convert({"commands": call.json("commands") or []}, BotCommands).commands
    except msgspec.ValidationError as error:
        raise refusals.bad_request(f"can't parse BotCommand: {error}") from None
    if len(wanted) > COMMANDS:
        raise refusals.bad_request("BOT_COMMANDS_TOO_MUCH")
    for entry in wanted:
        name = entry.command.removeprefix("/")
        if not COMMAND_CHARS[0] <= len(name) <= COMMAND_CHARS[1] or not _is_command(name):
            raise refusals.bad_request("BOT_COMMAND_INVALID")
        if not COMMAND_DESCRIPTION_CHARS[0] <= len(entry.description) <= COMMAND_DESCRIPTION_CHARS[1]:
            raise refusals.bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    state.commands[place] = [
        {"command": one.command.removeprefix("/"), "description": one.description} for one in wanted
    ]
    return True


def _place(call: Call) -> tuple[str, str]:
    """Which list: of a scope (aiogram: types/bot_command_scope_*.py) and a two-letter language, each of which may lack.

    What the vendor says to other languages is seen: clients report these words for zh-hans.
    """
    language = call.text("language_code")
    if language and not (len(language) == 2 and language.isascii() and language.isalpha() and language.islower()):
        raise refusals.bad_request("invalid language code specified")
    return call.text("scope") or '{"type":"default"}', language


def _is_command(name: str) -> bool:
    return name.isascii() and name.replace("_", "a").isalnum() and name == name.lower()


def get_my_commands(state: State, call: Call) -> list[Json]:
    """Answer getMyCommands; what was not set for just this scope and language is an empty list."""
    return state.commands.get(_place(call), [])


def delete_my_commands(state: State, call: Call) -> bool:
    """Answer deleteMyCommands."""
    state.commands.pop(_place(call), None)
    return True


def answer_callback_query(state: State, call: Call) -> bool:
    """Answer answerCallbackQuery: once per query. The query's life time is not played."""
    if len(call.text("text")) > CALLBACK_ANSWER_CHARS:
        raise refusals.bad_request("MESSAGE_TOO_LONG")
    query_id = call.text("callback_query_id")
    if state.open_callbacks.pop(query_id, None) is None:
        raise refusals.callback_query_unknown()
    state.journal.note(
        "answered", callback_query_id=query_id, text=call.text("text"), show_alert=call.flag("show_alert")
    )
    return True


def get_chat(state: State, call: Call) -> Json:
    """Answer getChat with the fields that aiogram requires of ChatFullInfo."""
    return {**messages.addressed_chat(state, call).json(), "accent_color_id": 0, "max_reaction_count": 11}


def get_chat_member(state: State, call: Call) -> Json:
    """Answer getChatMember about the bot itself; other people's standing is not played."""
    chat = state.chats.get(call.chat_id() or 0)
    if chat is None:
        raise refusals.chat_not_found()
    if call.integer("user_id") != state.bot["id"]:
        raise refusals.bad_request("member not found")
    standing = state.standings.get(chat.id, {"user": state.bot_as_sender, "status": "member"})
    if standing["status"] in ("kicked", "left"):
        raise refusals.not_in_group(chat.type, kicked=standing["status"] == "kicked")
    return standing


_METHODS: Mapping[str, Method] = MappingProxyType({
    "getme": get_me,
    "getupdates": get_updates,
    "setwebhook": set_webhook,
    "deletewebhook": delete_webhook,
    "getwebhookinfo": get_webhook_info,
    "setmycommands": set_my_commands,
    "getmycommands": get_my_commands,
    "deletemycommands": delete_my_commands,
    "getchat": get_chat,
    "getchatmember": get_chat_member,
    "getfile": files.get_file,
    "sendmessage": messages.send_message,
    "sendmessagedraft": messages.send_message_draft,
    "sendchataction": messages.send_chat_action,
    "sendphoto": files.send_photo,
    "sendvoice": files.send_voice,
    "senddocument": files.send_document,
    "editmessagetext": messages.edit_message_text,
    "editmessagereplymarkup": messages.edit_message_reply_markup,
    "setmessagereaction": reactions.set_message_reaction,
    "deletemessage": messages.delete_message,
    "answercallbackquery": answer_callback_query,
})  # fmt: skip


async def perform(state: State, call: Call) -> object:
    """Carry out a method; case does not matter (server: init_methods). Raises the Refusal it earns."""
    method = _METHODS.get(call.method.lower())
    if method is None:
        raise refusals.method_not_found()
    result = method(state, call)
    return await result if isinstance(result, Awaitable) else result
