"""Of what does an update consist, as far as it is read? Fields: core.telegram.org/bots/api#update."""

import msgspec

WANTED = ("message", "edited_message", "my_chat_member", "callback_query")
"""Kinds of updates that are asked for. Reactions are not: what people feel about a message is no act."""


class User(msgspec.Struct, frozen=True):
    """A person or a bot."""

    id: int
    first_name: str = ""
    last_name: str = ""
    username: str = ""
    language_code: str = ""
    is_bot: bool = False

    @property
    def name(self) -> str:
        """As people see it."""
        return f"{self.first_name} {self.last_name}".strip() or self.username


class Me(msgspec.Struct, frozen=True):
    """The bot itself."""

    id: int
    username: str


class Chat(msgspec.Struct, frozen=True):
    """`type`: private, group, supergroup or channel."""

    id: int
    type: str
    title: str = ""
    username: str = ""
    first_name: str = ""


class Entity(msgspec.Struct, frozen=True):
    """A piece of a text; offset and length count UTF-16 code units. `user`: whom a text_mention means."""

    type: str
    offset: int
    length: int
    user: User | None = None


class Quote(msgspec.Struct, frozen=True):
    """The piece that was picked of the message that is answered (api: TextQuote)."""

    text: str


class Origin(msgspec.Struct, frozen=True):
    """Where a forwarded message comes from (api: MessageOrigin, of four kinds)."""

    sender_user: User | None = None
    sender_user_name: str = ""
    sender_chat: Chat | None = None
    chat: Chat | None = None

    @property
    def name(self) -> str:
        """As people see it; empty where nothing is said."""
        if self.sender_user is not None:
            return self.sender_user.name
        chat = self.sender_chat or self.chat
        return self.sender_user_name or (chat.title or chat.username if chat else "")


class ExternalReply(msgspec.Struct, frozen=True):
    """An answered message of another chat or topic."""

    origin: Origin = Origin()


class TopicCreated(msgspec.Struct, frozen=True):
    """The service message that opens a topic; every message of the topic answers it, so to say."""

    name: str = ""


class File(msgspec.Struct, frozen=True):
    """What all files have in common; a photo is several of them, the largest last."""

    file_id: str
    file_size: int = 0
    file_name: str = ""
    mime_type: str = ""


class Place(msgspec.Struct, frozen=True):
    """Degrees north and east."""

    latitude: float
    longitude: float


class Venue(msgspec.Struct, frozen=True):
    """A named place."""

    location: Place
    title: str
    address: str = ""


class Sticker(msgspec.Struct, frozen=True):
    """A sticker stands for an emoji, mostly."""

    emoji: str = ""


class Contact(msgspec.Struct, frozen=True):
    """A shared address-book entry."""

    phone_number: str
    first_name: str
    last_name: str = ""


class PollOption(msgspec.Struct, frozen=True):
    """What can be chosen."""

    text: str


class Poll(msgspec.Struct, frozen=True):
    """What people chose is not read."""

    question: str
    options: tuple[PollOption, ...] = ()


class Dice(msgspec.Struct, frozen=True):
    """A random value under an emoji."""

    emoji: str
    value: int


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a message that are read; everything else is a service message or of a kind not known here."""

    message_id: int
    chat: Chat
    date: int = 0
    edit_date: int = 0
    sender: User | None = msgspec.field(name="from", default=None)
    sender_chat: Chat | None = None
    author_signature: str = ""
    message_thread_id: int = 0
    is_topic_message: bool = False
    is_automatic_forward: bool = False
    reply_to_message: "Message | None" = None
    quote: Quote | None = None
    external_reply: ExternalReply | None = None
    forward_origin: Origin | None = None
    forum_topic_created: TopicCreated | None = None
    migrate_to_chat_id: int = 0
    migrate_from_chat_id: int = 0
    media_group_id: str = ""
    text: str = ""
    entities: tuple[Entity, ...] = ()
    caption: str = ""
    caption_entities: tuple[Entity, ...] = ()
    photo: tuple[File, ...] = ()
    animation: File | None = None
    document: File | None = None
    voice: File | None = None
    audio: File | None = None
    video: File | None = None
    video_note: File | None = None
    sticker: Sticker | None = None
    location: Place | None = None
    venue: Venue | None = None
    contact: Contact | None = None
    poll: Poll | None = None
    dice: Dice | None = None


class CallbackQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A button was pressed (api: CallbackQuery). Of a message that is too old only id and chat are given; there is none
    where the button is under an inline message, of which we send none.
    """

    id: str
    sender: User = msgspec.field(name="from")
    message: Message | None = None
    data: str = ""


class ChatMember(msgspec.Struct, frozen=True):
    """`status`: creator, administrator, member, restricted, left or kicked."""

    status: str
    can_send_messages: bool = True


class ChatMemberUpdated(msgspec.Struct, frozen=True):
    """Somebody's standing in a chat changed; under `my_chat_member` it is the bot's."""

    chat: Chat
    sender: User = msgspec.field(name="from")
    date: int
    new_chat_member: ChatMember


class Update(msgspec.Struct, frozen=True):
    """One entry of the feed."""

    update_id: int
    message: Message | None = None
    edited_message: Message | None = None
    my_chat_member: ChatMemberUpdated | None = None
    callback_query: CallbackQuery | None = None

    @property
    def asked_for(self) -> bool:
        """Whether it is of a kind in `WANTED`: what was asked for before us may still come."""
        return any((self.message, self.edited_message, self.my_chat_member, self.callback_query))


class UpdateId(msgspec.Struct, frozen=True):
    """All that is known of an update that cannot be read."""

    update_id: int
