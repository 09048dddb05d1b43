"""Which attached files go along with a request, and as what? Pure.

A file that the API cannot read has the whole request refused, and every later one of its conversation; so what does not
look like its type stays out and is only named.

Types and limits: ai.google.dev/gemini-api/docs, the pages image-understanding (no GIF), document-processing, audio
and video-understanding; a request with inline data has at most 20 MB, files by address are not used.
"""

from collections.abc import Mapping, Sequence

import msgspec

from quarterdeck.model.media import PDF, media_type
from quarterdeck.model.message import Attachment, Said, UserMessage

IMAGES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
_TEXTS = ("text/plain", "text/html", "text/css", "text/markdown", "text/csv", "text/xml")
_AUDIO = ("audio/wav", "audio/mpeg", "audio/mp3", "audio/aiff", "audio/aac", "audio/ogg", "audio/flac")
_VIDEO = ("video/mp4", "video/mpeg", "video/quicktime", "video/webm", "video/3gpp")
_ALIASES = {
    "image/jpg": "image/jpeg",
    "audio/x-wav": "audio/wav",
    "audio/mpeg": "audio/mp3",
    "text/markdown": "text/md",
    "video/quicktime": "video/mov",
}
_KNOWN = ("image/png", "image/jpeg", "image/webp", PDF)
"""Types that the first bytes tell."""

READS = (*IMAGES, "image/jpg", PDF, *_TEXTS, *_AUDIO, "audio/x-wav", *_VIDEO)
"""Media types, as channels name them, that can be put into a request."""

MAX_FILE = 10_000_000
MAX_TOGETHER = 14_000_000
"""Bytes of all files of one request; base64 makes a third more of them, and 20 MB is the API's limit."""

IMAGE_TOKENS = 1_500
BYTES_PER_TOKEN = 100
"""To reserve. An image is 258 tokens a tile in generation 2, up to 1,120 at all in 3 (ai.google.dev/gemini-api/docs,
tokens and media-resolution); for pages, sound and film this is a guess on the safe side.
"""


class Inline(msgspec.Struct, frozen=True):
    """One file as it goes along."""

    mime: str
    data: bytes

    @property
    def tokens(self) -> int:
        """What to reserve for it."""
        return IMAGE_TOKENS if self.mime in IMAGES else max(IMAGE_TOKENS, len(self.data) // BYTES_PER_TOKEN)


Chosen = Mapping[tuple[int, int], Inline]
"""By the number of a message and the number of the attachment in it."""


def choose(messages: Sequence[Said], files: Mapping[str, bytes]) -> Chosen:
    """What goes along: the newest files, as many as fit together."""
    chosen: dict[tuple[int, int], Inline] = {}
    left = MAX_TOGETHER
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        attachments = message.attachments if isinstance(message, UserMessage) else ()
        for number, file in enumerate(attachments):
            found = _inline(file, files)
            if found is not None and len(found.data) <= left:
                left -= len(found.data)
                chosen[at, number] = found
    return chosen


def _inline(file: Attachment, files: Mapping[str, bytes]) -> Inline | None:
    data = files.get(file.blob) if file.blob else None
    mime = file.mime.partition(";")[0].strip().lower()
    if mime not in READS or not data or len(data) > MAX_FILE:
        return None
    mime = _ALIASES.get(mime, mime)
    if (mime in _KNOWN and media_type(data) != mime) or (mime.startswith("text/") and not _is_text(data)):
        return None
    return Inline(mime, data)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
