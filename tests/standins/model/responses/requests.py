"""Is this request acceptable? The vendor's published rules for POST /v1/responses, the items aside.

Fields: openai 3.54.0, types/responses/response_create_params.py; this stand-in knows those that one can use without
its stored files, tools and conversations, and refuses all others. Rules and wordings seen in public issue threads:
at least 16 tokens (vectorize-io/hindsight #58), no temperature where a model reasons (OpenHands/software-agent-sdk
#1837), no effort where it does not (Laisky/one-api #120), an earlier response that is not there (maximhq/bifrost
#2441), a parameter that has moved (lobehub/lobehub #8116).
"""

from collections import OrderedDict

import msgspec

from tests.standins.model.asked import Asked
from tests.standins.model.refused import (
    REASONING,
    Refused,
    check_length,
    check_model,
    check_name,
    check_number,
    check_size,
    empty,
    missing,
    read,
    supported,
    too_many,
)
from tests.standins.model.responses.items import MAX_TEXT, MAX_TOOL_NAME, Entry, Message, entries, place
from tests.standins.model.schemas import Schema, check_schema

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SUMMARIES = ("auto", "concise", "detailed")
CHOICES = ("none", "auto", "required")
FORMATS = ("text", "json_object", "json_schema")
TRUNCATIONS = ("auto", "disabled")
ENCRYPTED = "reasoning.encrypted_content"
INCLUDES = (ENCRYPTED, "message.input_image.image_url", "message.output_text.logprobs")
MIN_OUTPUT = 16
MAX_TOOLS = 128
MAX_KEY = 64
KEPT = 200


