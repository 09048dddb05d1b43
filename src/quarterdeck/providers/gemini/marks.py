"""What does a model want back with its message: signatures of its thoughts, and the ids that it gave? Pure.

Signatures stand on parts: on a text, on a thought, on the first call of an answer. They go back on the same part,
unchanged and not merged with others, and must for calls of the running turn with models of generation 3 and later
(ai.google.dev/gemini-api/docs/thought-signatures). Only where they stood is kept here, not what they stood on: that
is the message itself, so nothing of it is stored twice. Signatures of another model are not sent.
"""

from collections.abc import Sequence

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.model.message import AssistantMessage, ProviderState

WIRE = "gemini"

WAIVER = "skip_thought_signature_validator"
"""What the vendor names for a call that has no signature, such as one of another model (the page above, questions)."""


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A signature on a piece of a text that ends at this character. An empty piece can have one, too."""

    end: int
    signature: str


class Marks(msgspec.Struct, frozen=True, omit_defaults=True):
    """`length` is that of the text. For each call: its signature, if any, and whether the API gave its id."""

    length: int = 0
    text: tuple[Mark, ...] = ()
    thought: tuple[Mark, ...] = ()
    calls: tuple[str, ...] = ()
    ids: tuple[bool, ...] = ()


NO_MARKS = Marks()

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Marks)


def keep(marks: Marks, model: str) -> ProviderState | None:
    """What to store with a message of `model`; None where there is nothing to give back."""
    if not (marks.text or marks.thought or any(marks.calls) or any(marks.ids)):
        return None
    return ProviderState(WIRE, model, _encoder.encode(marks).decode())


def recall(message: AssistantMessage, model: str) -> Marks:
    """What `model` wants back with this message; nothing where the message is not what it was, or of another model."""
    state = message.state
    if state is None or (state.wire, state.model) != (WIRE, model):
        return NO_MARKS
    try:
        marks = _decoder.decode(state.data)
    except UNREADABLE:
        return NO_MARKS
    if len(marks.calls) != len(message.calls) or len(marks.ids) != len(message.calls):
        return NO_MARKS
    text = marks.text if marks.length == len(message.text) else ()
    return msgspec.structs.replace(marks, text=text)


def pieces(text: str, marks: Sequence[Mark]) -> list[tuple[str, str]]:
    """A text as it came: pieces and their signatures (empty: none). Pieces without both are left out."""
    found: list[tuple[str, str]] = []
    start = 0
    for mark in marks:
        end = min(max(mark.end, start), len(text))
        found.append((text[start:end], mark.signature))
        start = end
    found.append((text[start:], ""))
    return [(piece, signature) for piece, signature in found if piece or signature]
