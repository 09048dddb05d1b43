"""How do texts become vectors? Pure: `POST /models/{model}:batchEmbedContents`.

Shapes: types.py, EmbedContentConfig and ContentEmbedding, with the names on the wire from google/genai/models.py
(_EmbedContentParametersPrivate_to_mldev). At most 100 texts in one request (StarTrail-org/LEANN #214). Each text is
a request of its own: several parts of one content become one vector with newer models (vectorize-io/hindsight
#4001). Vectors that were asked for shorter than the model's own do not have length 1
(ai.google.dev/gemini-api/docs/embeddings).
"""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.model.action import ModelCall
from quarterdeck.model.turn import Usage
from quarterdeck.ports import Embeddings, ProviderFailed
from quarterdeck.providers.gemini.contents import Text
from quarterdeck.providers.gemini.models import path, plain
from quarterdeck.providers.http.wire import believe, estimate_tokens

MAX_TEXTS = 100


class _Content(msgspec.Struct, frozen=True):
    parts: tuple[Text, ...]


class _One(msgspec.Struct, frozen=True, rename="camel"):
    model: str
    content: _Content
    output_dimensionality: int | UnsetType = UNSET


class _Request(msgspec.Struct, frozen=True):
    requests: list[_One]


class _Vector(msgspec.Struct, frozen=True):
    values: tuple[float, ...]


class _Figures(msgspec.Struct, frozen=True, rename="camel"):
    prompt_token_count: int = 0


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    embeddings: list[_Vector]
    usage_metadata: _Figures = _Figures()


_encoder = msgspec.json.Encoder()
_answer = msgspec.json.Decoder(_Answer)


def encode(provider: str, key: str, model: str, texts: Sequence[str], dimensions: int | None) -> ModelCall:
    """The call for vectors of these texts. Raises ProviderFailed (invalid) for none, or too many, of them."""
    if not 1 <= len(texts) <= MAX_TEXTS:
        raise ProviderFailed("invalid", f"vectors of 1 to {MAX_TEXTS} texts can be asked for at once", retryable=False)
    size = UNSET if dimensions is None else dimensions
    name = path(model).removeprefix("/")
    body = _encoder.encode(_Request([_One(name, _Content((Text(text=text),)), size) for text in texts]))
    return ModelCall(provider, model, body, estimate_tokens(len(body)), 0, key)


def target(call: ModelCall) -> str:
    """Where a call for vectors is POSTed to."""
    return f"{path(call.model)}:batchEmbedContents"


def read(call: ModelCall, body: bytes) -> Embeddings:
    """The vectors of an answer. Raises ProviderFailed (server)."""
    try:
        found = _answer.decode(body)
    except UNREADABLE:
        raise ProviderFailed("server", "the vectors cannot be read", retryable=True) from None
    vectors = tuple(vector.values for vector in found.embeddings)
    asked = len(msgspec.json.decode(call.body, type=_Request).requests)
    if len(vectors) != asked or not all(vectors):
        raise ProviderFailed("server", f"{len(vectors)} vectors came for {asked} texts", retryable=True)
    said = found.usage_metadata.prompt_token_count
    told = believe(said, 1, call.reserve_in)
    return Embeddings(vectors, Usage(told, 0, reported=told == said), plain(call.model))
