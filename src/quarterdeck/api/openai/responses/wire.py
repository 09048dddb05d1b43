"""The shapes of OpenAI's responses.

Source: https://platform.openai.com/docs/api-reference/responses; checked against the types of the `openai` package
3.54 (`openai/types/responses/`, `response_create_params.py`). As for chat completions: what changes the answer and
is not served is refused by name, hints for the vendor's own service have no effect, unknown fields are refused.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from quarterdeck.api.openai.wishes import Name

Status = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]


# --- what is asked --------------------------------------------------------------------------------------------


class InputPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part of a message: input_text, output_text, refusal, input_image, input_file."""

    type: str
    text: str = ""
    refusal: str = ""
    image_url: str | None = None
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None


class InputItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message, a function_call, or a function_call_output."""

    type: str = "message"
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: str | list[InputPart] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | list[InputPart] | None = None


class FunctionTool(msgspec.Struct, frozen=True):
    """A tool of the client's own. Without `strict` it is strict, as the vendor has it."""

    type: str
    name: Name | None = None
    description: str | None = None
    parameters: dict[str, object] | None = None
    strict: bool | None = None


class NamedTool(msgspec.Struct, frozen=True):
    """The tool that is to be called."""

    type: str
    name: str | None = None


class TextFormat(msgspec.Struct, frozen=True):
    """text, json_object, json_schema."""

    type: str = "text"
    name: str | None = None
    description: str | None = None
    schema: dict[str, object] | None = None
    strict: bool | None = None


class TextWish(msgspec.Struct, frozen=True):
    """The form of the text."""

    format: TextFormat | None = None
    verbosity: str | None = None


class Reasoning(msgspec.Struct, frozen=True):
    """How hard to think. No reasoning is shown, so no summary of it."""

    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    context: str | None = None
    mode: str | None = None


class StreamOptions(msgspec.Struct, frozen=True):
    """Nothing is padded here, so there is nothing to switch off."""

    include_obfuscation: bool | None = None


class ResponseRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """POST /v1/responses; `model` is an assistant's id."""

    model: str
    input: str | list[InputItem]
    instructions: str | None = None
    previous_response_id: str | None = None
    store: bool | None = None
    background: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    metadata: dict[str, str] | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: str | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    text: TextWish | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    truncation: str | None = None
    # refused where they mean something
    conversation: object = None
    prompt: object = None
    include: list[str] | None = None
    max_tool_calls: int | None = None
    top_logprobs: int | None = None
    context_management: object = None
    background_options: object = None
    moderation: object = None
    image: object = None
    access_programs: object = None
    # without effect
    user: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: object = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None


class GetResponseAsk(msgspec.Struct, frozen=True):
    """GET /v1/responses/{id}."""

    stream: bool = False


class InputItemsAsk(msgspec.Struct, frozen=True):
    """GET /v1/responses/{id}/input_items."""

    limit: int = 20
    order: Literal["asc", "desc"] = "desc"
    after: str = ""


# --- what is given --------------------------------------------------------------------------------------------


class OutputText(msgspec.Struct, frozen=True):
    """A piece of a message."""

    text: str
    type: str = "output_text"
    annotations: list[object] = []
    logprobs: list[object] = []


class OutputMessage(msgspec.Struct, frozen=True, tag="message"):
    """What the assistant says."""

    id: str
    content: list[OutputText]
    status: str
    role: str = "assistant"


class FunctionCall(msgspec.Struct, frozen=True, tag="function_call"):
    """A call of a tool of the client."""

    id: str
    call_id: str
    name: str
    arguments: str
    status: str


OutputItem = OutputMessage | FunctionCall


class InputDetails(msgspec.Struct, frozen=True):
    """Of what was read, how much came from the provider's cache."""

    cached_tokens: int
    cache_write_tokens: int = 0


class OutputDetails(msgspec.Struct, frozen=True):
    """Of what was written, how much was not shown."""

    reasoning_tokens: int


class ResponseUsage(msgspec.Struct, frozen=True):
    """Tokens of all model calls of the turn."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class ResponseError(msgspec.Struct, frozen=True):
    """Why there is no answer."""

    code: str
    message: str


class Incomplete(msgspec.Struct, frozen=True):
    """Why an answer ends early."""

    reason: Literal["max_output_tokens", "content_filter"]


class Response(msgspec.Struct, frozen=True):
    """A response; times are Unix seconds."""

    id: str
    created_at: int
    status: Status
    model: str
    output: list[OutputItem]
    instructions: str | None
    previous_response_id: str | None
    metadata: dict[str, str]
    tools: list[FunctionTool]
    tool_choice: str | NamedTool
    parallel_tool_calls: bool
    text: TextWish
    reasoning: Reasoning
    temperature: float | None
    top_p: float | None
    max_output_tokens: int | None
    truncation: str
    store: bool
    background: bool
    error: ResponseError | None = None
    incomplete_details: Incomplete | None = None
    usage: ResponseUsage | None = None
    completed_at: int | None = None
    user: str | None = None
    object: str = "response"


class Deleted(msgspec.Struct, frozen=True):
    """A response that is not given out any more."""

    id: str
    deleted: bool = True
    object: str = "response"


class ListedItem(msgspec.Struct, frozen=True):
    """An item of a request, as it was sent; files by name only."""

    id: str
    type: str
    role: str | UnsetType = UNSET
    content: list[InputPart] | UnsetType = UNSET
    call_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    arguments: str | UnsetType = UNSET
    output: str | UnsetType = UNSET
    status: str = "completed"


class ItemList(msgspec.Struct, frozen=True):
    """A page of items."""

    data: list[ListedItem]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: str = "list"
