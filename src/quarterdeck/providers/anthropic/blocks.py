"""What do the pieces of a request look like? Shapes: anthropic 2.14.0, the `*_param.py` in types/.

Thinking is both read and written: it goes back as it came (types/thinking_block_param.py).
"""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType


class Mark(msgspec.Struct, frozen=True):
    """The prompt up to here is kept by the vendor; without `ttl` for five minutes."""

    ttl: Literal["1h"] | UnsetType = UNSET
    type: str = "ephemeral"


class Source(msgspec.Struct, frozen=True):
    """A file; bytes are written in base64."""

    media_type: str
    data: bytes
    type: str = "base64"


class Text(msgspec.Struct, frozen=True, tag="text"):
    text: str
    cache_control: Mark | UnsetType = UNSET


class Image(msgspec.Struct, frozen=True, tag="image"):
    source: Source
    cache_control: Mark | UnsetType = UNSET


class Document(msgspec.Struct, frozen=True, tag="document"):
    source: Source
    title: str | UnsetType = UNSET
    cache_control: Mark | UnsetType = UNSET


class ToolUse(msgspec.Struct, frozen=True, tag="tool_use"):
    id: str
    name: str
    input: dict[str, object]
    cache_control: Mark | UnsetType = UNSET


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result"):
    tool_use_id: str
    content: str | UnsetType = UNSET
    is_error: bool | UnsetType = UNSET
    cache_control: Mark | UnsetType = UNSET


class Thinking(msgspec.Struct, frozen=True, tag="thinking"):
    thinking: str
    signature: str


class Redacted(msgspec.Struct, frozen=True, tag="redacted_thinking"):
    data: str


Block = Text | Image | Document | ToolUse | ToolResult | Thinking | Redacted


class Turn(msgspec.Struct, frozen=True):
    """Everything that one side says before the other does."""

    role: Literal["user", "assistant"]
    content: list[Block]


class Tool(msgspec.Struct, frozen=True):
    name: str
    description: str
    input_schema: dict[str, object]
    cache_control: Mark | UnsetType = UNSET


class ToolChoice(msgspec.Struct, frozen=True):
    type: Literal["auto", "any", "tool", "none"]
    name: str | UnsetType = UNSET
    disable_parallel_tool_use: bool | UnsetType = UNSET


class ThinkingConfig(msgspec.Struct, frozen=True):
    type: Literal["adaptive", "enabled", "disabled"]
    budget_tokens: int | UnsetType = UNSET


class Format(msgspec.Struct, frozen=True):
    schema: dict[str, object]
    type: str = "json_schema"


class OutputConfig(msgspec.Struct, frozen=True):
    effort: str | UnsetType = UNSET
    format: Format | UnsetType = UNSET


class Request(msgspec.Struct, frozen=True):
    """The body of `POST /messages`, in the order in which the vendor reads its prompt."""

    model: str
    max_tokens: int
    tools: list[Tool] | UnsetType
    system: list[Text] | UnsetType
    messages: list[Turn]
    tool_choice: ToolChoice | UnsetType
    thinking: ThinkingConfig | UnsetType
    output_config: OutputConfig | UnsetType
    stop_sequences: list[str] | UnsetType
    stream: bool = True
