"""Which files can be put into a request, and as what? Pure."""

import base64
from collections.abc import Collection, Mapping

import msgspec

from quarterdeck.model.media import IMAGES, media_type
from quarterdeck.model.message import Attachment

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
    mime = media_type(data) if data else ""
    return Media(mime, data, file.name) if data and mime in reads else None
