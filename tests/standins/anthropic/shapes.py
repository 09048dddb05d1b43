"""What is the shape of a request? Fields and blocks: anthropic 2.14.0, types/message_create_params.py and the
`*_param.py` beside it; what is not listed there is refused as the vendor refuses it.

Blocks of the vendor's own tools (search, code execution and so on) are left out.
"""

import re

import msgspec

from tests.standins.anthropic.refused import Refused


class _Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field that is not listed is refused."""


class CacheControl(_Closed, frozen=True):
    type: str
    ttl: str | None = None

    @property
    def seconds(self) -> int:
        return 3600 if self.ttl == "1h" else 300


class Base64(_Closed, frozen=True, tag="base64", tag_field="type"):
    data: str
    media_type: str


class Url(_Closed, frozen=True, tag="url", tag_field="type"):
    url: str


class Plain(_Closed, frozen=True, tag="text", tag_field="type"):
    data: str
    media_type: str


class Text(_Closed, frozen=True, tag="text", tag_field="type"):
    text: str
    cache_control: CacheControl | None = None
    citations: list[dict[str, object]] | None = None


class Image(_Closed, frozen=True, tag="image", tag_field="type"):
    source: Base64 | Url
    cache_control: CacheControl | None = None
    transformations: dict[str, object] | None = None


class Document(_Closed, frozen=True, tag="document", tag_field="type"):
    source: Base64 | Url | Plain
    cache_control: CacheControl | None = None
    citations: dict[str, object] | None = None
    context: str | None = None
    title: str | None = None


class ToolUse(_Closed, frozen=True, tag="tool_use", tag_field="type"):
    id: str
    name: str
    input: dict[str, object]
    cache_control: CacheControl | None = None
    caller: dict[str, object] | None = None
    toolset_name: str | None = None


class ToolResult(_Closed, frozen=True, tag="tool_result", tag_field="type"):
    tool_use_id: str
    content: str | list[Text | Image | Document] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None
    toolset_name: str | None = None


class Thinking(_Closed, frozen=True, tag="thinking", tag_field="type"):
    thinking: str
    signature: str


class Redacted(_Closed, frozen=True, tag="redacted_thinking", tag_field="type"):
    data: str


Block = Text | Image | Document | ToolUse | ToolResult | Thinking | Redacted
Marked = Text | Image | Document | ToolUse | ToolResult


class Message(_Closed, frozen=True):
    role: str
    content: str | list[Block]

    @property
    def blocks(self) -> list[Block]:
        """A string stands for one block of text, an empty one for nothing."""
        if isinstance(self.content, str):
            return [Text(self.content)] if self.content else []
        return self.content


class Tool(_Closed, frozen=True):
    name: str
    input_schema: dict[str, object]
    description: str | None = None
    type: str | None = None
    cache_control: CacheControl | None = None
    strict: bool | None = None
    eager_input_streaming: bool | None = None
    input_examples: list[dict[str, object]] | None = None
    defer_loading: bool | None = None
    allowed_callers: list[str] | None = None


class ToolChoice(_Closed, frozen=True):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None

    @property
    def forced(self) -> bool:
        return self.type in ("any", "tool")


class ThinkingConfig(_Closed, frozen=True):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class Format(_Closed, frozen=True):
    type: str
    schema: dict[str, object]


class OutputConfig(_Closed, frozen=True):
    effort: str | None = None
    format: Format | None = None


class Metadata(_Closed, frozen=True):
    user_id: str | None = None


class Request(_Closed, frozen=True):
    """The sampling fields are known to the old version of the API only."""

    model: str
    messages: list[Message]
    max_tokens: int
    system: str | list[Text] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    cache_control: CacheControl | None = None
    metadata: Metadata | None = None
    service_tier: str | None = None
    inference_geo: str | None = None
    speed: str | None = None
    container: object = None
    diagnostics: object = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None

    @property
    def instructions(self) -> list[Text]:
        """The system prompt as blocks."""
        return [Text(self.system)] if isinstance(self.system, str) else self.system or []

    @property
    def thinks(self) -> bool:
        """Whether the request itself asks for thinking."""
        return self.thinking is not None and self.thinking.type in ("enabled", "adaptive")


_decoder = msgspec.json.Decoder(Request)
_AT = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`$")
_WRONG = re.compile(r"Expected `(.+)`, got `\w+`$")
_NOUNS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "array": "list", "object": "object"}


def parse(raw: bytes) -> Request:
    """The request in a body. Raises Refused."""
    try:
        return _decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise Refused(_worded(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("The request body is not valid JSON") from error  # wording unverified


def _worded(text: str) -> str:
    """The vendor's words for a field that is missing, unknown or of another type."""
    found = _AT.match(text)
    assert found is not None
    said, path = found[1], re.sub(r"\[(\d+)\]", r".\1", found[2] or "")
    if field := _MISSING.match(said):
        return f"{_under(path, field[1])}: Field required"
    if field := _UNKNOWN.match(said):
        return f"{_under(path, field[1])}: Extra inputs are not permitted"
    if wrong := _WRONG.match(said):
        wanted = " or ".join(_NOUNS.get(word, word) for word in wrong[1].split(" | ") if word != "null")
        return f"{path or 'body'}: Input should be a valid {wanted}"
    return f"{path}: {said}" if path else said


def _under(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field
