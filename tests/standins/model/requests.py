"""Is this request acceptable? The vendor's published rules for POST /v1/chat/completions.

Wordings were taken from error bodies quoted in public issue threads (CopilotKit/CopilotKit #529,
crewAIInc/crewAI-examples #121, chatanywhere/GPT_API_free #427, evalstate/fast-agent #314, decolua/9router #560;
`refused` names more). "Unverified" marks a wording from memory. Unknown fields are accepted, as by the many servers
that answer in this format.
"""

import msgspec

from tests.standins.model.asked import Asked, Place
from tests.standins.model.media import check_detail, check_file, check_image
from tests.standins.model.refused import (
    REASONING,
    Refused,
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
from tests.standins.model.schemas import Schema, check_schema

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
ASKING = ("user", "system", "developer")
PARTS = ("text", "image_url", "input_audio", "refusal", "audio", "file")
FORMATS = ("text", "json_object", "json_schema")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
MAX_TOOLS = 128
MAX_STOP = 4


class Function(msgspec.Struct, frozen=True):
    name: str
    arguments: str


class ToolCall(msgspec.Struct, frozen=True):
    id: str
    type: str
    function: Function


class ImageUrl(msgspec.Struct, frozen=True):
    url: str
    detail: str | None = None


class File(msgspec.Struct, frozen=True):
    file_data: str | None = None
    filename: str | None = None
    file_id: str | None = None


class Part(msgspec.Struct, frozen=True):
    type: str
    text: str = ""
    image_url: ImageUrl | None = None
    file: File | None = None


class Message(msgspec.Struct, frozen=True):
    role: str
    content: str | list[Part] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None

    @property
    def text(self) -> str:
        """The text of the content, the text parts joined by a line end."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class ToolFunction(msgspec.Struct, frozen=True):
    name: str
    parameters: Schema | None = None
    strict: bool | None = None


class Tool(msgspec.Struct, frozen=True):
    type: str
    function: ToolFunction


class Named(msgspec.Struct, frozen=True):
    name: str


class ToolChoice(msgspec.Struct, frozen=True):
    type: str
    function: Named | None = None


class JsonSchema(msgspec.Struct, frozen=True):
    name: str
    schema: Schema | None = None
    strict: bool | None = None


class ResponseFormat(msgspec.Struct, frozen=True):
    type: str
    json_schema: JsonSchema | None = None


class StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = False


class ChatRequest(msgspec.Struct, frozen=True):
    """What the stand-in reads of a request; all other fields are accepted and ignored."""

    messages: list[Message]
    model: str = ""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Tool] | None = None
    tool_choice: str | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    prompt_cache_key: str | None = None


def accept(raw: bytes, models: tuple[str, ...], context_tokens: int) -> Asked:
    """Parse and check one request body. An empty `models` accepts any name. Raises Refused."""
    request = read(raw, ChatRequest)
    check_model(request.model, models)
    if request.stream_options is not None and not request.stream:  # unverified
        raise Refused("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    _check_sampling(request)
    choice = _choice(request)
    if not request.messages:
        raise empty("messages")
    media = sum(_check_message(index, message) for index, message in enumerate(request.messages))
    _check_pairs(request.messages)
    check_size(raw, media, context_tokens, "messages")
    return Asked(
        model=request.model,
        stream=bool(request.stream),
        here=place(request.messages),
        sizes=tuple(len(message.text) for message in request.messages),
        tools=tuple(tool.function.name for tool in request.tools or ()),
        choice=choice,
        parallel=request.parallel_tool_calls is not False,
        form=_form(request),
        usage=request.stream_options is not None and request.stream_options.include_usage,
    )


def place(messages: list[Message]) -> Place:
    """Find the last message of a person or the system that has a text, and what followed it."""
    index = len(messages) - 1
    while index > 0 and not (messages[index].role in ASKING and messages[index].text):
        index -= 1
    names: dict[str, str] = {}
    results: list[tuple[str, str]] = []
    rounds = 0
    for message in messages[index:]:
        rounds += bool(message.tool_calls)
        names |= {call.id: call.function.name for call in message.tool_calls or ()}
        if message.role == "tool":
            results.append((names[message.tool_call_id or ""], message.text))
    return Place(index, messages[index].text, rounds, tuple(results))


def _check_sampling(request: ChatRequest) -> None:
    """Bounds; what a model that reasons does not take, and what only such a model takes."""
    check_number(request.temperature, 0, 2, "temperature")
    check_number(request.top_p, 0, 1, "top_p")
    check_number(request.max_tokens, 1, 10**9, "max_tokens")
    check_number(request.max_completion_tokens, 1, 10**9, "max_completion_tokens")
    if isinstance(request.stop, list) and len(request.stop) > MAX_STOP:
        raise too_many("stop", len(request.stop), MAX_STOP)
    if request.reasoning_effort is not None and request.reasoning_effort not in EFFORTS:
        raise supported(request.reasoning_effort, EFFORTS, "reasoning_effort")
    if REASONING.match(request.model):
        _check_reasoning_model(request)


def _check_reasoning_model(request: ChatRequest) -> None:
    head = "is not supported with this model."
    if request.max_tokens is not None:
        message = f"Unsupported parameter: 'max_tokens' {head} Use 'max_completion_tokens' instead."
        raise Refused(message, "max_tokens", "unsupported_parameter")
    for name, value in (("temperature", request.temperature), ("top_p", request.top_p)):
        if value not in (None, 1):
            message = f"Unsupported value: '{name}' does not support {value:g} with this model. Only the default (1)"
            raise Refused(f"{message} value is supported.", name, "unsupported_value")
    if request.stop is not None:
        raise Refused(f"Unsupported parameter: 'stop' {head}", "stop", "unsupported_parameter")


def _choice(request: ChatRequest) -> str:
    """The tools, and which may be called: auto, none, required or a name; wordings unverified."""
    choice = request.tool_choice
    if request.tools is None:
        for name, value in (("tool_choice", choice), ("parallel_tool_calls", request.parallel_tool_calls)):
            if value is not None:
                raise Refused(f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.", name)
        return "auto"
    _check_tools(request.tools)
    if isinstance(choice, ToolChoice):
        if choice.type != "function" or choice.function is None:
            raise supported(choice.type, ("function", "allowed_tools", "custom"), "tool_choice.type")
        if choice.function.name not in {tool.function.name for tool in request.tools}:
            raise Refused(f"Tool choice '{choice.function.name}' not found in 'tools' parameter.", "tool_choice")
        return choice.function.name
    if choice not in (None, "none", "auto", "required"):
        raise supported(str(choice), ("none", "auto", "required"), "tool_choice")
    return choice or "auto"


def _check_tools(tools: list[Tool]) -> None:
    if not tools:
        raise empty("tools")
    if len(tools) > MAX_TOOLS:
        raise too_many("tools", len(tools), MAX_TOOLS)
    for index, tool in enumerate(tools):
        path, function = f"tools[{index}].function", tool.function
        check_name(function.name, f"{path}.name")
        if function.parameters:
            what, param = f"function '{function.name}'", f"{path}.parameters"
            check_schema(function.parameters, bool(function.strict), what, param, "invalid_function_parameters")


def _form(request: ChatRequest) -> Schema | None:
    """The schema of the answer. Raises Refused."""
    wanted = request.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type not in FORMATS:
        raise supported(wanted.type, FORMATS, "response_format.type")
    if wanted.type == "json_object":
        if not any("json" in message.text.lower() for message in request.messages):
            message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type"
            raise Refused(f"{message} 'json_object'.", "messages")
        return {}
    path = "response_format.json_schema"
    if wanted.json_schema is None or wanted.json_schema.schema is None:
        path = path if wanted.json_schema is None else f"{path}.schema"
        raise missing(path)
    form = wanted.json_schema
    check_name(form.name, f"{path}.name")
    check_schema(form.schema or {}, bool(form.strict), f"response_format '{form.name}'", "response_format", "")
    return form.schema


def _check_message(index: int, message: Message) -> int:
    """The bytes of encoded files in it. Raises Refused."""
    if message.role not in ROLES:
        raise supported(message.role, ROLES, f"messages[{index}].role")
    if message.tool_calls is not None and not message.tool_calls:
        raise empty(f"messages[{index}].tool_calls")
    for number, call in enumerate(message.tool_calls or ()):
        check_name(call.function.name, f"messages[{index}].tool_calls[{number}].function.name")
    parts = message.content if isinstance(message.content, list) else []
    if isinstance(message.content, list) and not parts:
        raise empty(f"messages[{index}].content")
    media = sum(
        _check_part(part, message.role, f"messages[{index}].content[{number}]") for number, part in enumerate(parts)
    )
    may_be_null = message.role == "assistant" and (message.tool_calls or message.refusal)
    if message.content is None and not may_be_null:
        raise Refused("Invalid value for 'content': expected a string, got null.", f"messages.[{index}].content")
    if message.role == "tool" and message.tool_call_id is None:  # unverified
        path = f"messages.[{index}].tool_call_id"
        raise Refused("Missing parameter 'tool_call_id': messages with role 'tool' must have a 'tool_call_id'.", path)
    return media


def _check_part(part: Part, role: str, path: str) -> int:
    if part.type not in PARTS:
        raise supported(part.type, PARTS, f"{path}.type")
    if part.type not in ("image_url", "file"):
        return 0
    if role != "user":  # unverified
        noun = "Image URLs are" if part.type == "image_url" else "Files are"
        raise Refused(f"Invalid '{path}'. {noun} only allowed for messages with role 'user'.", path, "invalid_value")
    if part.type == "file":
        file = part.file or File()
        return 0 if file.file_id else check_file(file.file_data or "", file.filename, f"{path}.file")
    image = part.image_url
    if image is None:
        raise missing(f"{path}.image_url")
    check_detail(image.detail, f"{path}.image_url.detail")
    return check_image(image.url, f"{path}.image_url.url")


def _check_pairs(messages: list[Message]) -> None:
    """Each call has exactly one tool message, before any other role; each tool message has its call."""
    open_calls: dict[str, int | None] = {}  # id of a call -> where it was answered
    for index, message in enumerate(messages):
        if message.role == "tool":
            _answer_call(open_calls, index, message.tool_call_id or "")
            continue
        _require_answers(open_calls, index)
        open_calls = {call.id: None for call in message.tool_calls or ()}
        if len(open_calls) != len(message.tool_calls or ()):  # wording unverified
            path = f"messages.[{index}].tool_calls"
            raise Refused("Invalid parameter: Duplicate value for 'id' in 'tool_calls'.", path)
    _require_answers(open_calls, len(messages))


def _answer_call(open_calls: dict[str, int | None], index: int, call_id: str) -> None:
    if call_id not in open_calls:
        message = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
        raise Refused(f"Invalid parameter: {message}", f"messages.[{index}].role")
    if (earlier := open_calls[call_id]) is not None:
        message = f"Duplicate value for 'tool_call_id' of '{call_id}', in messages[{earlier}] and"
        raise Refused(f"Invalid parameter: {message} messages[{index}].", f"messages.[{index}].tool_call_id")
    open_calls[call_id] = index


def _require_answers(open_calls: dict[str, int | None], index: int) -> None:
    open_ids = [call_id for call_id, answered in open_calls.items() if answered is None]
    if open_ids:
        message = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            "'tool_call_id'. The following tool_call_ids did not have response messages: "
            f"{', '.join(open_ids)}"
        )
        raise Refused(message, f"messages.[{index}].role")
