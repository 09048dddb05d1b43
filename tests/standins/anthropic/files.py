"""May this image or document be sent?

Limits: the vendor's pages "Images and vision" and "PDF support" (platform.claude.com/docs/en/build-with-claude/vision
and /pdf-support): four kinds of image, 8,000 pixels a side, 2,000 where there are more than 20 images, 100 images and
100 PDF pages a request. The size of one image, 5 MB, counts the base64 text (an error body quoted in public
repositories; 10 MB has been seen too).
"""

import base64
import binascii
import re

from tests.standins.anthropic.refused import Refused
from tests.standins.anthropic.shapes import Base64, Document, Image, Plain

MAGIC = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
IMAGE_BYTES = 5 * 1024 * 1024
MAX_SIDE, MANY_SIDE, MANY = 8000, 2000, 20
MAX_IMAGES = MAX_PAGES = 100
_PAGE = re.compile(rb"/Type\s*/Page[^s]")


class Count:
    """What the limits of one request count."""

    def __init__(self) -> None:
        self.images: list[tuple[str, int]] = []  # where it stands, its longest side or 0
        self.pages = 0

    def image(self, block: Image, path: str) -> None:
        """Check one image. Raises Refused."""
        source = block.source
        if not isinstance(source, Base64):
            self.images.append((path, 0))
            return
        at = f"{path}.image.source.base64"
        if source.media_type not in MAGIC:
            kinds = "'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
            raise Refused(f"{at}.media_type: Input should be {kinds}")
        if len(source.data) > IMAGE_BYTES:
            found = f"{len(source.data)} bytes > {IMAGE_BYTES} bytes"
            raise Refused(f"{at}: image exceeds 5 MB maximum: {found}")
        data = _decoded(source.data, f"{at}.data")
        kind = next((kind for kind, magic in MAGIC.items() if data.startswith(magic)), None)
        if kind is None:
            raise Refused("Could not process image")
        if kind != source.media_type:
            said = f"The image was specified using the {source.media_type} media type, but the image appears to be a"
            raise Refused(f"{at}.data: {said} {kind} image")
        self.images.append((f"{at}.data", max(_sides(data)) if kind == "image/png" else 0))

    def document(self, block: Document, path: str) -> None:
        """Check one document. Raises Refused."""
        source = block.source
        if isinstance(source, Plain) and source.media_type != "text/plain":
            raise Refused(f"{path}.document.source.text.media_type: Input should be 'text/plain'")
        if not isinstance(source, Base64):
            return
        at = f"{path}.document.source.base64"
        if source.media_type != "application/pdf":
            raise Refused(f"{at}.media_type: Input should be 'application/pdf'")
        data = _decoded(source.data, f"{at}.data")
        if not data.startswith(b"%PDF-"):
            raise Refused(f"{at}.data: The PDF specified was not valid.")
        if b"/Encrypt" in data:
            raise Refused(f"{at}.data: The PDF specified is password protected.")
        self.pages += len(_PAGE.findall(data))

    def close(self) -> None:
        """Check what only the whole request tells. Raises Refused."""
        if len(self.images) > MAX_IMAGES:  # wording unverified
            raise Refused(f"messages: too many images: {len(self.images)} > {MAX_IMAGES}")
        limit = MANY_SIDE if len(self.images) > MANY else MAX_SIDE
        for path, side in self.images:
            if side > limit:
                said = "At least one of the image dimensions exceed max allowed size"
                raise Refused(f"{path}: {said}: {limit} pixels")
        if self.pages > MAX_PAGES:
            raise Refused(f"A maximum of {MAX_PAGES} PDF pages may be provided.")


def _decoded(text: str, path: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(f"{path}: Invalid base64 data") from error  # wording unverified
    if not data:
        raise Refused(f"{path}: Input should not be empty")  # wording unverified
    return data


def _sides(png: bytes) -> tuple[int, int]:
    if len(png) < 24:
        raise Refused("Could not process image")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
