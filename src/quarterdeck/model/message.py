"""What a session's history is made of: frozen values, one kind for everybody who may say something.

A history is valid when every tool call of an assistant message is followed by exactly one result before
anything else is said; `flow/context.py` builds only valid ones and the provider wires rely on it.
"""

from typing import Literal, get_args

import msgspec

from quarterdeck.model.kinds import is_newer, tags_of

ResultStatus = Literal["ok", "error", "invalid", "denied", "skipped", "unknown", "given"]
"""`invalid`: not run, the call itself was wrong. `given`: the call is of an API client's own tool; the client has it,
and its result comes as `LateResults`."""


class Attachment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file of a message. `blob` is the sha256 of stored bytes; empty when it could not be fetched (`error`).

    `text` is what could be read out of a document, for models that cannot read it themselves; `unreadable` says why
    nothing could.
    """

    name: str
    mime: str
    size: int
    blob: str = ""
    native_id: str = ""
    error: str = ""
    text: str = ""
    unreadable: str = ""


class Quoted(msgspec.Struct, frozen=True, omit_defaults=True):
    """The message that a person answers, or the piece of it that was picked. `own`: the bot itself wrote it."""

    text: str
    sender: str = ""
    own: bool = False


class UserMessage(msgspec.Struct, frozen=True, tag="user", omit_defaults=True):
    """What a person wrote. `sent_at` is Unix seconds; `correction` marks an edit of an answered message.

    `quoted` is what it answers.
    """

    text: str
    attachments: tuple[Attachment, ...] = ()
    sender: str = ""
    sent_at: float = 0.0
    correction: bool = False
    quoted: Quoted | None = None


class ToolCall(msgspec.Struct, frozen=True):
    """One call that a model asked for. `arguments` is the JSON text as the model wrote it, not yet checked."""

    id: str
    name: str
    arguments: str


class ProviderState(msgspec.Struct, frozen=True):
    """What a model's own wire wants back unchanged with the message that it came with (signed reasoning and such).

    `wire` and `model` say who wrote it; `data` is JSON text that only that wire reads.
    """

    wire: str
    model: str
    data: str


class AssistantMessage(msgspec.Struct, frozen=True, tag="assistant", omit_defaults=True):
    """What the model said, and the calls that it asked for. `reasoning` is kept apart and never sent to people."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    state: ProviderState | None = None


class ToolResult(msgspec.Struct, frozen=True, tag="tool", omit_defaults=True):
    """The result of one call; `text` is what the model reads."""

    call_id: str
    name: str
    text: str
    status: ResultStatus = "ok"


class SystemEvent(msgspec.Struct, frozen=True, tag="event"):
    """Something that happened and that no person said; shown to the model with that label."""

    text: str


class LateResults(msgspec.Struct, frozen=True, tag="results"):
    """What an API client's own tools brought. Each takes the place of the `given` result of its call."""

    results: tuple[ToolResult, ...]


Said = UserMessage | AssistantMessage | ToolResult | SystemEvent
"""What a model is shown."""

Message = Said | LateResults
"""What is stored."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Message)
_KNOWN = tags_of(get_args(Message))

NEWER = SystemEvent("A newer version of the gateway has written something here that this version cannot read.")
"""What stands for a kind of message that this version does not know; the row keeps what was written."""


def encode(message: Message) -> bytes:
    """The stored form of one message (JSON, tagged by kind)."""
    return _encoder.encode(message)


def decode(stored: bytes) -> Message:
    """Inverse of `encode`, NEWER for a kind that only a newer version knows.

    Raises msgspec.DecodeError on bytes that no version's `encode` wrote.
    """
    try:
        return _decoder.decode(stored)
    except msgspec.ValidationError:
        if is_newer(stored, _KNOWN):
            return NEWER
        raise
