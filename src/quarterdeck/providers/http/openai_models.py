"""What do OpenAI's models, and the lists of models in its format, tell? Pure.

The list: openai 3.54.0, types/model.py. What others add to it: OpenRouter `context_length` and `architecture`, vLLM
`max_model_len`, Groq `context_window` and `max_completion_tokens`, Mistral `max_context_length` and `capabilities`
(names as read in these vendors' documentation long ago: unverified).
"""

import re
from collections.abc import Iterable

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.ports import ListedModel, ProviderFailed

_REASONS = re.compile(r"(?:^|/)(?:o\d|gpt-[5-9])(?!.*chat)")


def reasons(model: str) -> bool:
    """Whether a model of OpenAI reasons, by its name: then it takes no temperature (see README).

    Names as told in OpenHands/software-agent-sdk #1837 and Laisky/one-api #120 (gpt-5-chat does not).
    """
    return bool(_REASONS.search(model))


class _Architecture(msgspec.Struct, frozen=True):
    input_modalities: list[str] | None = None


class _Model(msgspec.Struct, frozen=True):
    """Figures and capabilities may have any shape; only what can be read is taken."""

    id: str
    context_length: msgspec.Raw = msgspec.Raw(b"null")
    context_window: msgspec.Raw = msgspec.Raw(b"null")
    max_context_length: msgspec.Raw = msgspec.Raw(b"null")
    max_model_len: msgspec.Raw = msgspec.Raw(b"null")
    max_completion_tokens: msgspec.Raw = msgspec.Raw(b"null")
    architecture: msgspec.Raw = msgspec.Raw(b"null")
    supported_parameters: msgspec.Raw = msgspec.Raw(b"null")


class _Models(msgspec.Struct, frozen=True):
    data: list[_Model] | None


_models = msgspec.json.Decoder(_Models)
_number = msgspec.json.Decoder(int)
_words = msgspec.json.Decoder(list[str])
_architecture = msgspec.json.Decoder(_Architecture)


def models(body: bytes) -> tuple[ListedModel, ...]:
    """The models in the body of `GET {base_url}/models`. Raises ProviderFailed (server) for anything else."""
    try:
        found = _models.decode(body).data or ()
    except UNREADABLE:
        raise ProviderFailed("server", "the list of models cannot be read", retryable=True) from None
    return tuple(_listed(model) for model in found)


def _listed(model: _Model) -> ListedModel:
    windows = (model.context_length, model.context_window, model.max_context_length, model.max_model_len)
    window = next((figure for figure in map(_figure, windows) if figure), 0)
    return ListedModel(model.id, window, _figure(model.max_completion_tokens), tuple(_capabilities(model)))


def _figure(raw: msgspec.Raw) -> int:
    try:
        return max(0, _number.decode(raw))
    except UNREADABLE:
        return 0


def _capabilities(model: _Model) -> Iterable[str]:
    """As OpenRouter says them; others say nothing."""
    takes = _read(model.supported_parameters)
    if "tools" in takes:
        yield "tools"
    try:
        inputs = _architecture.decode(model.architecture).input_modalities or ()
    except UNREADABLE:
        inputs = ()
    if "image" in inputs:
        yield "images"
    if "file" in inputs:
        yield "documents"
    if "structured_outputs" in takes:
        yield "structured"
    if "reasoning" in takes or reasons(model.id):
        yield "reasoning"
    if "embed" in model.id:
        yield "embeddings"


def _read(raw: msgspec.Raw) -> list[str]:
    try:
        return _words.decode(raw)
    except UNREADABLE:
        return []
