"""How is written as text what a wire has no form for? Pure, and the same for all wires."""

from quarterdeck.model.message import Attachment, Quoted, UserMessage

CORRECTION = "(correction of an earlier message) "
SYSTEM_EVENT = "[system event] "
MAX_NOTE = 200
"""Characters of a file's name, or of the reason why it is missing, that a model is shown."""

MAX_QUOTED = 1000
"""Characters of a quoted message that a model is shown."""

_BRACKETS = str.maketrans("[]", "()")


def said(message: UserMessage) -> str:
    """The words of a person's message, under what it answers."""
    words = CORRECTION + message.text if message.correction else message.text
    return f"{quoted(message.quoted)}\n{words}" if message.quoted else words


def quoted(answered: Quoted) -> str:
    """A note of what a message answers. Whatever was quoted, it stays one line between the note's own brackets."""
    whose = "your message" if answered.own else f"a message of {one_line(answered.sender) or 'somebody'}"
    return f"[in reply to {whose}: {one_line(answered.text, MAX_QUOTED)}]"


def attachment(file: Attachment) -> str:
    """A file that is not put into the request: its text where it has one, else what it is."""
    name = one_line(file.name) or "unnamed"
    if file.error:
        return f"[attached file: {name} could not be fetched: {one_line(file.error)}]"
    head = f"[attached file: {name}, {one_line(file.mime) or 'unknown type'}, {_size(file.size)}]"
    if file.unreadable:
        return f"{head[:-1]}: {one_line(file.unreadable)}]"
    return f"{head}\n{file.text}\n[end of {name}]" if file.text else head


def one_line(text: str, most: int = MAX_NOTE) -> str:
    """One short line without brackets, so that a file's name cannot end its note and begin another."""
    return " ".join(text.translate(_BRACKETS).split())[:most]


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:.0f} kB" if size < 999_500 else f"{size / 1_000_000:.1f} MB"
