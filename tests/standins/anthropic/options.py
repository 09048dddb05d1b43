"""May the fields beside the messages be as they are?

Sources: anthropic 2.14.0, types/message_create_params.py and the params beside it; the vendor's pages "Thinking",
"Prompt caching", "Structured outputs" and "Migrating to API version 2026-10-21". Wordings: see `refused`.
"""

from collections.abc import Iterator

from tests.standins.anthropic import schema
from tests.standins.anthropic.catalogue import Model
from tests.standins.anthropic.refused import Refused
from tests.standins.anthropic.shapes import CacheControl, Marked, Request, Text, ToolResult, ToolUse
from tests.standins.anthropic.turns import NAME

MAX_MARKS = 4
MIN_BUDGET = 1024
NEW_VERSION, OLD_VERSION = "2026-10-21", "2023-06-01"
EXTRA = "Extra inputs are not permitted"
SAMPLING = ("temperature", "top_p", "top_k")


def check(request: Request, model: Model, version: str) -> None:
    """Check everything but the conversation. Raises Refused."""
    _check_tokens(request, model)
    _check_sampling(request, model, version)
    _check_system(request)
    _check_tools(request)
    _check_choice(request, model)
    _check_thinking(request, model)
    _check_output(request, model)
    _check_stops(request)
    _check_marks(request)


def _check_tokens(request: Request, model: Model) -> None:
    if request.max_tokens < 0:
        raise Refused("max_tokens: Input should be greater than or equal to 0")
    if request.max_tokens > model.max_tokens:
        said = f"max_tokens: {request.max_tokens} > {model.max_tokens}, which is the maximum allowed number of output"
        raise Refused(f"{said} tokens for {model.name}")


def _check_sampling(request: Request, model: Model, version: str) -> None:
    for name in SAMPLING:
        value = getattr(request, name)
        if value is None:
            continue
        if version != OLD_VERSION:
            raise Refused(f"{name}: {EXTRA}")
        if not model.sampling:
            raise Refused(f"`{name}` is deprecated for this model.")
        if name != "top_k" and not 0 <= value <= 1:  # wording unverified
            raise Refused(f"{name}: Input should be between 0 and 1")
    if request.thinks and request.temperature not in (None, 1):
        raise Refused("`temperature` may only be set to 1 when thinking is enabled.")


def _check_system(request: Request) -> None:
    for number, block in enumerate(request.instructions):
        if isinstance(request.system, list) and not block.text and block.cache_control is None:
            raise Refused("system: text content blocks must be non-empty")
        if not block.text and block.cache_control is not None:
            raise Refused(f"system.{number}: cache_control cannot be set for empty text blocks")


def _check_tools(request: Request) -> None:
    for number, tool in enumerate(request.tools or ()):
        path = f"tools.{number}.custom"
        if tool.type not in (None, "custom"):
            raise Refused(f"tools.{number}: Input tag '{tool.type}' found using 'type' does not match")
        if not NAME.fullmatch(tool.name):
            raise Refused(f"{path}.name: String should match pattern '^{NAME.pattern}$'")
        if tool.input_schema.get("type") != "object":
            said = "Input should be 'object'" if "type" in tool.input_schema else "Field required"
            raise Refused(f"{path}.input_schema.type: {said}")
        if tool.strict:
            schema.check(tool.input_schema, f"{path}.input_schema")
    names = [tool.name for tool in request.tools or ()]
    if len(set(names)) != len(names):
        raise Refused("tools: Tool names must be unique.")
    blocks = [block for message in request.messages for block in message.blocks]
    if not names and any(isinstance(block, ToolUse | ToolResult) for block in blocks):
        raise Refused("Requests which include `tool_use` or `tool_result` blocks must define tools.")


def _check_choice(request: Request, model: Model) -> None:
    choice = request.tool_choice
    if choice is None:
        return
    if choice.type not in ("auto", "any", "tool", "none"):
        raise Refused(f"tool_choice: Input tag '{choice.type}' found using 'type' does not match")
    if not request.tools:
        raise Refused("tool_choice: may only be specified while providing tools.")  # wording unverified
    if (choice.name is None) == (choice.type == "tool"):
        raise Refused(f"tool_choice.{choice.type}.name: {'Field required' if choice.name is None else EXTRA}")
    if choice.type == "none" and choice.disable_parallel_tool_use is not None:
        raise Refused(f"tool_choice.none.disable_parallel_tool_use: {EXTRA}")
    if choice.name is not None and choice.name not in {tool.name for tool in request.tools}:
        raise Refused(f"Tool '{choice.name}' not found in provided tools")
    if choice.forced and not model.forced:
        raise Refused('tool_choice: type "tool" and "any" are not supported for this model.')
    if choice.forced and request.thinks:
        raise Refused("Thinking may not be enabled when tool_choice forces tool use.")


