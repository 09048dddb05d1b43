"""Was it said to this bot? Mentions and commands in a text. Pure. Fields: core.telegram.org/bots/api#messageentity."""

from quarterdeck.channels.telegram.contents import text_of
from quarterdeck.channels.telegram.updates import Entity, Me, Message


def names(message: Message, me: Me) -> bool:
    """Whether it mentions the bot by @name or by link, or has a command that is addressed to it (/stop@bot)."""
    return any(_is_me(message, entity, me) for entity in _entities(message))


def command_for_another(message: Message, me: Me) -> bool:
    """Whether it is a command that is addressed to another bot by name."""
    entities = _entities(message)
    if not entities or entities[0].type != "bot_command" or entities[0].offset != 0:
        return False
    name = _piece(text_of(message), entities[0]).partition("@")[2]
    return bool(name) and name.lower() != me.username.lower()


def without(message: Message, me: Me) -> str:
    """The text without the mention that it begins with, so that what remains is what the bot was told."""
    text, entities = text_of(message), _entities(message)
    if not entities or entities[0].offset != 0 or entities[0].type == "bot_command":
        return text
    if not _is_me(message, entities[0], me):
        return text
    rest = text[len(_piece(text, entities[0])) :].lstrip(" ,:\n")
    return rest or text


def _is_me(message: Message, entity: Entity, me: Me) -> bool:
    match entity.type:
        case "text_mention":
            return entity.user is not None and entity.user.id == me.id
        case "mention" | "bot_command":
            name = _piece(text_of(message), entity).rpartition("@")[2]
            at = "@" in _piece(text_of(message), entity)
            return at and bool(me.username) and name.lower() == me.username.lower()
        case _:
            return False


def _entities(message: Message) -> tuple[Entity, ...]:
    return message.entities if message.text else message.caption_entities


def _piece(text: str, entity: Entity) -> str:
    """The words of an entity: offset and length count UTF-16 code units. Empty for what is not in the text."""
    if entity.offset < 0 or entity.length < 0:
        return ""
    units = text.encode("utf-16-le", "surrogatepass")
    piece = units[2 * entity.offset : 2 * (entity.offset + entity.length)]
    return piece.decode("utf-16-le", "replace")
