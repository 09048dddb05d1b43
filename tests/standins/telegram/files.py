"""How do files go up and come down?"""

import mimetypes

from tests.standins.telegram import refusals
from tests.standins.telegram.call import Call
from tests.standins.telegram.limits import DOWNLOAD_BYTES, PHOTO_UPLOAD_BYTES, UPLOAD_BYTES
from tests.standins.telegram.messages import caption, post
from tests.standins.telegram.state import Json, State, StoredFile, present

PHOTO_SIZE = (640, 480)
"""Invented: pictures are not decoded here."""


def send_document(state: State, call: Call) -> Json:
    """Answer sendDocument with the Message."""
    stored, name = _given(state, call, "document", "documents", UPLOAD_BYTES)
    text, entities = caption(call)
    return post(state, call, text, entities, {"document": document_json(stored, name)}).json()


def send_photo(state: State, call: Call) -> Json:
    """Answer sendPhoto with the Message."""
    stored, _name = _given(state, call, "photo", "photos", PHOTO_UPLOAD_BYTES)
    text, entities = caption(call)
    return post(state, call, text, entities, {"photo": photo_json(stored)}).json()


def send_voice(state: State, call: Call) -> Json:
    """Answer sendVoice with the Message; above 50 MB it is refused. Its length is invented: audio is not decoded here.

    aiogram 3.31.0, methods/send_voice.py: .ogg with OPUS, MP3 or M4A; other formats may become a document there.
    """
    stored, _name = _given(state, call, "voice", "voice", UPLOAD_BYTES)
    text, entities = caption(call)
    voice = {**file_json(stored), "duration": 1, "mime_type": "audio/ogg"}
    return post(state, call, text, entities, {"voice": voice}).json()


def get_file(state: State, call: Call) -> Json:
    """Answer getFile with the File, whose path serves /file/bot{token}/{path}; above 20 MB it is refused."""
    stored = state.files.get(call.text("file_id"))
    if stored is None:
        raise refusals.file_unknown()
    if stored.size > DOWNLOAD_BYTES:
        raise refusals.file_too_big()
    return {**file_json(stored), "file_path": stored.path}


def download(state: State, path: str) -> bytes:
    """Return the bytes behind a path that getFile gave."""
    for stored in state.files.values():
        if stored.path == path and stored.size <= DOWNLOAD_BYTES:
            return stored.content
    raise refusals.not_found()


def file_json(stored: StoredFile) -> Json:
    """Return the fields that all file objects share."""
    return {"file_id": stored.id, "file_unique_id": stored.unique_id, "file_size": stored.size}


def document_json(stored: StoredFile, name: str, mime_type: str | None = None) -> Json:
    """Return a Document; the type is as declared, else guessed from the name."""
    guessed = mimetypes.guess_type(name)[0]
    return {**file_json(stored), **present(file_name=name or None, mime_type=mime_type or guessed)}


def photo_json(stored: StoredFile) -> list[Json]:
    """Return the sizes of a photo (one here; the vendor gives several, largest last)."""
    width, height = PHOTO_SIZE
    return [{**file_json(stored), "width": width, "height": height}]


def _given(state: State, call: Call, name: str, folder: str, limit: int) -> tuple[StoredFile, str]:
    upload = call.upload(name)
    if upload is not None:
        if len(upload.content) > limit:
            raise refusals.upload_too_large()
        if not upload.content:
            raise refusals.bad_request("file must be non-empty")
        return state.new_file(folder, upload.name, upload.content), upload.name
    reference = call.text(name)
    if not reference:
        raise refusals.bad_request(f"there is no {name} in the request")
    if "://" in reference:
        # the vendor would fetch it; a stand-in reaches nothing
        raise refusals.bad_request("failed to get HTTP URL content")
    if reference not in state.files:
        raise refusals.bad_request("wrong remote file identifier specified")
    return state.files[reference], reference
