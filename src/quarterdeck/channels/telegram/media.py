"""By which method does a file go to Telegram, and what is in its form? Pure.

A photo is shown as a picture, a voice note is played in the chat, everything else is a document. Sizes:
core.telegram.org/bots/api#sending-files: 10 MB for photos, 50 MB for other files.
"""

import msgspec

from quarterdeck.channels.telegram.wire import Reply, address
from quarterdeck.model.action import Part
from quarterdeck.model.message import Attachment
from quarterdeck.net import outgoing as net

FILE_BYTES = 50_000_000
PHOTO_BYTES = 10_000_000
_PHOTOS = ("image/jpeg", "image/png", "image/webp")
_VOICES = ("audio/ogg", "audio/opus")
DOCUMENT = "sendDocument"


def method_for(file: Attachment, *, plain: bool = False) -> str:
    """The method; `plain` takes the document in any case, for what Telegram did not take in its own form."""
    if plain:
        return DOCUMENT
    if file.mime in _PHOTOS and file.size <= PHOTO_BYTES:
        return "sendPhoto"
    return "sendVoice" if file.mime in _VOICES else DOCUMENT


def form(part: Part, file: Attachment, method: str, content: bytes) -> tuple[net.Part, ...]:
    """The parameters of `method`; a text that goes with the file is its caption (api, sendDocument: 1024 units)."""
    name = method.removeprefix("send").lower()
    chat, topic = address(part.room)
    fields = [net.Part("chat_id", chat.encode())]
    if topic:
        fields.append(net.Part("message_thread_id", str(topic).encode()))
    if part.text.strip():
        fields.append(net.Part("caption", part.text.strip().encode()))
    if part.reply_to:
        fields.append(net.Part("reply_parameters", msgspec.json.encode(Reply(int(part.reply_to)))))
    if method == DOCUMENT:
        fields.append(net.Part("disable_content_type_detection", b"true"))
    shown = file.name.replace('"', "'") or "file"  # how Telegram reads an escaped quote is not written down
    return (*fields, net.Part(name, content, shown, file.mime or "application/octet-stream"))
