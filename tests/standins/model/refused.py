"""How does the vendor refuse a request? Its error object, and what all endpoints word alike.

Wordings were taken from error bodies quoted in public issue threads (agno-agi/agno #5116, openai/openai-node #1341,
miurla/morphic #136, langchain-ai/langchain #24531, vectorize-io/hindsight #58, AnswerDotAI/fastllm #45,
1jehuang/jcode #1028). "Unverified" marks a wording from memory.
"""

import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec

NAME = re.compile(r"^[a-zA-Z0-9_-]+$")
CHARS_PER_TOKEN = 4
SERVER_FAULT = "The server had an error while processing your request. Sorry about that!"
REASONING = re.compile(r"^(o\d|gpt-[5-9])(?!.*chat)")
"""Models that reason, by name (Laisky/one-api #120: gpt-5-chat does not)."""
T = TypeVar("T")


class Refused(Exception):
    """The request is answered with `status` and the vendor's error object."""

    def __init__(
        self,
        message: str,
        param: str | None = None,
        code: str | None = None,
        status: int = 400,
        kind: str = "invalid_request_error",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.error = {"message": message, "type": kind, "param": param, "code": code}


_MISSING = re.compile(r"Object missing required field `(\w+)`(?: - at `\$\.?(.*)`)?$")
_WRONG = re.compile(r"Expected `(.+)`, got `(\w+)`(?: - at `\$\.?(.*)`)?$")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+?)`(?: - at `\$\.?(.*)`)?$")
_NOUNS = {
    "str": "a string",
    "int": "an integer",
    "float": "a decimal",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}


def read(raw: bytes, kind: type[T], path: str = "") -> T:
    """Decode JSON that stands at `path` of the request. Raises Refused."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise _wrong_shape(str(error), path) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("We could not parse the JSON body of your request.") from error


def _wrong_shape(text: str, path: str) -> Refused:
    if found := _MISSING.match(text):
        where = _joined(path, found[2], found[1])
        return missing(where)
    if found := _UNKNOWN.match(text):
        return unknown(_joined(path, found[2], found[1]))
    if found := _WRONG.match(text):
        expected, got, where = found[1], found[2], _joined(path, found[3])
        wanted = " or ".join(_NOUNS.get(name, name) for name in expected.split(" | ") if name != "null")
        message = f"Invalid type for '{where}': expected {wanted}, but got {_NOUNS.get(got, got)} instead."
        return Refused(message, where, "invalid_type")
    return Refused(text)


def _joined(*names: str | None) -> str:
    return ".".join(name for name in names if name).replace(".[", "[")


def missing(path: str) -> Refused:
    """A field that must be there."""
    return Refused(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")


def unknown(path: str) -> Refused:
    """A field that the vendor does not know."""
    return Refused(f"Unknown parameter: '{path}'.", path, "unknown_parameter")


def empty(path: str) -> Refused:
    """A list that must not be empty."""
    message = f"Invalid '{path}': empty array. Expected an array with minimum length 1, but got an empty array"
    return Refused(f"{message} instead.", path, "empty_array")


def too_many(path: str, count: int, limit: int) -> Refused:
    """A list that is too long; unverified."""
    message = f"Invalid '{path}': array too long. Expected an array with maximum length {limit}, but got an "
    return Refused(f"{message}array with length {count} instead.", path, "array_above_max_length")


def supported(value: str, known: Sequence[str], path: str) -> Refused:
    """A value that is not one of `known`."""
    names = ", ".join(f"'{name}'" for name in known[:-1]) + ("," if len(known) > 2 else "") + f" and '{known[-1]}'"
    return Refused(f"Invalid value: '{value}'. Supported values are: {names}.", path, "invalid_value")


def check_length(value: str, limit: int, path: str) -> None:
    """Raises Refused for a text that is too long."""
    if len(value) > limit:
        message = f"Invalid '{path}': string too long. Expected a string with maximum length {limit}, but got a string "
        raise Refused(f"{message}with length {len(value)} instead.", path, "string_above_max_length")


def check_name(name: str, path: str, limit: int = 64) -> None:
    """Names of tools and formats. Raises Refused; the wording for the pattern is unverified."""
    check_length(name, limit, path)
    if not NAME.match(name):
        message = f"Invalid '{path}': string does not match pattern. Expected a string that matches the pattern "
        raise Refused(f"{message}'{NAME.pattern}'.", path, "invalid_value")


def check_number(value: float | None, least: float, most: float, path: str) -> None:
    """Raises Refused for a number out of bounds; the words for integers were seen, those for decimals were not."""
    if value is None or least <= value <= most:
        return
    noun, below = ("integer" if isinstance(value, int) else "decimal"), value < least
    wanted = f">= {least:g}" if below else f"<= {most:g}"
    word, code = ("below minimum", "below_min") if below else ("above maximum", "above_max")
    message = f"Invalid '{path}': {noun} {word} value. Expected a value {wanted}, but got {value:g} instead."
    raise Refused(message, path, f"{noun}_{code}_value")


def check_model(model: str, models: tuple[str, ...]) -> None:
    """An empty `models` accepts any name. Raises Refused."""
    if not model:
        raise Refused("you must provide a model parameter")
    if models and model not in models:
        message = f"The model `{model}` does not exist or you do not have access to it."
        raise Refused(message, None, "model_not_found", status=404)


def check_size(raw: bytes, media: int, context_tokens: int, param: str) -> None:
    """Raises Refused when the request, without `media` bytes of encoded files, is more than the model reads."""
    tokens = (len(raw) - media) // CHARS_PER_TOKEN
    if tokens > context_tokens:
        message = (
            f"This model's maximum context length is {context_tokens} tokens. However, your messages "
            f"resulted in {tokens} tokens. Please reduce the length of the messages."
        )
        raise Refused(message, param, "context_length_exceeded")
