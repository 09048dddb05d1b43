"""How are vectors asked for in OpenAI's format, and how is the answer read? Pure.

Shapes and limits: openai 3.54.0, types/embedding_create_params.py and create_embedding_response.py.
"""

import base64
import binascii
import math
import struct
from collections.abc import Sequence

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.model.action import ModelCall
from quarterdeck.model.turn import Usage
from quarterdeck.ports import Embeddings, ProviderFailed
from quarterdeck.providers.http.wire import believe, estimate_tokens

TARGET = "/embeddings"
MAX_TEXTS = 256
"""Texts in one call, so that the answer stays below what an answer may have; the vendor takes 2,048."""


class _Request(msgspec.Struct, frozen=True, omit_defaults=True):
    model: str
    input: tuple[str, ...]
    encoding_format: str
    dimensions: int | None = None


class _Asked(msgspec.Struct, frozen=True):
    input: list[str]


class _Vector(msgspec.Struct, frozen=True):
    embedding: list[float] | str
    index: int


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0


class _Answer(msgspec.Struct, frozen=True):
    data: list[_Vector]
    model: str = ""
    usage: _Usage | None = None


_encoder = msgspec.json.Encoder()
_asked = msgspec.json.Decoder(_Asked)
_answer = msgspec.json.Decoder(_Answer)


def prepare(
    provider: str, key: str, model: str, texts: Sequence[str], dimensions: int | None, *, packed: bool
) -> ModelCall:
    """The call for the vectors of 1 to 256 texts, none of them empty; `packed`: the answer as base64.

    Raises ProviderFailed (invalid).
    """
    if not texts or len(texts) > MAX_TEXTS:
        raise ProviderFailed("invalid", f"1 to {MAX_TEXTS} texts have vectors in one call", retryable=False)
    if not all(texts):
        raise ProviderFailed("invalid", "an empty text has no vector", retryable=False)
    body = _encoder.encode(_Request(model, tuple(texts), "base64" if packed else "float", dimensions))
    return ModelCall(provider, model, body, estimate_tokens(len(body)), 0, key)


def read(call: ModelCall, body: bytes) -> Embeddings:
    """The vectors, in the order of the texts. Raises ProviderFailed (server)."""
    try:
        answer = _answer.decode(body)
        count = len(_asked.decode(call.body).input)
    except UNREADABLE:
        raise _nonsense("cannot be read") from None
    found = {one.index: _numbers(one.embedding) for one in answer.data}
    if sorted(found) != list(range(count)) or len(answer.data) != count:
        raise _nonsense("are not one for each text")
    vectors = tuple(found[index] for index in range(count))
    if len({len(vector) for vector in vectors}) != 1 or not vectors[0] or not all(map(_finite, vectors)):
        raise _nonsense("are no vectors")
    said = answer.usage.prompt_tokens if answer.usage else 0
    told = believe(said, 1, call.reserve_in)
    return Embeddings(vectors, Usage(told, 0, reported=told == said), answer.model or call.model)


def _numbers(said: list[float] | str) -> tuple[float, ...]:
    """Base64 is of 32-bit floats, little-endian."""
    if not isinstance(said, str):
        return tuple(said)
    try:
        raw = base64.b64decode(said, validate=True)
        return struct.unpack(f"<{len(raw) // 4}f", raw)
    except (binascii.Error, struct.error, ValueError):
        raise _nonsense("cannot be read") from None


def _finite(vector: tuple[float, ...]) -> bool:
    return all(map(math.isfinite, vector))


def _nonsense(what: str) -> ProviderFailed:
    return ProviderFailed("server", f"the vectors {what}", retryable=True)
