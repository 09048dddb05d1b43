"""How is a request written? Pure: a ModelRequest in, the bytes of `POST {base_url}/chat/completions` out.

Shapes: the vendor's client, openai 3.54.0, types/chat/completion_create_params.py and the message params beside it.
The vendor wants tool results directly behind the message that asked for them; a valid history (model/message.py) has
them there.
"""

import re

import msgspec
from msgspec import UNSET, UnsetType

from quarterdeck.model.action import ModelCall
from quarterdeck.model.message import (
    AssistantMessage,
    Attachment,
    Message,
    SystemEvent,
    ToolCall,
    ToolResult,
    UserMessage,
)
from quarterdeck.ports import ModelRequest, ProviderFailed, ToolSpec
from quarterdeck.providers.openai_compatible.settings import MaxTokensField

CORRECTION = "(correction of an earlier message) "
SYSTEM_EVENT = "[system event] "
MAX_NOTE = 200
"""Characters of a file's name, or of the reason why it is missing, that a model is shown."""

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_MAX_NAME = 64
_BRACKETS = str.maketrans("[]", "()")


UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What decoding raises for bytes from outside; the last for brackets nested without end."""


class Dialect(msgspec.Struct, frozen=True):
    """Where endpoints differ in what they want to read."""

    max_tokens_field: MaxTokensField = "max_tokens"
    temperature: float | None = None


class _Function(msgspec.Struct, frozen=True):
    name: str
    arguments: str


class _Call(msgspec.Struct, frozen=True):
    id: str
    function: _Function
    type: str = "function"


class _Message(msgspec.Struct, frozen=True):
    role: str
    content: str | None
    tool_calls: tuple[_Call, ...] | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET


class _ToolFunction(msgspec.Struct, frozen=True):
    name: str
    description: str
    parameters: dict[str, object]


class _Tool(msgspec.Struct, frozen=True):
    function: _ToolFunction
    type: str = "function"


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = True


class _Request(msgspec.Struct, frozen=True):
    model: str
    messages: list[_Message]
    tools: tuple[_Tool, ...] | UnsetType
    max_tokens: int | UnsetType
    max_completion_tokens: int | UnsetType
    temperature: float | UnsetType
    stream: bool = True
    stream_options: _StreamOptions = _StreamOptions()


_encoder = msgspec.json.Encoder()
_object = msgspec.json.Decoder(dict[str, object])


def encode(provider: str, request: ModelRequest, dialect: Dialect) -> ModelCall:
    """The call for this request; the same request gives the same bytes.

    Raises ProviderFailed (invalid) when a tool's parameters are not a JSON object.
    """
    messages = [_Message("system", request.system)] if request.system else []
    messages += [_message(message) for message in request.messages]
    cap, newer = request.max_tokens, dialect.max_tokens_field == "max_completion_tokens"
    body = _encoder.encode(
        _Request(
            model=request.model,
            messages=messages,
            tools=tuple(_tool(spec) for spec in request.tools) or UNSET,
            max_tokens=UNSET if newer else cap,
            max_completion_tokens=cap if newer else UNSET,
            temperature=UNSET if dialect.temperature is None else dialect.temperature,
        )
    )
    return ModelCall(provider, request.model, body, estimate_tokens(len(body)), cap)


def estimate_tokens(length: int) -> int:
    """Tokens of a text of so many UTF-8 bytes, on the safe side for all scripts; at least one."""
    return max(1, length * 3 // 10)


def _message(message: Message) -> _Message:
    match message:
        case UserMessage():
            return _user(message)
        case AssistantMessage():
            return _assistant(message)
        case ToolResult():
            return _result(message)
        case SystemEvent():
            return _event(message)


def _user(message: UserMessage) -> _Message:
    text = CORRECTION + message.text if message.correction else message.text
    notes = [_attachment(file) for file in message.attachments]
    return _Message("user", "\n".join([text, *notes] if text else notes) if notes else text)


def _assistant(message: AssistantMessage) -> _Message:
    if not message.calls:
        return _Message("assistant", message.text)
    return _Message("assistant", message.text or None, tuple(_call(call) for call in message.calls))


def _result(message: ToolResult) -> _Message:
    return _Message("tool", message.text, tool_call_id=message.call_id)


def _event(message: SystemEvent) -> _Message:
    # As "user": many endpoints accept "system" only as the first message.
    return _Message("user", SYSTEM_EVENT + message.text)


def _attachment(file: Attachment) -> str:
    name = _line(file.name) or "unnamed"
    if file.error:
        return f"[attached file: {name} could not be fetched: {_line(file.error)}]"
    return f"[attached file: {name}, {_line(file.mime) or 'unknown type'}, {_size(file.size)}]"


def _line(text: str) -> str:
    """One short line without brackets, so that a file's name cannot end its note and begin another."""
    return " ".join(text.translate(_BRACKETS).split())[:MAX_NOTE]


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:.0f} kB" if size < 999_500 else f"{size / 1_000_000:.1f} MB"


def _call(call: ToolCall) -> _Call:
    """What a model once wrote, made acceptable: a bad name or bad JSON would have every later request refused."""
    name = _NOT_IN_A_NAME.sub("_", call.name)[:_MAX_NAME] or "_"
    try:
        _object.decode(call.arguments)
    except UNREADABLE:
        return _Call(call.id, _Function(name, "{}"))
    return _Call(call.id, _Function(name, call.arguments))


def _tool(spec: ToolSpec) -> _Tool:
    try:
        parameters = _object.decode(spec.parameters)
    except UNREADABLE:
        reason = f"the parameters of the tool {spec.name} are not a JSON object"
        raise ProviderFailed("invalid", reason, retryable=False) from None
    return _Tool(_ToolFunction(spec.name, spec.description, parameters))


class _Model(msgspec.Struct, frozen=True):
    id: str


class _Models(msgspec.Struct, frozen=True):
    data: list[_Model] | None


_models = msgspec.json.Decoder(_Models)


def model_names(body: bytes) -> tuple[str, ...]:
    """The names in the body of `GET {base_url}/models`. Raises ProviderFailed for anything else."""
    try:
        return tuple(model.id for model in _models.decode(body).data or ())
    except UNREADABLE:
        raise ProviderFailed("server", "the list of models cannot be read", retryable=True) from None
