"""What did a person do? An update of the Bot API becomes an Inbound. Fields: core.telegram.org/bots/api#message."""

import hashlib
from collections import OrderedDict

import msgspec

from quarterdeck.channels.telegram import mentions
from quarterdeck.channels.telegram.contents import attachments, described, text_of
from quarterdeck.channels.telegram.updates import CallbackQuery, ChatMemberUpdated, Me, Message, Origin, Update
from quarterdeck.model.inbound import Inbound, Room, RoomChange, Sender
from quarterdeck.model.message import Quoted

PRESS = "press/"  # before the id of a callback query, in an act's key
ALBUM_MS = 1500  # after each picture of an album, until the next one has come
ALBUMS = 1000  # that are remembered as said to the bot
QUOTED = 1000  # characters of what a message answers


class Acts:
    """Reads the updates of one bot. It remembers which albums were said to it: only one picture carries the words."""

    def __init__(self, connection: str) -> None:
        self._connection = connection
        self._albums: OrderedDict[str, None] = OrderedDict()

    def read(self, update: Update, me: Me) -> Inbound | None:
        """The act, or None where there is nothing to answer.

        That are service messages, posts of channels, other bots, commands for other bots, and unknown kinds.
        """
        if update.my_chat_member is not None:
            return _membership(self._connection, update.my_chat_member)
        if update.callback_query is not None:
            return _press(self._connection, update.callback_query)
        message = update.message or update.edited_message
        if message is None or message.chat.type == "channel":
            return None
        if message.migrate_to_chat_id or message.migrate_from_chat_id:
            return _migration(self._connection, message)
        if (sender := _sender(message, me)) is None or mentions.command_for_another(message, me):
            return None
        act = _act(self._connection, message, sender, me)
        return self._album(act, message) if act is not None and message.media_group_id else act

    def _album(self, act: Inbound, message: Message) -> Inbound:
        """One picture of an album; all are taken together."""
        key = f"{message.chat.id}/{message.media_group_id}"
        if act.addressed:
            self._albums[key] = None
            if len(self._albums) > ALBUMS:
                self._albums.popitem(last=False)
        gather = 0 if act.kind == "edit" else ALBUM_MS
        return msgspec.structs.replace(act, addressed=key in self._albums, mode="collect", gather_ms=gather)


def _act(connection: str, message: Message, sender: Sender, me: Me) -> Inbound | None:
    files = attachments(message)
    text = mentions.without(message, me) or described(message)
    if not text and not files:
        return None
    quoted = _quoted(message, me)
    private = message.chat.type == "private"
    return Inbound(
        connection=connection,
        act_key=f"{message.chat.id}/{message.message_id}/{_revision(message, text_of(message))}",
        room=_room(message, sender),
        sender=sender,
        text=_forwarded(message.forward_origin) + text if message.forward_origin else text,
        kind="edit" if message.edit_date else "message",
        message_ref=str(message.message_id),
        sent_at=float(message.edit_date or message.date),
        attachments=files,
        addressed=private or mentions.names(message, me) or (quoted is not None and quoted.own),
        quoted=quoted,
    )


def _press(connection: str, query: CallbackQuery) -> Inbound | None:
    """A press of a button; what it means is known to intake. When it happened is not said."""
    if query.message is None or not query.data:
        return None
    sender = Sender(str(query.sender.id), query.sender.name, query.sender.language_code)
    return Inbound(
        connection=connection,
        act_key=f"{PRESS}{query.id}",
        room=_room(query.message, sender),
        sender=sender,
        text="",
        kind="press",
        message_ref=str(query.message.message_id),
        press=query.data,
    )


def _sender(message: Message, me: Me) -> Sender | None:
    """Who speaks. On behalf of a chat (an anonymous administrator, a channel) it is that chat, under its own id.

    None for nobody, for other bots, and for what a channel's own posts are copied to.
    """
    if message.is_automatic_forward:
        return None
    if (chat := message.sender_chat) is not None:
        signed = f" ({message.author_signature})" if message.author_signature else ""
        return Sender(str(chat.id), f"{chat.title or chat.username}{signed}")
    who = message.sender
    if who is None or who.is_bot or who.id == me.id:
        return None
    return Sender(str(who.id), who.name, who.language_code)


def _room(message: Message, sender: Sender) -> Room:
    """A private chat is called as the person is; a topic of a forum is a room in the group's."""
    chat = message.chat
    if chat.type == "private":
        return Room(str(chat.id), "dm", sender.name)
    if message.is_topic_message and message.message_thread_id:
        return Room(f"{chat.id}/{message.message_thread_id}", "thread", chat.title, str(chat.id))
    return Room(str(chat.id), "group", chat.title)


def _quoted(message: Message, me: Me) -> Quoted | None:
    """What a message answers: the piece that was picked, else the whole, bounded."""
    picked = message.quote.text if message.quote else ""
    if (answered := message.reply_to_message) is not None and answered.forum_topic_created is None:
        own = answered.sender is not None and answered.sender.id == me.id
        whose = _sender(answered, me)
        files = attachments(answered)
        whole = text_of(answered) or described(answered) or (f"[{files[0].name}]" if files else "")
        text = picked or whole
        return Quoted(text[:QUOTED], whose.name if whose else "", own) if text or own else None
    if message.external_reply is not None and picked:
        return Quoted(picked[:QUOTED], message.external_reply.origin.name)
    return None


def _forwarded(origin: Origin) -> str:
    """A note before words that are somebody else's, so that they are no command either."""
    return f"[forwarded from {origin.name or 'somebody'}] "


def _membership(connection: str, changed: ChatMemberUpdated) -> Inbound | None:
    """The bot was added, removed, blocked, silenced, or let speak again. api: ChatMemberUpdated, ChatMember."""
    chat, member, who = changed.chat, changed.new_chat_member, changed.sender
    if chat.type == "channel":
        return None
    private = chat.type == "private"
    if member.status in ("kicked", "left"):
        change = RoomChange("blocked" if private else "removed")
    elif member.status == "restricted" and not member.can_send_messages:
        change = RoomChange("muted")
    else:
        change = RoomChange("reachable")
    return Inbound(
        connection=connection,
        act_key=f"{chat.id}/member/{changed.date}.{member.status}",
        room=Room(str(chat.id), "dm" if private else "group", who.name if private else chat.title),
        sender=Sender(str(who.id), who.name),
        text=f"[{change.what}]",
        kind="room",
        sent_at=float(changed.date),
        change=change,
    )


def _migration(connection: str, message: Message) -> Inbound:
    """A group became a supergroup; both say so, and both mean the same."""
    old = message.migrate_from_chat_id or message.chat.id
    new = message.migrate_to_chat_id or message.chat.id
    who = _sender(message, Me(0, "")) or Sender(str(message.chat.id), message.chat.title)
    return Inbound(
        connection=connection,
        act_key=f"{message.chat.id}/{message.message_id}/0",
        room=Room(str(old), "group", message.chat.title),
        sender=who,
        text=f"[moved to {new}]",
        kind="room",
        sent_at=float(message.date),
        change=RoomChange("moved", str(new)),
    )


def _revision(message: Message, text: str) -> str:
    """0 for what is new. Edit dates have whole seconds, so the text tells two edits within one apart."""
    if not message.edit_date:
        return "0"
    return f"{message.edit_date}.{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
