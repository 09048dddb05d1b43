"""What is a text as a vector? The rules for POST /v1/embeddings and its answer.

Limits: openai 3.54.0, types/embedding_create_params.py (8,192 tokens a text, 300,000 a request) and
MicrosoftDocs/azure-docs #124129 (2,048 texts). Wordings: openai-php/client #171 (not valid), sbintuitions/JMTEB #15
(too long); the rest is unverified. Texts that share words get vectors that lie close to each other.
"""

import base64
import hashlib
import math
import struct

import msgspec

from tests.standins.model.asked import Asked, Place
from tests.standins.model.refused import CHARS_PER_TOKEN, Refused, check_model, check_number, read, supported

MAX_TEXTS = 2048
MAX_TOKENS = 8192
MAX_TOKENS_ALL = 300_000
SIZES = {"text-embedding-3-large": 3072}
SIZE = 1536
FORMATS = ("float", "base64")
_encode = msgspec.json.Encoder().encode


class EmbeddingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    input: str | list[str | int | list[int]] | None = None
    model: str = ""
    dimensions: int | None = None
    encoding_format: str | None = None
    user: str | None = None


class Wanted(msgspec.Struct, frozen=True):
    """A request that keeps the rules; a list of tokens is the text of its numbers."""

    asked: Asked
    texts: tuple[str, ...]
    tokens: int
    size: int
    packed: bool


def accept(raw: bytes, models: tuple[str, ...]) -> Wanted:
    """Parse and check one request body. An empty `models` accepts any name. Raises Refused."""
    request = read(raw, EmbeddingRequest)
    check_model(request.model, models)
    most = SIZES.get(request.model, SIZE)
    if request.dimensions is not None and request.model.startswith("text-embedding-ada"):
        raise Refused("This model does not support specifying dimensions.", "dimensions")
    check_number(request.dimensions, 1, most, "dimensions")
    if request.encoding_format not in (None, *FORMATS):
        raise supported(str(request.encoding_format), FORMATS, "encoding_format")
    inputs = _inputs(request)
    sizes = [_tokens(one) for one in inputs]
    if not inputs or len(inputs) > MAX_TEXTS or min(sizes) == 0:
        raise Refused("'$.input' is invalid. Please check the API reference.", None, None)
    if max(sizes) > MAX_TOKENS:
        message = (
            f"This model's maximum context length is {MAX_TOKENS} tokens, however you requested {max(sizes)} tokens"
        )
        raise Refused(f"{message} ({max(sizes)} in your prompt; 0 for the completion). Please reduce your prompt.")
    if sum(sizes) > MAX_TOKENS_ALL:
        message = f"Requested {sum(sizes)} tokens, max {MAX_TOKENS_ALL} tokens per request"
        raise Refused(message, None, "max_tokens_per_request", kind="max_tokens_per_request")
    texts = tuple(one if isinstance(one, str) else " ".join(map(str, one)) for one in inputs)
    asked = Asked(model=request.model, stream=False, here=Place(0, texts[0], 0, ()), sizes=tuple(map(len, texts)))
    return Wanted(asked, texts, sum(sizes), request.dimensions or most, request.encoding_format == "base64")


def _inputs(request: EmbeddingRequest) -> list[str | list[int]]:
    if isinstance(request.input, str):
        return [request.input]
    found = request.input or []
    tokens = [one for one in found if isinstance(one, int)]
    if tokens:
        return [tokens] if len(tokens) == len(found) else []
    return [one for one in found if not isinstance(one, int)]


def _tokens(text: str | list[int]) -> int:
    return -(-len(text) // CHARS_PER_TOKEN) if isinstance(text, str) else len(text)


def body(wanted: Wanted) -> bytes:
    """The body of the answer."""
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector(text, wanted.size), wanted.packed)}
        for index, text in enumerate(wanted.texts)
    ]
    usage = {"prompt_tokens": wanted.tokens, "total_tokens": wanted.tokens}
    return _encode({"object": "list", "data": data, "model": wanted.asked.model, "usage": usage})


def vector(text: str, size: int) -> list[float]:
    """A vector of length 1: each word has its own direction."""
    found = [0.0] * size
    for word in text.lower().split() or [text]:
        digest = hashlib.sha256(word.encode()).digest()
        for at in range(0, 32, 4):
            (number,) = struct.unpack_from("<I", digest, at)
            found[(number >> 1) % size] += 1.0 if number & 1 else -1.0
    length = math.sqrt(sum(x * x for x in found))
    if length == 0:
        return [1.0, *found[1:]]
    return [x / length for x in found]


def _packed(vector: list[float], packed: bool) -> list[float] | str:
    """As numbers, or as base64 of 32-bit floats, little-endian."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if packed else vector
