"""Is the conversation one that may be answered?

Rules: the vendor's Messages reference (anthropic 2.14.0, types/message_create_params.py: `messages`), its pages
"Handle tool calls" (results first, all of them, directly behind the calls), "Mid-conversation system messages", and
"Migrating to API version 2026-10-21" (no documents in assistant messages). Consecutive messages of one role are one
turn.
"""

import re

import msgspec

from tests.standins.anthropic import signing
from tests.standins.anthropic.catalogue import Model
from tests.standins.anthropic.files import Count
from tests.standins.anthropic.refused import Refused
from tests.standins.anthropic.shapes import (
    Block,
    Document,
    Image,
    Message,
    Redacted,
    Request,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)

ROLES = ("user", "assistant", "system")
NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
MAX_MESSAGES = 100_000
WHOSE: dict[type, tuple[str, ...]] = {
    Text: ROLES,
    Image: ("user",),
    Document: ("user",),
    ToolResult: ("user",),
    ToolUse: ("assistant",),
    Thinking: ("assistant",),
    Redacted: ("assistant",),
}


class Turn(msgspec.Struct):
    """Consecutive messages of one role: the blocks, each with its place in the request."""

    index: int
    role: str
    blocks: list[tuple[str, Block]]


def check(request: Request, model: Model) -> list[Turn]:
    """The turns of the conversation. Raises Refused."""
    messages = request.messages
    if not messages:
        raise Refused("messages: at least one message is required")
    if len(messages) > MAX_MESSAGES:
        raise Refused(f"messages: List should have at most {MAX_MESSAGES} items")  # wording unverified
    _check_roles(messages, model)
    count = Count()
    for index, message in enumerate(messages):
        _check_content(index, message, final=index == len(messages) - 1)
        for number, block in enumerate(message.blocks):
            _check_block(block, f"messages.{index}.content.{number}", message.role, count)
    count.close()
    turns = _turns(messages)
    _check_calls(turns)
    _check_end(turns[-1], messages[-1], model)
    _check_thinking(turns, request)
    return turns


def _check_roles(messages: list[Message], model: Model) -> None:
    for index, message in enumerate(messages):
        if message.role not in ROLES:
            raise Refused(f"messages.{index}.role: Input should be 'user', 'assistant' or 'system'")
        if message.role == "system" and index == 0:
            raise Refused("messages.0: use the top-level 'system' parameter for the initial system prompt")
        if message.role == "system" and not model.system:
            raise Refused("role 'system' is not supported on this model")
        if message.role == "system" and messages[index - 1].role != "user":  # wording unverified
            raise Refused(f"messages.{index}: a 'system' message must follow a 'user' message")
    if messages[0].role != "user":
        raise Refused('messages: first message must use the "user" role')


def _check_content(index: int, message: Message, final: bool) -> None:
    if message.content:
        return
    if message.role == "user":
        raise Refused(f"messages.{index}: user messages must have non-empty content")
    if not (final and message.role == "assistant"):
        said = "all messages must have non-empty content except for the optional final assistant message"
        raise Refused(f"messages.{index}: {said}")


def _check_block(block: Block, path: str, role: str, count: Count) -> None:
    if role not in WHOSE[type(block)]:  # wording unverified
        kind = block.__struct_config__.tag
        raise Refused(f"{path}: `{kind}` blocks are not allowed in '{role}' messages")
    match block:
        case Text():
            _check_text(block, path, role)
        case Image():
            count.image(block, path)
        case Document():
            count.document(block, path)
        case ToolUse():
            _check_call(block, path)
        case ToolResult():
            _check_result(block, path, count)
        case Thinking() | Redacted():
            if not signing.valid(block):
                raise Refused(f"{path}: Invalid `signature` in `thinking` block")


def _check_text(block: Text, path: str, role: str) -> None:
    if not block.text:
        raise Refused("messages: text content blocks must be non-empty")
    if not block.text.strip():
        raise Refused("messages: text content blocks must contain non-whitespace text")
    if role == "user" and block.citations:  # wording unverified
        raise Refused(f"{path}.text.citations: citations are not allowed in user messages")


