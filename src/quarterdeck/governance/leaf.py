"""One entry of the audit log: which bytes stand for one fact?

A leaf holds metadata and a keyed commitment to content, never content: it is kept when content is erased.
Its canonical bytes are JSON in UTF-8 with names in sorted order, no white space, no floats and no empty
fields, so that one fact has exactly one encoding and anybody can check it without this code.
"""

import hmac
from typing import Annotated, Literal

import msgspec

from quarterdeck.base.errors import BadInput

LeafType = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z_]*(\.[a-z][a-z_]*)+$")]
Name = Annotated[str, msgspec.Meta(min_length=1)]
Hex256 = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$")]


# The fields of these three stand in alphabetical order, because that is the order in which they are encoded.


class Actor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who did it; `id` is a pseudonym, the mapping to a person is kept (and erased) elsewhere."""

    id: Name
    kind: Literal["person", "assistant", "system", "operator"]


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the gate answered, by which rule of which policy."""

    effect: Name
    policy_digest: str = ""
    rule: str = ""


class Leaf(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One fact. `time_us` is in microseconds since 1970 UTC; an empty field is absent from the bytes.

    `type` is dotted. What ends in `.intent` is closed by one leaf that ends in `.outcome` and carries the
    intent's `id` in `intent` and how it ended in `outcome`.
    """

    actor: Actor
    assistant: str = ""
    commitment: Hex256 = ""
    connection: str = ""
    decision: Decision | None = None
    id: Name
    intent: str = ""
    outcome: str = ""
    resource: str = ""
    session: str = ""
    tenant: Name
    time_us: int
    turn: str = ""
    type: LeafType
    v: Literal[1] = msgspec.field(default_factory=lambda: 1)  # a factory, because a plain default is omitted


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Leaf)


def encode_leaf(leaf: Leaf) -> bytes:
    """The canonical bytes of `leaf`."""
    return _encoder.encode(leaf)


def verify_leaf(data: bytes) -> Leaf:
    """The leaf that `data` stands for. Raises BadInput when these are not exactly its canonical bytes."""
    try:
        leaf = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput("leaf", str(error), "Verify the audit log.") from error
    if _encoder.encode(leaf) != data:
        raise BadInput("leaf", "its bytes are not canonical", "Verify the audit log.")
    return leaf


def commit_to(salt: bytes, content: bytes) -> str:
    """The commitment that a leaf holds for `content`: hex HMAC-SHA256 under a random `salt` of its own.

    The salt is stored with the content and erased with it; afterwards nobody can test a guess of the content.
    """
    return hmac.digest(salt, content, "sha256").hex()
