"""POST /v1/embeddings: vectors of texts.

Source: https://platform.openai.com/docs/api-reference/embeddings; checked against the types of the `openai` package
3.54 (`openai/types/embedding_create_params.py`, `create_embedding_response.py`).
"""

import base64
import struct
from collections.abc import Sequence
from typing import Literal

import msgspec

from quarterdeck.actions.embeddings import Embedder
from quarterdeck.api.call import Call
from quarterdeck.api.doors import Doors
from quarterdeck.api.openai import wishes
from quarterdeck.base.errors import BadInput

MOST_TEXTS = 2_048
TEXT_LENGTH = 100_000  # characters of one text
ALL_LENGTH = 1_000_000  # characters of all texts
MOST_DIMENSIONS = 16_384


class EmbeddingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`model` is `provider/model`, the configured embedding model's name, or an assistant's id."""

    model: str
    input: str | list[object]
    dimensions: int | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None


class Embedding(msgspec.Struct, frozen=True):
    """One vector: numbers, or base64 of 32-bit floats, little-endian."""

    index: int
    embedding: list[float] | str
    object: str = "embedding"


class EmbeddingUsage(msgspec.Struct, frozen=True):
    """Tokens of all texts."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(msgspec.Struct, frozen=True):
    """The vectors, in the order of the texts."""

    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
    object: str = "list"


class EmbeddingsDoor:
    """Vectors."""

    def __init__(self, doors: Doors) -> None:
        self._embedder: Embedder = doors.embedder

    async def create_embedding(self, call: Call, ask: EmbeddingRequest) -> EmbeddingList:
        """POST /v1/embeddings."""
        texts = _texts(ask.input)
        wishes.within("dimensions", ask.dimensions, 1, MOST_DIMENSIONS)
        found = await self._embedder.embed(ask.model, texts, ask.dimensions, call.principal.actor)
        packed = ask.encoding_format == "base64"
        data = [Embedding(n, _base64(one) if packed else list(one)) for n, one in enumerate(found.vectors)]
        return EmbeddingList(data, ask.model, EmbeddingUsage(found.usage.input, found.usage.input))


def _texts(given: str | list[object]) -> Sequence[str]:
    """The texts. Raises BadInput with the place of one that is none."""
    listed = [given] if isinstance(given, str) else given
    if not 1 <= len(listed) <= MOST_TEXTS:
        raise BadInput("input", f"has {len(listed)} entries", f"Send 1 to {MOST_TEXTS} texts.")
    texts: list[str] = []
    for n, text in enumerate(listed):
        where = "input" if isinstance(given, str) else f"input[{n}]"
        if not isinstance(text, str):
            raise BadInput(where, "is no text; lists of tokens are not supported", "Send the text itself.")
        if not text or len(text) > TEXT_LENGTH:
            raise BadInput(where, f"has not between 1 and {TEXT_LENGTH} characters", "Cut it into pieces.")
        texts.append(text)
    if sum(map(len, texts)) > ALL_LENGTH:
        raise BadInput("input", f"has more than {ALL_LENGTH} characters", "Send fewer texts at once.")
    return texts


def _base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
