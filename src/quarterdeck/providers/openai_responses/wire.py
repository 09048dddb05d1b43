"""How is a request written? Pure: a ModelRequest in, the bytes of `POST {base_url}/responses` out.

Fields: openai 3.54.0, types/responses/response_create_params.py. The vendor refuses fields that it does not know, less
than 16 tokens for an answer (vectorize-io/hindsight #58), temperatures where a model reasons
(OpenHands/software-agent-sdk #1837), and an effort where it does not (Laisky/one-api #120). It has no field for a seed
or for stops. It wants a wish for any JSON object told in the input as well (from memory, unverified).
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
from quarterdeck.providers.openai_responses import items
from quarterdeck.providers.openai_responses.items import Item
from quarterdeck.providers.openai_responses.replay import origin

MIN_TOKENS = 16
MAX_CACHE_KEY = 64
"""Characters; unverified."""

SEALED = "reasoning.encrypted_content"
ONLY_JSON = "Answer with one JSON object and nothing else."


class Manner(msgspec.Struct, frozen=True):
    """How this provider's models are asked. `reasoning` None: as their names say; `summary` empty: none."""

    temperature: float | None = None
    reads: tuple[str, ...] = ()
    reasoning: bool | None = None
    summary: str = ""


class _Tool(msgspec.Struct, frozen=True):
    name: str
    description: str
    parameters: Schema
    strict: bool = False
    type: str = "function"


class _Choice(msgspec.Struct, frozen=True):
    name: str
    type: str = "function"


class _Format(msgspec.Struct, frozen=True):
    type: str
    name: str | UnsetType = UNSET
    schema: Schema | UnsetType = UNSET
    strict: bool | UnsetType = UNSET


class _Text(msgspec.Struct, frozen=True):
    format: _Format


class _Reasoning(msgspec.Struct, frozen=True):
    effort: str | UnsetType = UNSET
    summary: str | UnsetType = UNSET


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    instructions: str | UnsetType
    input: list[Item]
    tools: tuple[_Tool, ...] | UnsetType
    tool_choice: str | _Choice | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    text: _Text | UnsetType = UNSET
    reasoning: _Reasoning | UnsetType = UNSET
    include: tuple[str, ...] | UnsetType = UNSET
    max_output_tokens: int
    temperature: float | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    prompt_cache_key: str | UnsetType = UNSET
    store: bool = False
    stream: bool = True


_encoder = msgspec.json.Encoder()


def encode(provider: str, key: str, request: ModelRequest, manner: Manner) -> ModelCall:
    """The call for this request; the same request gives the same bytes.

    Raises ProviderFailed (invalid) when a tool's parameters, or the form of the answer, are not a JSON object.
    """
    text = _form(request)
    told = ONLY_JSON if request.options.form and not request.options.form.schema else ""
    written = items.write(request, manner.reads, origin(provider, key), told)
    most = max(MIN_TOKENS, request.max_tokens)
    made = _Request(
        model=request.model,
        instructions=request.system or UNSET,
        input=written.items,
        tools=tuple(_tool(spec) for spec in request.tools) or UNSET,
        text=text,
        max_output_tokens=most,
        prompt_cache_key=request.cache_key[:MAX_CACHE_KEY] or UNSET,
    )
    fields = {**_tools(request), **_thinking(request, manner)}
    body = _encoder.encode(msgspec.structs.replace(made, **fields))
    reserve = estimate_tokens(len(body) - written.media_bytes) + written.media_tokens
    return ModelCall(provider, request.model, body, reserve, most, key)


def _tool(spec: ToolSpec) -> _Tool:
    """Not strict: the vendor refuses a strict tool for words of JSON Schema that others take."""
    return _Tool(spec.name, spec.description, calls.parameters(spec))


def _tools(request: ModelRequest) -> dict[str, object]:
    """Which tools may be called; nothing where there are none."""
    choice, parallel = request.options.tool_choice, request.options.parallel_calls
    fields: dict[str, object] = {}
    if not request.tools:
        return fields
    if choice in ("none", "required"):
        fields["tool_choice"] = choice
    elif any(spec.name == choice for spec in request.tools):
        fields["tool_choice"] = _Choice(choice)
    if parallel is not None:
        fields["parallel_tool_calls"] = parallel
    return fields


def _thinking(request: ModelRequest, manner: Manner) -> dict[str, object]:
    """A model that reasons takes an effort and gives its reasoning sealed; another takes a temperature."""
    options = request.options
    fields: dict[str, object] = {}
    if reasons(request.model) if manner.reasoning is None else manner.reasoning:
        fields["include"] = (SEALED,)
        if options.effort or manner.summary:
            fields["reasoning"] = _Reasoning(options.effort or UNSET, manner.summary or UNSET)
        return fields
    temperature = manner.temperature if options.temperature is None else options.temperature
    if temperature is not None:
        fields["temperature"] = temperature
    if options.top_p is not None:
        fields["top_p"] = options.top_p
    return fields


def _form(request: ModelRequest) -> _Text | UnsetType:
    form = request.options.form
    if form is None:
        return UNSET
    if not form.schema:
        return _Text(_Format("json_object"))
    schema = calls.read_schema(form.schema, "the schema of the answer")
    return _Text(_Format("json_schema", form.name, schema, form.strict and calls.closed(schema)))
