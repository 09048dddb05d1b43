"""The words for what becomes of an inbox row, a turn and a delivery, and the names of a turn's steps."""

from typing import Literal, get_args

import msgspec

from quarterdeck.model.kinds import is_newer, tags_of
from quarterdeck.model.message import AssistantMessage, ToolResult

InboxOutcome = Literal[
    "answered",
    "absorbed",
    "superseded",
    "command",
    "ignored",
    "refused",
    "handed_over",
    "stopped",
    "failed",
    "expired",
    "dead_lettered",
]
TurnOutcome = Literal["answered", "superseded", "stopped", "failed", "dead_lettered"]
PartState = Literal["streaming", "ready", "sending", "sent", "unknown", "refused", "failed", "held", "dismissed"]
IntentState = Literal["open", "done", "failed", "lost", "unknown"]
FinishReason = Literal["stop", "tool_calls", "length", "filter", "refusal"]


class Usage(msgspec.Struct, frozen=True):
    """Tokens as the provider reported them; `reported` is False where we had to estimate.

    `input` counts all that was read: `cached` of it came from the provider's cache, `cache_write` was put there.
    `output` counts all that was written: `reasoning` of it was not shown.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    reported: bool = True
    cache_write: int = 0
    reasoning: int = 0


class ModelAnswer(msgspec.Struct, frozen=True):
    """One finished answer. `model` is what the provider calls who answered, `route` whom we had asked."""

    message: AssistantMessage
    finish: FinishReason
    usage: Usage
    model: str = ""
    route: str = ""


class ModelStep(msgspec.Struct, frozen=True, tag="model"):
    """Journal entry `m<n>`: a model answer."""

    answer: ModelAnswer


class ToolStep(msgspec.Struct, frozen=True, tag="tool"):
    """Journal entry `m<n>.t<k>`: the result of the k-th call of answer n."""

    result: ToolResult


class SteerStep(msgspec.Struct, frozen=True, tag="steer"):
    """Journal entry `m<n>.s`: inbox rows that were taken in before answer n+1."""

    inbox_ids: tuple[str, ...]


class FormStep(msgspec.Struct, frozen=True, tag="form"):
    """Journal entry `m<n>.f`: answer n does not have the form that was asked for; it is asked for once more."""

    reason: str


class MediaStep(msgspec.Struct, frozen=True, tag="media"):
    """Journal entry `m0`: inbound files by inbox row, fetched or honestly not (see Attachment.error)."""

    blobs: dict[str, tuple["FetchedFile", ...]]


class CompactStep(msgspec.Struct, frozen=True, tag="compact"):
    """Journal entry `c1`: before its first answer the oldest messages were summarized, or could not be (`failed`)."""

    summary: str
    messages: int
    failed: str = ""


class FetchedFile(msgspec.Struct, frozen=True):
    """One inbound file after step 0: `blob` when it is stored, else `error`. `text` is what could be read out of it,
    `unreadable` why nothing could.
    """

    native_id: str
    blob: str = ""
    size: int = 0
    error: str = ""
    text: str = ""
    unreadable: str = ""


Step = ModelStep | ToolStep | SteerStep | MediaStep | CompactStep | FormStep

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Step)
_KNOWN = tags_of(get_args(Step))


def encode_step(step: Step) -> bytes:
    """The stored form of a journal entry."""
    return _encoder.encode(step)


def decode_step(stored: bytes) -> Step | None:
    """Inverse of `encode_step`; None for a kind of entry that only a newer version knows."""
    try:
        return _decoder.decode(stored)
    except msgspec.ValidationError:
        if is_newer(stored, _KNOWN):
            return None
        raise


MEDIA_STEP = "m0"
COMPACT_STEP = "c1"


def model_step(n: int) -> str:
    """Name of the n-th model answer of a turn, counted from 1."""
    return f"m{n}"


def tool_step(n: int, k: int) -> str:
    """Name of the k-th tool call (from 0) of answer n."""
    return f"m{n}.t{k}"


def steer_step(n: int) -> str:
    """Name of the taking of steering messages after answer n."""
    return f"m{n}.s"


def form_step(n: int) -> str:
    """Name of the note that answer n does not have the form that was asked for."""
    return f"m{n}.f"