def _check_call(block: ToolUse, path: str) -> None:
    if not CALL_ID.fullmatch(block.id):
        raise Refused(f"{path}.tool_use.id: String should match pattern '^{CALL_ID.pattern}$'")
    if not NAME.fullmatch(block.name):
        raise Refused(f"{path}.tool_use.name: String should match pattern '^{NAME.pattern}$'")


def _check_result(block: ToolResult, path: str, count: Count) -> None:
    if not CALL_ID.fullmatch(block.tool_use_id):
        raise Refused(f"{path}.tool_result.tool_use_id: String should match pattern '^{CALL_ID.pattern}$'")
    for number, inner in enumerate(block.content if isinstance(block.content, list) else ()):
        _check_block(inner, f"{path}.content.{number}", "user", count)


def _turns(messages: list[Message]) -> list[Turn]:
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        if not turns or turns[-1].role != message.role:
            turns.append(Turn(index, message.role, []))
        turns[-1].blocks += [
            (f"messages.{index}.content.{number}", block) for number, block in enumerate(message.blocks)
        ]
    return turns


def _check_calls(turns: list[Turn]) -> None:
    """Every call has its one result at the head of the next turn; every result has its call before it."""
    seen: set[str] = set()
    open_calls: list[str] = []
    for turn, following in zip(turns, [*turns[1:], None], strict=True):
        _answer(turn, open_calls)
        open_calls = []
        for path, block in turn.blocks:
            if isinstance(block, ToolUse):
                if block.id in seen:
                    raise Refused(f"{path}: `tool_use` ids must be unique")
                seen.add(block.id)
                open_calls.append(block.id)
        answered = _heads(following)
        if missing := [call for call in open_calls if call not in answered]:
            raise _unanswered(turn.index, missing)


def _heads(turn: Turn | None) -> set[str]:
    """The calls that are answered before anything else is said."""
    found: set[str] = set()
    for _, block in turn.blocks if turn else ():
        if not isinstance(block, ToolResult):
            break
        found.add(block.tool_use_id)
    return found


def _answer(turn: Turn, open_calls: list[str]) -> None:
    answered: set[str] = set()
    for path, block in turn.blocks:
        if not isinstance(block, ToolResult):
            continue
        if block.tool_use_id in answered:
            said = "each tool_use must have a single result. Found multiple `tool_result` blocks with id"
            raise Refused(f"{path}: {said}: {block.tool_use_id}")
        if block.tool_use_id not in open_calls:
            said = f"unexpected `tool_use_id` found in `tool_result` blocks: {block.tool_use_id}. Each `tool_result` "
            raise Refused(f"{path}: {said}block must have a corresponding `tool_use` block in the previous message.")
        answered.add(block.tool_use_id)


def _unanswered(index: int, calls: list[str]) -> Refused:
    said = f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(calls)}. Each "
    return Refused(
        f"messages.{index}: {said}`tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _check_end(turn: Turn, last: Message, model: Model) -> None:
    if turn.role != "assistant":
        return
    if not model.prefill:
        said = "This model does not support assistant message prefill. The conversation must end with a user message."
        raise Refused(said)
    final = last.blocks[-1] if last.blocks else None
    if isinstance(final, Text) and final.text != final.text.rstrip():
        raise Refused("messages: final assistant content cannot end with trailing whitespace")


def _check_thinking(turns: list[Turn], request: Request) -> None:
    """Thinking never ends a message. With a budget of thinking, the turn whose tools are running begins with it."""
    for turn in turns:
        if turn.role == "assistant" and turn.blocks and isinstance(turn.blocks[-1][1], Thinking | Redacted):
            raise Refused(f"messages.{turn.index}: The final block in an assistant message cannot be `thinking`.")
    if request.thinking is None or request.thinking.type != "enabled":
        return
    running = len(turns) > 1 and any(isinstance(block, ToolResult) for _, block in turns[-1].blocks)
    if running and not isinstance(turns[-2].blocks[0][1], Thinking | Redacted):
        path, block = turns[-2].blocks[0]
        said = (
            f"Expected `thinking` or `redacted_thinking`, but found `{block.__struct_config__.tag}`. When `thinking` "
        )
        rule = "is enabled, a final `assistant` message must start with a thinking block"
        raise Refused(f"{path}.type: {said}{rule}.")
