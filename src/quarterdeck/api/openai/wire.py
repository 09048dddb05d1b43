"""The shapes of OpenAI's chat completions and of its list of models.

Source: https://platform.openai.com/docs/api-reference/chat; checked against the types of the `openai` package 3.54
(`openai/types/chat/`, `completion_create_params.py`). What changes the answer and is not served is refused by name;
what only helps the vendor to run its service (`service_tier`, `prompt_cache_key`, `safety_identifier`, `metadata`
...) is accepted and has no effect. A field that the vendor does not have is refused.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from quarterdeck.api.openai.wishes import Function

FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]


# --- what is asked --------------------------------------------------------------------------------------------


class ImageURL(msgspec.Struct, frozen=True):
    """An image, as a data URL. `detail` is a hint."""

    url: str
    detail: str | None = None


class FileData(msgspec.Struct, frozen=True):
    """A file in base64, plain or as a data URL."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class ContentPart(msgspec.Struct, frozen=True):
    """One part of a message: text, image_url, file, refusal (of an assistant's message)."""

    type: str
    text: str = ""
    refusal: str = ""
    image_url: ImageURL | None = None
    file: FileData | None = None


class CalledFunction(msgspec.Struct, frozen=True):
    """What is called; `arguments` is JSON text as the model wrote it."""

    name: str
    arguments: str


class Call(msgspec.Struct, frozen=True):
    """A call of a tool of the client."""

    id: str
    function: CalledFunction
    type: str = "function"


class ChatMessage(msgspec.Struct, frozen=True):
    """One message of the conversation that the client holds."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None
    function_call: object = None
    refusal: str | None = None


class StreamOptions(msgspec.Struct, frozen=True):
    """What a stream has beside its text."""

    include_usage: bool | None = None


class JsonSchema(msgspec.Struct, frozen=True):
    """The form of an answer. Only with `strict` it is held against the schema; JSON it is in any case."""

    name: str | None = None
    description: str | None = None
    schema: dict[str, object] | None = None
    strict: bool | None = None


class ResponseFormat(msgspec.Struct, frozen=True):
    """text, json_object, json_schema."""

    type: str
    json_schema: JsonSchema | None = None


class Tool(msgspec.Struct, frozen=True):
    """A tool of the client's own: its calls are given back."""

    type: str
    function: Function | None = None


class NamedFunction(msgspec.Struct, frozen=True):
    """Which one."""

    name: str


class NamedTool(msgspec.Struct, frozen=True):
    """The tool that is to be called."""

    type: str
    function: NamedFunction | None = None


class ChatRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/chat/completions; `model` is an assistant's id."""

    model: str
    messages: list[ChatMessage]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None
    tools: list[Tool] | None = None
    tool_choice: str | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    reasoning_effort: str | None = None
    # refused where they mean something
    n: int | None = None
    functions: list[object] | None = None
    function_call: object = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    modalities: list[str] | None = None
    audio: object = None
    prediction: object = None
    web_search_options: object = None
    moderation: object = None
    verbosity: str | None = None
    store: bool | None = None
    # without effect
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: object = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None


# --- what is given --------------------------------------------------------------------------------------------


class CachedTokens(msgspec.Struct, frozen=True):
    """Of the prompt, how much the provider had in its cache."""

    cached_tokens: int


class ReasoningTokens(msgspec.Struct, frozen=True):
    """Of what was written, how much was not shown."""

    reasoning_tokens: int


class Usage(msgspec.Struct, frozen=True):
    """Tokens of all model calls of the turn."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens
    completion_tokens_details: ReasoningTokens


class AnswerMessage(msgspec.Struct, frozen=True):
    """The answer; no `content` where there are only calls."""

    content: str | None
    tool_calls: list[Call] | UnsetType = UNSET
    role: str = "assistant"
    refusal: None = None


class Choice(msgspec.Struct, frozen=True):
    """The only choice."""

    message: AnswerMessage
    finish_reason: FinishReason
    index: int = 0
    logprobs: None = None


class ChatCompletion(msgspec.Struct, frozen=True):
    """The whole answer; `created` is Unix seconds."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    object: str = "chat.completion"


class CallDelta(msgspec.Struct, frozen=True):
    """A whole call: they come when the answer is complete."""

    index: int
    id: str
    function: CalledFunction
    type: str = "function"


class Delta(msgspec.Struct, frozen=True):
    """What a chunk adds."""

    role: str | UnsetType = UNSET
    content: str | UnsetType = UNSET
    tool_calls: list[CallDelta] | UnsetType = UNSET


class ChunkChoice(msgspec.Struct, frozen=True):
    """The only choice, as it grows."""

    delta: Delta
    finish_reason: FinishReason | None = None
    index: int = 0
    logprobs: None = None


class ChatCompletionChunk(msgspec.Struct, frozen=True):
    """A piece of the answer; the one with `usage` has no choices."""

    id: str
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | UnsetType = UNSET
    object: str = "chat.completion.chunk"


class Model(msgspec.Struct, frozen=True):
    """An assistant, as OpenAI lists models."""

    id: str
    created: int
    object: str = "model"
    owned_by: str = "quarterdeck"


class Models(msgspec.Struct, frozen=True):
    """All of them."""

    data: list[Model]
    object: str = "list"
