"""How is a request written? Pure: a ModelRequest in, the bytes of `POST {base_url}/chat/completions` out.

Shapes: the vendor's client, openai 3.54.0, types/chat/completion_create_params.py and the message params beside it.
The vendor wants tool results directly behind the message that asked for them; a valid history (model/message.py) has
them there.
"""

import re

import msgspec
from msgspec import UNSET, UnsetType

from quarterdeck.model.action import ModelCall
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.message import AssistantMessage, Said, SystemEvent, ToolCall, ToolResult, UserMessage
from quarterdeck.ports import ListedModel, ModelRequest, ProviderFailed
from quarterdeck.providers.http import notes
from quarterdeck.providers.http.wire import UNREADABLE, estimate_tokens
from quarterdeck.providers.openai_compatible.settings import MaxTokensField

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_MAX_NAME = 64


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


def encode(provider: str, key: str, request: ModelRequest, dialect: Dialect) -> ModelCall:
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
    return ModelCall(provider, request.model, body, estimate_tokens(len(body)), cap, key)


def _message(message: Said) -> _Message:
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
    text, files = notes.said(message), [notes.attachment(file) for file in message.attachments]
    return _Message("user", "\n".join([text, *files] if text else files) if files else text)


def _assistant(message: AssistantMessage) -> _Message:
    if not message.calls:
        return _Message("assistant", message.text)
    return _Message("assistant", message.text or None, tuple(_call(call) for call in message.calls))


def _result(message: ToolResult) -> _Message:
    return _Message("tool", message.text, tool_call_id=message.call_id)


def _event(message: SystemEvent) -> _Message:
    # As "user": many endpoints accept "system" only as the first message.
    return _Message("user", notes.SYSTEM_EVENT + message.text)


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


def models(body: bytes) -> tuple[ListedModel, ...]:
    """The models in the body of `GET {base_url}/models`. Raises ProviderFailed for anything else."""
    try:
        return tuple(ListedModel(model.id) for model in _models.decode(body).data or ())
    except UNREADABLE:
        raise ProviderFailed("server", "the list of models cannot be read", retryable=True) from None
