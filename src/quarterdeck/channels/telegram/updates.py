"""What did a person do? An update of the Bot API becomes an Inbound. Fields: core.telegram.org/bots/api#message."""

import hashlib

import msgspec

from quarterdeck.model.inbound import Inbound, Room, Sender
from quarterdeck.model.message import Attachment

WANTED = ("message", "edited_message")


class User(msgspec.Struct, frozen=True):
    """A person or a bot."""

    id: int
    first_name: str = ""
    last_name: str = ""
    username: str = ""
    language_code: str = ""


class Chat(msgspec.Struct, frozen=True):
    """`type`: private, group, supergroup or channel."""

    id: int
    type: str
    title: str = ""


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


class Poll(msgspec.Struct, frozen=True):
    """Its answers are not read."""

    question: str


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
    text: str = ""
    caption: str = ""
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


class Update(msgspec.Struct, frozen=True):
    """One entry of the feed."""

    update_id: int
    message: Message | None = None
    edited_message: Message | None = None


class UpdateId(msgspec.Struct, frozen=True):
    """All that is known of an update that cannot be read."""

    update_id: int


def inbound(connection: str, update: Update) -> Inbound | None:
    """The act, or None where there is nothing to answer: service messages, posts of channels, unknown kinds."""
    message = update.message or update.edited_message
    if message is None or message.sender is None:
        return None
    files = attachments(message)
    text = message.text or message.caption or described(message)
    if not text and not files:
        return None
    chat, sender = message.chat, message.sender
    name = f"{sender.first_name} {sender.last_name}".strip() or sender.username
    private = chat.type == "private"
    return Inbound(
        connection=connection,
        act_key=f"{chat.id}/{message.message_id}/{_revision(message, text)}",
        room=Room(str(chat.id), "dm" if private else "group", name if private else chat.title),
        sender=Sender(str(sender.id), name, sender.language_code),
        text=text,
        kind="edit" if message.edit_date else "message",
        message_ref=str(message.message_id),
        sent_at=float(message.edit_date or message.date),
        attachments=files,
    )


def attachments(message: Message) -> tuple[Attachment, ...]:
    """The file of a message; an animation comes as a document too (for older clients) and counts once."""
    if message.photo:
        return (_attachment(message.photo[-1], "photo.jpg", "image/jpeg"),)
    kinds = (
        (message.animation, "animation.mp4", "video/mp4"),
        (message.document, "file", "application/octet-stream"),
        (message.voice, "voice.ogg", "audio/ogg"),
        (message.audio, "audio.mp3", "audio/mpeg"),
        (message.video, "video.mp4", "video/mp4"),
        (message.video_note, "video_note.mp4", "video/mp4"),
    )
    return next(((_attachment(file, name, mime),) for file, name, mime in kinds if file), ())


def described(message: Message) -> str:
    """In words, what has neither text nor file; empty for what is not known here."""
    match message:
        case Message(sticker=Sticker(emoji=emoji)):
            return f"[sticker {emoji}]" if emoji else "[sticker]"
        case Message(venue=Venue(location=at, title=title, address=address)):
            return f"[venue {title}, {address}, {at.latitude:g}, {at.longitude:g}]"
        case Message(location=Place(latitude=latitude, longitude=longitude)):
            return f"[location {latitude:g}, {longitude:g}]"
        case Message(contact=Contact() as contact):
            name = f"{contact.first_name} {contact.last_name}".strip()
            return f"[contact {name}, {contact.phone_number}]"
        case Message(poll=Poll(question=question)):
            return f"[poll {question}]"
        case Message(dice=Dice(emoji=emoji, value=value)):
            return f"[dice {emoji} {value}]"
        case _:
            return ""


def _attachment(file: File, name: str, mime: str) -> Attachment:
    return Attachment(file.file_name or name, file.mime_type or mime, file.file_size, native_id=file.file_id)


def _revision(message: Message, text: str) -> str:
    """0 for what is new. Edit dates have whole seconds, so the text tells two edits within one apart."""
    if not message.edit_date:
        return "0"
    return f"{message.edit_date}.{hashlib.sha256(text.encode()).hexdigest()[:8]}"
