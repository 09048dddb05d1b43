"""Actions: effects about to happen, as values. The gate decides on them; the digest is what a Permit allows."""

import hashlib
from typing import Literal

import msgspec

from quarterdeck.model.button import ButtonRows
from quarterdeck.model.message import Attachment

Effect = Literal["none", "rows", "external"]


def digest_of(*parts: bytes) -> str:
    """sha256 over length-prefixed parts, hex; two different lists of parts never give the same bytes."""
    h = hashlib.sha256()
    for part in parts:
        h.update(len(part).to_bytes(8, "big"))
        h.update(part)
    return h.hexdigest()


class ModelCall(msgspec.Struct, frozen=True):
    """One request to a model, encoded for its wire, with the tokens to reserve: input estimate and output cap.

    `key` names the provider's key that it is made with (`k0`, `k1` ...; empty: it has none), never the secret.
    """

    provider: str
    model: str
    body: bytes
    reserve_in: int
    reserve_out: int
    key: str = ""

    kind = "model"

    @property
    def route(self) -> str:
        """Provider and model."""
        return f"{self.provider}/{self.model}"

    def digest(self) -> str:
        """Digest of exactly what goes over the wire, and of the key that it goes with."""
        return digest_of(b"model", self.route.encode(), self.key.encode(), self.body)


class ToolRun(msgspec.Struct, frozen=True):
    """One run of a tool. `arguments` is checked JSON text; `call` is (turn, step), stable over attempts."""

    tool: str
    arguments: str
    turn: str
    step: str
    effect: Effect
    repeatable: bool

    kind = "tool"

    @property
    def route(self) -> str:
        """The tool."""
        return f"tool/{self.tool}"

    @property
    def key(self) -> str:
        """Idempotency key for outside services: the same over every attempt of this call."""
        return f"{self.turn}.{self.step}"

    def digest(self) -> str:
        """Digest of the tool, its arguments and the call that it belongs to."""
        return digest_of(b"tool", self.tool.encode(), self.arguments.encode(), self.key.encode())


class Part(msgspec.Struct, frozen=True):
    """One platform call of a delivery: text to a room, at most the channel's limit long, a file, or an end of buttons.

    `key` is the idempotency key for platforms that have one: the same over every attempt. With a `file` the text is
    what goes with it, mostly nothing. `buttons` stand under the text. `unbutton` is the platform's id of a message of
    ours that loses its buttons; nothing else is shown then.
    """

    connection: str
    room: str
    text: str
    key: str
    reply_to: str = ""
    file: Attachment | None = None
    buttons: ButtonRows = ()
    unbutton: str = ""

    kind = "send"

    @property
    def route(self) -> str:
        """Connection and room."""
        return f"{self.connection}/{self.room}"

    def digest(self) -> str:
        """Digest of exactly what the room will show; of a file its bytes', name and type; of buttons all of them."""
        shown = (self.text, self.key, self.reply_to)
        if self.file is not None:
            shown += (self.file.blob, self.file.name, self.file.mime)
        if self.buttons:
            shown += ("buttons", msgspec.json.encode(self.buttons).decode())
        if self.unbutton:
            shown += ("unbutton", self.unbutton)
        return digest_of(b"send", self.route.encode(), *(one.encode() for one in shown))


class StreamTo(msgspec.Struct, frozen=True):
    """A turn's permission to show an answer in one room while it grows: covers the first send and its edits."""

    connection: str
    room: str
    delivery: str

    kind = "stream"

    @property
    def route(self) -> str:
        """Connection and room."""
        return f"{self.connection}/{self.room}"

    def digest(self) -> str:
        """Digest of room and delivery; the text grows, so it is not part of it."""
        return digest_of(b"stream", self.route.encode(), self.delivery.encode())


Action = ModelCall | ToolRun | Part | StreamTo
