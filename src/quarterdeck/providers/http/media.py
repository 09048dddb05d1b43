"""Which files can be put into a request, and as what? Pure. What a file is, its first bytes say, not its name."""

import base64
from collections.abc import Collection, Mapping

import msgspec

from quarterdeck.model.message import Attachment

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
PDF = "application/pdf"

IMAGE_TOKENS = 2_000
"""Reserved for an image. Vendors count by its size in pixels and their models: a guess on the safe side, unverified."""

PDF_TOKENS, PDF_BYTES_PER_TOKEN = 2_000, 20
"""Reserved for a PDF, whose pages are read as text and as images: a guess, unverified."""


class Media(msgspec.Struct, frozen=True):
    """A file that goes into a request. `mime` is what it really is."""

    mime: str
    data: bytes
    name: str = ""

    @property
    def base64(self) -> str:
        """Its bytes as text."""
        return base64.b64encode(self.data).decode()

    @property
    def url(self) -> str:
        """Its bytes as an address."""
        return f"data:{self.mime};base64,{self.base64}"

    @property
    def tokens(self) -> int:
        """What is to be reserved for it."""
        return IMAGE_TOKENS if self.mime in IMAGES else PDF_TOKENS + len(self.data) // PDF_BYTES_PER_TOKEN


def readable(file: Attachment, files: Mapping[str, bytes], reads: Collection[str]) -> Media | None:
    """The file as `reads` (media types) allows, or None: then it can only be named."""
    data = files.get(file.blob) if file.blob else None
    mime = kind_of(data) if data else ""
    return Media(mime, data, file.name) if data and mime in reads else None


def kind_of(data: bytes) -> str:
    """The media type by the first bytes; empty for everything that is neither an image of the four kinds nor a PDF."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return PDF if data.startswith(b"%PDF-") else ""
