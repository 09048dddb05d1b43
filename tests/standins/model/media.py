"""Is this image or file one that the vendor reads? Data URLs and addresses, for both ways of asking.

Source of the limits: the vendor's guides on images and files (formats png, jpeg, webp, gif; 50 MB a request), read
secondhand: unverified. The words about a wrong data URL of a PDF stand in vercel/ai #7266, those about images are
unverified.
"""

import base64
import binascii
import re

from tests.standins.model.refused import Refused, missing, supported

IMAGES = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
MAX_MEDIA = 50 * 1024 * 1024
DETAILS = ("low", "high", "auto", "original")
_DATA = re.compile(r"data:([\w.+/-]+);base64,(.*)", re.DOTALL)
_ADDRESS = re.compile(r"https?://[^\s/]+(/\S*)?")


def check_image(url: str, path: str) -> int:
    """The bytes that the image takes in the request. Raises Refused."""
    if _ADDRESS.fullmatch(url):
        return 0
    found = _DATA.fullmatch(url)
    if found is None:
        message = f"Invalid '{path}'. Expected a valid URL, but got a value with an invalid format."
        raise Refused(message, path, "invalid_value")
    body = _decoded(found[2])
    begins = IMAGES.get(found[1])
    if body is None or begins is None or not body.startswith(begins):
        names = ", ".join(f"'{mime.removeprefix('image/')}'" for mime in IMAGES)
        message = "You uploaded an unsupported image. Please make sure your image is valid and has one of the following"
        raise Refused(f"{message} formats: [{names}].", path, "unsupported_image_media_type")
    return _counted(len(url), path)


def check_file(data: str, name: str | None, path: str) -> int:
    """The bytes that the file takes in the request. Raises Refused."""
    if not name:
        raise missing(f"{path}.filename")
    found = _DATA.fullmatch(data)
    body = _decoded(found[2]) if found else None
    if found is None or body is None or found[1] != "application/pdf" or not body.startswith(b"%PDF-"):
        wanted = "a base64-encoded data URL with an application/pdf MIME type"
        got = (
            "an invalid base64-encoded value"
            if body is None
            else f"unsupported MIME type '{found[1] if found else ''}'"
        )
        message = (
            f"Invalid file data: '{path}.file_data'. Expected {wanted} (e.g. 'data:application/pdf;base64,SGVsbG8='"
        )
        raise Refused(f"{message}), but got {got}.", f"{path}.file_data", "invalid_value")
    return _counted(len(data), path)


def check_detail(detail: str | None, path: str) -> None:
    """How closely an image is looked at. Raises Refused."""
    if detail is not None and detail not in DETAILS:
        raise supported(detail, DETAILS, path)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _counted(size: int, path: str) -> int:
    if size > MAX_MEDIA:
        raise Refused(f"Invalid '{path}': the file is larger than {MAX_MEDIA} bytes.", path, "image_too_large")
    return size
