"""The shapes of OpenAI's chat completions, as far as they are served.

Source: https://platform.openai.com/docs/api-reference/chat; checked against the types of the `openai` package 3.54
(`openai/types/chat/`). Fields that are not named here are accepted and have no effect.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

FinishReason = Literal["stop", "length", "content_filter"]


# --- what is asked --------------------------------------------------------------------------------------------


class ContentPart(msgspec.Struct, frozen=True):
    """One part of a message; only `text` is served."""

    type: str
    text: str = ""


class ChatMessage(msgspec.Struct, frozen=True):
    """One message of the conversation that the client holds."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    tool_calls: list[msgspec.Raw] | None = None


class StreamOptions(msgspec.Struct, frozen=True):
    """What a stream has beside its text."""

    include_usage: bool | None = None


class ResponseFormat(msgspec.Struct, frozen=True):
    """Only `text` is served."""

    type: str


class ChatRequest(msgspec.Struct, frozen=True):
    """POST /v1/chat/completions; `model` is an assistant's id."""

    model: str
    messages: list[ChatMessage]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None
    n: int | None = None
    tools: list[msgspec.Raw] | None = None
    functions: list[msgspec.Raw] | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None


# --- what is given --------------------------------------------------------------------------------------------


class CachedTokens(msgspec.Struct, frozen=True):
    """Of the prompt, how much the provider had in its cache."""

    cached_tokens: int


class Usage(msgspec.Struct, frozen=True):
    """Tokens of all model calls of the turn."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens


class AnswerMessage(msgspec.Struct, frozen=True):
    """The answer."""

    content: str
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


class Delta(msgspec.Struct, frozen=True):
    """What a chunk adds."""

    role: str | UnsetType = UNSET
    content: str | UnsetType = UNSET


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