class Function(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    name: str
    parameters: Schema | None
    strict: bool | None = True
    description: str | None = None


class Typed(msgspec.Struct, frozen=True):
    type: str


class Named(msgspec.Struct, frozen=True):
    name: str


class NamedChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    name: str


class Format(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    name: str | None = None
    schema: Schema | None = None
    strict: bool | None = None
    description: str | None = None


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Format | None = None
    verbosity: str | None = None


class Thinking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effort: str | None = None
    summary: str | None = None


class StreamOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    include_obfuscation: bool | None = None


class ResponsesRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request; a field that is not here is unknown."""

    model: str = ""
    input: str | list[msgspec.Raw] | None = None
    instructions: str | None = None
    tools: list[msgspec.Raw] | None = None
    tool_choice: str | NamedChoice | None = None
    parallel_tool_calls: bool | None = None
    text: Text | None = None
    reasoning: Thinking | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    include: list[str] | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    truncation: str | None = None
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None


class Kept(msgspec.Struct, frozen=True):
    """What is remembered of a response: all items that led to it, and those that it brought."""

    items: tuple[msgspec.Raw, ...]
    ids: frozenset[str]


class Stored:
    """The latest responses that may be named later."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def keep(self, identity: str, kept: Kept) -> None:
        self._kept[identity] = kept
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def find(self, identity: str | None) -> Kept:
        """Raises Refused."""
        if identity is None:
            return Kept((), frozenset())
        if identity not in self._kept:
            message = f"Previous response with id '{identity}' not found."
            raise Refused(message, "previous_response_id", "previous_response_not_found")
        return self._kept[identity]


class Accepted(msgspec.Struct, frozen=True):
    """A request that keeps the rules; `items` are all of its conversation."""

    request: ResponsesRequest
    items: tuple[msgspec.Raw, ...]
    asked: Asked

    @property
    def thinks(self) -> bool:
        """Whether its model reasons."""
        return bool(REASONING.match(self.request.model))


def accept(raw: bytes, models: tuple[str, ...], context_tokens: int, stored: Stored) -> Accepted:
    """Parse and check one request body. An empty `models` accepts any name. Raises Refused."""
    request = _read(raw)
    check_model(request.model, models)
    if request.stream_options is not None and not request.stream:  # unverified
        raise Refused("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    _check_values(request)
    _check_reasoning(request)
    tools = [_tool(bytes(tool), f"tools[{index}]") for index, tool in enumerate(request.tools or ())]
    choice = _choice(request, tools)
    before = stored.find(request.previous_response_id)
    items = (*before.items, *_items(request))
    found = entries(items, before.ids)
    if not found:
        raise missing("input")
    check_size(raw, sum(entry.media for entry in found), context_tokens, "input")
    asked = Asked(
        model=request.model,
        stream=bool(request.stream),
        here=place(found),
        sizes=tuple(len(entry.text) for entry in found),
        tools=tuple(tool.name for tool in tools),
        choice=choice,
        parallel=request.parallel_tool_calls is not False,
        form=_form(request, found),
    )
    return Accepted(request, items, asked)


def _read(raw: bytes) -> ResponsesRequest:
    try:
        return read(raw, ResponsesRequest)
    except Refused as refused:
        if refused.error["param"] == "reasoning_effort":
            message = "Unsupported parameter: 'reasoning_effort'. In the Responses API, this parameter has moved to"
            raise Refused(f"{message} 'reasoning.effort'.", None, "unsupported_parameter") from refused
        raise


def _items(request: ResponsesRequest) -> tuple[msgspec.Raw, ...]:
    if request.input is None:
        return ()
    if isinstance(request.input, str):
        return (msgspec.Raw(msgspec.json.encode({"role": "user", "content": request.input})),)
    if not request.input:
        raise empty("input")
    return tuple(request.input)


def _check_values(request: ResponsesRequest) -> None:
    check_number(request.max_output_tokens, MIN_OUTPUT, 10**9, "max_output_tokens")
    check_number(request.temperature, 0, 2, "temperature")
    check_number(request.top_p, 0, 1, "top_p")
    if request.truncation is not None and request.truncation not in TRUNCATIONS:
        raise supported(request.truncation, TRUNCATIONS, "truncation")
    for index, wanted in enumerate(request.include or ()):
        if wanted not in INCLUDES:
            raise supported(wanted, INCLUDES, f"include[{index}]")
    check_length(request.prompt_cache_key or "", MAX_KEY, "prompt_cache_key")  # unverified
    check_length(request.safety_identifier or "", MAX_KEY, "safety_identifier")  # unverified
    check_length(request.instructions or "", MAX_TEXT, "instructions")


def _check_reasoning(request: ResponsesRequest) -> None:
    thinking = request.reasoning or Thinking()
    if thinking.effort is not None and thinking.effort not in EFFORTS:
        raise supported(thinking.effort, EFFORTS, "reasoning.effort")
    if thinking.summary is not None and thinking.summary not in SUMMARIES:
        raise supported(thinking.summary, SUMMARIES, "reasoning.summary")
    if REASONING.match(request.model):
        for name, value in (("temperature", request.temperature), ("top_p", request.top_p)):
            if value not in (None, 1):
                raise Refused(f"Unsupported parameter: '{name}' is not supported with this model.", name)
        return
    for name, value in (("effort", thinking.effort), ("summary", thinking.summary)):
        if value is not None:
            message = f"Unsupported parameter: 'reasoning.{name}' is not supported with this model."
            raise Refused(message, f"reasoning.{name}", "unsupported_parameter")
    if ENCRYPTED in (request.include or ()):  # unverified
        raise Refused("Encrypted content is not supported with this model.", "include")


def _tool(raw: bytes, path: str) -> Function:
    kind = read(raw, Typed, path).type
    if kind != "function":
        message = f"stand-in: the tool type '{kind}' at {path} is the vendor's own and is not played here."
        raise Refused(message, path, "invalid_value")
    read(raw, Named, path)
    tool = read(raw, Function, path)
    check_name(tool.name, f"{path}.name", MAX_TOOL_NAME)
    if tool.parameters is not None:
        what, param = f"function '{tool.name}'", f"{path}.parameters"
        check_schema(tool.parameters, tool.strict is True, what, param, "invalid_function_parameters")
    return tool


def _choice(request: ResponsesRequest, tools: list[Function]) -> str:
    """Which tools may be called: auto, none, required or a name; wordings unverified."""
    choice, names = request.tool_choice, [tool.name for tool in tools]
    if len(tools) > MAX_TOOLS:
        raise too_many("tools", len(tools), MAX_TOOLS)
    if len(set(names)) < len(names):
        raise Refused("Invalid 'tools': tool names must be unique.", "tools", "invalid_value")
    if isinstance(choice, NamedChoice):
        if choice.type != "function":
            raise supported(choice.type, ("function",), "tool_choice.type")
        if choice.name not in names:
            raise Refused(f"Tool choice '{choice.name}' not found in 'tools' parameter.", "tool_choice")
        return choice.name
    if choice not in (None, *CHOICES):
        raise supported(str(choice), CHOICES, "tool_choice")
    if choice == "required" and not tools:
        raise Refused("Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice")
    return choice or "auto"


def _form(request: ResponsesRequest, found: list[Entry]) -> Schema | None:
    """The schema of the answer. Raises Refused."""
    wanted, path = (request.text or Text()).format, "text.format"
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type not in FORMATS:
        raise supported(wanted.type, FORMATS, f"{path}.type")
    if wanted.type == "json_object":
        said = [entry.text for entry in found if isinstance(entry.item, Message)]
        if not any("json" in text.lower() for text in said):
            message = "Response input messages must contain the word 'json' in some form to use 'text.format' of type"
            raise Refused(f"{message} 'json_object'.", "input")
        return {}
    for name, value in (("name", wanted.name), ("schema", wanted.schema)):
        if value is None:
            path = f"{path}.{name}"
            raise missing(path)
    check_name(wanted.name or "", f"{path}.name")
    what, param = f"response_format '{wanted.name}'", f"{path}.schema"
    check_schema(wanted.schema or {}, wanted.strict is True, what, param, "invalid_json_schema")
    return wanted.schema
