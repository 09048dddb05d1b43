"""How is a request written? Pure: a ModelRequest in, the bytes of `POST {base_url}/chat/completions` out.

Shapes: the vendor's client, openai 3.54.0, types/chat/completion_create_params.py and the message params beside it.
The vendor wants tool results directly behind the message that asked for them; a valid history (model/message.py) has
them there. `dialect` says where other endpoints differ.
"""

import msgspec
from msgspec import UNSET, UnsetType

from quarterdeck.model.action import ModelCall
from quarterdeck.model.asking import ToolSpec
from quarterdeck.ports import ModelRequest
from quarterdeck.providers.http import calls
from quarterdeck.providers.http.calls import Schema
from quarterdeck.providers.http.openai_models import reasons
from quarterdeck.providers.http.wire import estimate_tokens
from quarterdeck.providers.openai_compatible import messages
from quarterdeck.providers.openai_compatible.dialect import Dialect
from quarterdeck.providers.openai_compatible.messages import Message

MAX_STOP = 4
MAX_CACHE_KEY = 64
ONLY_JSON = "Answer with one JSON object and nothing else."


class _ToolFunction(msgspec.Struct, frozen=True):
    name: str
    description: str
    parameters: Schema


class _Tool(msgspec.Struct, frozen=True):
    function: _ToolFunction
    type: str = "function"


class _Named(msgspec.Struct, frozen=True):
    name: str


class _Choice(msgspec.Struct, frozen=True):
    function: _Named
    type: str = "function"


class _JsonSchema(msgspec.Struct, frozen=True):
    name: str
    schema: Schema
    strict: bool


class _Format(msgspec.Struct, frozen=True):
    type: str
    json_schema: _JsonSchema | UnsetType = UNSET


class _Effort(msgspec.Struct, frozen=True):
    effort: str


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = True


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    messages: list[Message]
    tools: tuple[_Tool, ...] | UnsetType
    tool_choice: str | _Choice | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    response_format: _Format | UnsetType = UNSET
    max_tokens: int | UnsetType = UNSET
    max_completion_tokens: int | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    random_seed: int | UnsetType = UNSET
    stop: tuple[str, ...] | UnsetType = UNSET
    reasoning_effort: str | UnsetType = UNSET
    reasoning: _Effort | UnsetType = UNSET
    prompt_cache_key: str | UnsetType = UNSET
    stream: bool = True
    stream_options: _StreamOptions | UnsetType = UNSET


_encoder = msgspec.json.Encoder()


def encode(provider: str, key: str, request: ModelRequest, dialect: Dialect) -> ModelCall:
    """The call for this request; the same request gives the same bytes.

    Raises ProviderFailed (invalid) when a tool's parameters, or the form of the answer, are not a JSON object.
    """
    system, form = _form(request, dialect)
    written = messages.write(system, request, dialect)
    fields = {
        **_tools(request),
        **_limits(request, dialect),
        **_sampling(request, dialect),
        **_thinking(request, dialect),
    }
    if dialect.cache == "key" and request.cache_key:
        fields["prompt_cache_key"] = request.cache_key[:MAX_CACHE_KEY]
    made = _Request(
        model=request.model,
        messages=written.messages,
        tools=tuple(_tool(spec) for spec in request.tools) or UNSET,
        response_format=form,
        stream_options=_StreamOptions() if dialect.stream_usage else UNSET,
    )
    body = _encoder.encode(msgspec.structs.replace(made, **fields))
    reserve = estimate_tokens(len(body) - written.media_bytes) + written.media_tokens
    return ModelCall(provider, request.model, body, reserve, request.max_tokens, key)


def _tool(spec: ToolSpec) -> _Tool:
    return _Tool(_ToolFunction(spec.name, spec.description, calls.parameters(spec)))


def _tools(request: ModelRequest) -> dict[str, object]:
    """Which tools may be called. Without tools the vendor refuses these fields."""
    choice, parallel = request.options.tool_choice, request.options.parallel_calls
    fields: dict[str, object] = {}
    if not request.tools:
        return fields
    if choice in ("none", "required"):
        fields["tool_choice"] = choice
    elif any(spec.name == choice for spec in request.tools):
        fields["tool_choice"] = _Choice(_Named(choice))
    if parallel is not None:
        fields["parallel_tool_calls"] = parallel
    return fields


def _limits(request: ModelRequest, dialect: Dialect) -> dict[str, object]:
    return {dialect.max_tokens_field: request.max_tokens}


def _sampling(request: ModelRequest, dialect: Dialect) -> dict[str, object]:
    """What a model that reasons refuses is left out for it."""
    options = request.options
    fields: dict[str, object] = {}
    if options.seed is not None and dialect.seed:
        fields[dialect.seed] = options.seed
    if dialect.by_name and _reasons(request, dialect):
        return fields
    temperature = dialect.temperature if options.temperature is None else options.temperature
    if temperature is not None:
        fields["temperature"] = temperature
    if options.top_p is not None:
        fields["top_p"] = options.top_p
    if options.stop:
        fields["stop"] = options.stop[:MAX_STOP]
    return fields


def _thinking(request: ModelRequest, dialect: Dialect) -> dict[str, object]:
    effort = request.options.effort
    if not effort or not dialect.effort or (dialect.by_name and not _reasons(request, dialect)):
        return {}
    return {dialect.effort: effort if dialect.effort == "reasoning_effort" else _Effort(effort)}


def _reasons(request: ModelRequest, dialect: Dialect) -> bool:
    return reasons(request.model) if dialect.reasoning is None else dialect.reasoning


def _form(request: ModelRequest, dialect: Dialect) -> tuple[str, _Format | UnsetType]:
    """The system prompt and the form of the answer. The vendor wants a wish for any object told in words too."""
    form = request.options.form
    if form is None:
        return request.system, UNSET
    schema = calls.read_schema(form.schema, "the schema of the answer") if form.schema else None
    if schema is not None and dialect.form == "schema":
        return request.system, _Format(
            "json_schema", _JsonSchema(form.name, schema, form.strict and calls.closed(schema))
        )
    told = f"{ONLY_JSON} It fits this JSON Schema: {form.schema}" if schema is not None else ONLY_JSON
    return "\n\n".join(filter(None, (request.system, told))), _Format("json_object")
