"""How does the bot react to messages?"""

import msgspec

from tests.standins.telegram import refusals
from tests.standins.telegram.call import Call
from tests.standins.telegram.limits import REACTIONS
from tests.standins.telegram.messages import addressed_chat
from tests.standins.telegram.state import State

EMOJI = frozenset("""
    👍 👎 ❤ 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮
    💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤️‍🔥 🌚 🌭 💯 🤣 ⚡
    🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻
    👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿
    🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂️ 🤷 🤷‍♀️ 😡
""".split())  # fmt: skip
"""PTB: ReactionEmoji."""


class Reaction(msgspec.Struct):
    """aiogram: types/reaction_type_*.py. Custom emoji need premium or a chat's consent, paid ones are not for bots."""

    type: str
    emoji: str = ""


class Reactions(msgspec.Struct):
    """The array, wrapped so that it can be converted at once."""

    reactions: list[Reaction]


def set_message_reaction(state: State, call: Call) -> bool:
    """Answer setMessageReaction (aiogram: methods/set_message_reaction.py): the list takes the place of the old one.

    That the same again is taken, and the wordings of the refusals, are unverified.
    """
    try:
        wanted = msgspec.convert({"reactions": call.json("reaction") or []}, Reactions).reactions
    except msgspec.ValidationError as error:
        raise refusals.bad_request(f"can't parse ReactionType: {error}") from None
    chat = addressed_chat(state, call)
    message = state.message(chat.id, call.integer("message_id"))
    if message is None:
        raise refusals.bad_request("message to react not found")
    if len(wanted) > REACTIONS:
        raise refusals.bad_request("REACTIONS_TOO_MANY")
    if any(one.type != "emoji" or one.emoji not in EMOJI for one in wanted):
        raise refusals.bad_request("REACTION_INVALID")
    message.reactions = [one.emoji for one in wanted]
    state.journal.note("reaction", chat_id=chat.id, message_id=message.id, reactions=message.reactions)
    return True
