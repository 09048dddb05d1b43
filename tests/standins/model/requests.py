"""Is this request acceptable? The vendor's published rules for POST /v1/chat/completions.

Wordings were taken from error bodies quoted in public issue threads (agno-agi/agno #5116,
openai/openai-node #1341, miurla/morphic #136, CopilotKit/CopilotKit #529, langchain-ai/langchain #24531,
crewAIInc/crewAI-examples #121, chatanywhere/GPT_API_free #427, evalstate/fast-agent #314). "Unverified" marks
a wording from memory.
"""

import re

import msgspec

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
PARTS = ("text", "image_url", "input_audio", "refusal", "audio", "file")
NAME = re.compile(r"^[a-zA-Z0-9_-]+$")
MAX_TOOLS = 128
CHARS_PER_TOKEN = 4


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


class Function(msgspec.Struct, frozen=True):
    name: str
    arguments: str


class ToolCall(msgspec.Struct, frozen=True):
    id: str
    type: str
    function: Function


class Part(msgspec.Struct, frozen=True):
    type: str
    text: str = ""


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


class Tool(msgspec.Struct, frozen=True):
    type: str
    function: ToolFunction


class StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = False


class ChatRequest(msgspec.Struct, frozen=True):
    """What the stand-in reads of a request; all other fields are accepted and ignored."""

    messages: list[Message]
    model: str = ""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Tool] | None = None
    tool_choice: object = None


_decoder = msgspec.json.Decoder(ChatRequest)
_MISSING = re.compile(r"Object missing required field `(\w+)`(?: - at `\$\.?(.*)`)?$")
_WRONG = re.compile(r"Expected `(.+)`, got `(\w+)`(?: - at `\$\.?(.*)`)?$")
_NOUNS = {
    "str": "a string",
    "int": "an integer",
    "float": "a decimal",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}


def accept(raw: bytes, models: tuple[str, ...], context_tokens: int) -> ChatRequest:
    """Parse and check one request body. An empty `models` accepts any name. Raises Refused."""
    request = _parse(raw)
    if not request.model:
        raise Refused("you must provide a model parameter")
    if models and request.model not in models:
        message = f"The model `{request.model}` does not exist or you do not have access to it."
        raise Refused(message, None, "model_not_found", status=404)
    _check_options(request)
    if not request.messages:
        raise _empty("messages")
    for index, message in enumerate(request.messages):
        _check_message(index, message)
    _check_pairs(request.messages)
    _check_size(raw, context_tokens)
    return request


def _parse(raw: bytes) -> ChatRequest:
    try:
        return _decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _wrong_shape(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("We could not parse the JSON body of your request.") from error


def _wrong_shape(text: str) -> Refused:
    if found := _MISSING.match(text):
        path = f"{found[2]}.{found[1]}" if found[2] else found[1]
        return Refused(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")
    if found := _WRONG.match(text):
        expected, got, path = found[1], found[2], found[3] or ""
        wanted = " or ".join(_NOUNS.get(name, name) for name in expected.split(" | ") if name != "null")
        message = f"Invalid type for '{path}': expected {wanted}, but got {_NOUNS.get(got, got)} instead."
        return Refused(message, path, "invalid_type")
    return Refused(text)


def _empty(path: str) -> Refused:
    message = f"Invalid '{path}': empty array. Expected an array with minimum length 1, but got an empty array"
    return Refused(f"{message} instead.", path, "empty_array")


def _supported(value: str, known: tuple[str, ...], path: str) -> Refused:
    names = ", ".join(f"'{name}'" for name in known[:-1]) + f", and '{known[-1]}'"
    return Refused(f"Invalid value: '{value}'. Supported values are: {names}.", path, "invalid_value")


def _check_name(name: str, path: str) -> None:
    """Names of tools; the wording is unverified."""
    if len(name) > 64:
        message = f"Invalid '{path}': string too long. Expected a string with maximum length 64, but got a string "
        raise Refused(f"{message}with length {len(name)} instead.", path, "string_above_max_length")
    if not NAME.match(name):
        message = f"Invalid '{path}': string does not match pattern. Expected a string that matches the pattern "
        raise Refused(f"{message}'{NAME.pattern}'.", path, "invalid_value")


def _check_options(request: ChatRequest) -> None:
    """Rules for the fields beside the messages; wordings unverified except that of the empty array."""
    if request.stream_options is not None and not request.stream:
        raise Refused("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    if request.tools is None:
        if request.tool_choice is not None:
            message = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
            raise Refused(message, "tool_choice")
        return
    if not request.tools:
        raise _empty("tools")
    if len(request.tools) > MAX_TOOLS:
        message = f"Invalid 'tools': array too long. Expected an array with maximum length {MAX_TOOLS}, but got an "
        raise Refused(f"{message}array with length {len(request.tools)} instead.", "tools", "array_above_max_length")
    for index, tool in enumerate(request.tools):
        _check_name(tool.function.name, f"tools[{index}].function.name")


def _check_message(index: int, message: Message) -> None:
    if message.role not in ROLES:
        raise _supported(message.role, ROLES, f"messages[{index}].role")
    if message.tool_calls is not None and not message.tool_calls:
        raise _empty(f"messages[{index}].tool_calls")
    for number, call in enumerate(message.tool_calls or ()):
        _check_name(call.function.name, f"messages[{index}].tool_calls[{number}].function.name")
    for number, part in enumerate(message.content if isinstance(message.content, list) else ()):
        if part.type not in PARTS:
            raise _supported(part.type, PARTS, f"messages[{index}].content[{number}].type")
    may_be_null = message.role == "assistant" and (message.tool_calls or message.refusal)
    if message.content is None and not may_be_null:
        raise Refused("Invalid value for 'content': expected a string, got null.", f"messages.[{index}].content")
    if message.role == "tool" and message.tool_call_id is None:  # wording unverified
        path = f"messages.[{index}].tool_call_id"
        raise Refused("Missing parameter 'tool_call_id': messages with role 'tool' must have a 'tool_call_id'.", path)


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
    missing = [call_id for call_id, answered in open_calls.items() if answered is None]
    if missing:
        message = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            "'tool_call_id'. The following tool_call_ids did not have response messages: "
            f"{', '.join(missing)}"
        )
        raise Refused(message, f"messages.[{index}].role")


def _check_size(raw: bytes, context_tokens: int) -> None:
    tokens = len(raw) // CHARS_PER_TOKEN
    if tokens > context_tokens:
        message = (
            f"This model's maximum context length is {context_tokens} tokens. However, your messages "
            f"resulted in {tokens} tokens. Please reduce the length of the messages."
        )
        raise Refused(message, "messages", "context_length_exceeded")