def _check_thinking(request: Request, model: Model) -> None:
    wanted = request.thinking
    if wanted is None:
        return
    if wanted.type not in model.thinking:
        said = f'"thinking.type.{wanted.type}" is not supported for this model.'
        use = ' Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        raise Refused(said + (use if "adaptive" in model.thinking else ""))
    if wanted.display not in (None, "summarized", "omitted"):
        raise Refused(f"thinking.{wanted.type}.display: Input should be 'summarized' or 'omitted'")
    if wanted.type != "enabled":
        if wanted.budget_tokens is not None:
            raise Refused(f"thinking.{wanted.type}.budget_tokens: {EXTRA}")
        return
    if wanted.budget_tokens is None:
        raise Refused("thinking.enabled.budget_tokens: Field required")
    if wanted.budget_tokens < MIN_BUDGET:
        raise Refused(f"thinking.enabled.budget_tokens: Input should be greater than or equal to {MIN_BUDGET}")
    if wanted.budget_tokens >= request.max_tokens:
        raise Refused("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _check_output(request: Request, model: Model) -> None:
    wanted = request.output_config
    if wanted is None:
        return
    if wanted.effort is not None and wanted.effort not in model.efforts:
        if not model.efforts:
            raise Refused("This model does not support the effort parameter.")
        levels = ", ".join(sorted(model.efforts))
        raise Refused(f"This model does not support effort level '{wanted.effort}'. Supported levels: {levels}.")
    if wanted.format is None:
        return
    if not model.structured:
        raise Refused(f"'{model.name}' does not support output format.")  # wording unverified
    if wanted.format.type != "json_schema":
        raise Refused("output_config.format.type: Input should be 'json_schema'")
    if request.messages[-1].role == "assistant":  # wording unverified
        raise Refused("output_config.format: not compatible with a prefilled assistant message")
    schema.check(wanted.format.schema, "output_config.format.schema")


def _check_stops(request: Request) -> None:
    if any(not stop.strip() for stop in request.stop_sequences or ()):
        raise Refused("stop_sequences: each stop sequence must contain non-whitespace")


def marks(request: Request) -> Iterator[tuple[str, CacheControl, Marked | None]]:
    """Every cache marker in the order of the prompt: tools, system, messages."""
    for number, tool in enumerate(request.tools or ()):
        if tool.cache_control is not None:
            yield f"tools.{number}", tool.cache_control, None
    for number, block in enumerate(request.instructions):
        if block.cache_control is not None:
            yield f"system.{number}", block.cache_control, block
    for index, message in enumerate(request.messages):
        for number, block in enumerate(message.blocks):
            yield from _marks_of(block, f"messages.{index}.content.{number}")


def _marks_of(block: object, path: str) -> Iterator[tuple[str, CacheControl, Marked | None]]:
    if isinstance(block, ToolResult) and isinstance(block.content, list):
        for number, inner in enumerate(block.content):
            yield from _marks_of(inner, f"{path}.content.{number}")
    if isinstance(block, Marked) and block.cache_control is not None:
        yield path, block.cache_control, block


def _check_marks(request: Request) -> None:
    found = list(marks(request))
    if request.cache_control is not None:
        found.append(("", request.cache_control, None))
    if len(found) > MAX_MARKS:
        raise Refused(f"A maximum of {MAX_MARKS} blocks with cache_control may be provided. Found {len(found)}.")
    shorter = False
    for path, mark, block in found:
        at = f"{path}.cache_control" if path else "cache_control"
        if mark.type != "ephemeral":
            raise Refused(f"{at}.type: Input should be 'ephemeral'")
        if mark.ttl not in (None, "5m", "1h"):
            raise Refused(f"{at}.ttl: Input should be '5m' or '1h'")
        if isinstance(block, Text) and not block.text:
            raise Refused(f"{path}: cache_control cannot be set for empty text blocks")
        if shorter and mark.ttl == "1h":
            said = "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block"
            raise Refused(f"{at}.ttl: {said}")
        shorter = shorter or mark.ttl != "1h"
