"""What is in a message: its text, its file, and in words what is neither."""

from quarterdeck.channels.telegram.updates import Contact, Dice, File, Message, Place, Poll, Sticker, Venue
from quarterdeck.model.message import Attachment


def text_of(message: Message) -> str:
    """The text, or what stands under a file."""
    return message.text or message.caption


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
        case Message(poll=Poll(question=question, options=options)):
            return f"[poll {question}{''.join(f' | {one.text}' for one in options)}]"
        case Message(dice=Dice(emoji=emoji, value=value)):
            return f"[dice {emoji} {value}]"
        case _:
            return ""


def _attachment(file: File, name: str, mime: str) -> Attachment:
    return Attachment(file.file_name or name, file.mime_type or mime, file.file_size, native_id=file.file_id)
