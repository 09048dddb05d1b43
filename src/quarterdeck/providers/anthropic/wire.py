"""How is a request written? Pure: a ModelRequest in, the bytes of `POST {base_url}/messages` out.

Shapes: anthropic 2.14.0, types/message_create_params.py. Rules beside them, from the vendor's pages: "Migrating to API
version 2026-10-21" (temperature and its like are refused, so those wishes are left out), "Thinking" (a budget of at
least 1,024 tokens and below max_tokens; none where a tool is forced), "Prompt caching" (at most four marks, in the
order tools, system, messages; a mark finds what was kept up to 20 blocks before it).
"""

import msgspec
from msgspec import UNSET, UnsetType

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.model.action import ModelCall
from quarterdeck.model.asking import Options, ToolSpec
from quarterdeck.ports import ModelRequest, ProviderFailed
from quarterdeck.providers.anthropic import files, history, schema
from quarterdeck.providers.anthropic.blocks import (
    Document,
    Format,
    Image,
    Mark,
    OutputConfig,
    Redacted,
    Request,
    Text,
    Thinking,
    ThinkingConfig,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)
from quarterdeck.providers.anthropic.settings import Settings
from quarterdeck.providers.http.wire import estimate_tokens

MIN_BUDGET = 1024
GONE = "This tool is no longer offered."
_SHARE = {"minimal": 0.25, "low": 0.25, "medium": 0.5, "high": 0.75}
"""Of max_tokens, for thinking with a budget."""

_encoder = msgspec.json.Encoder()
_object = msgspec.json.Decoder(dict[str, object])


def encode(provider: str, key: str, request: ModelRequest, settings: Settings) -> ModelCall:
    """The call for this request; the same request gives the same bytes.

    Raises ProviderFailed (invalid) when a schema is not one, or when a tool is demanded that is not offered.
    """
    options = request.options
    chosen = {} if "files" in settings.lacks else files.chosen(request.messages, request.files)
    turns = history.turns(request, chosen)
    tools, choice = _tools(request, settings, turns)
    thinking = _thinking(request, settings, turns, forced=choice is not UNSET and choice.type in ("any", "tool"))
    system = [Text(request.system)] if request.system.strip() else []
    if settings.cache != "off":
        _mark(tools, system, turns, Mark("1h" if settings.cache == "1h" else UNSET))
    body = _encoder.encode(
        Request(
            model=request.model,
            max_tokens=request.max_tokens,
            tools=tools or UNSET,
            system=system or UNSET,
            messages=turns,
            tool_choice=choice,
            thinking=thinking,
            output_config=_output(options, settings),
            stop_sequences=[stop for stop in options.stop if stop.strip()] or UNSET,
        )
    )
    return ModelCall(provider, request.model, body, _reckon(body, turns), request.max_tokens, key)


# -- tools -----------------------------------------------------------------------------------------------------


def _tools(request: ModelRequest, settings: Settings, turns: list[Turn]) -> tuple[list[Tool], ToolChoice | UnsetType]:
    """What is offered, and whether it must be used. A conversation with calls needs tools, if only for the record."""
    if request.tools:
        return [_tool(spec) for spec in request.tools], _choice(request, settings)
    names = dict.fromkeys(block.name for turn in turns for block in turn.content if isinstance(block, ToolUse))
    gone = [Tool(name, GONE, {"type": "object"}) for name in names]
    return gone, ToolChoice("none") if gone else UNSET


def _tool(spec: ToolSpec) -> Tool:
    parameters = {"type": "object", **_read(spec.parameters, f"the parameters of the tool {spec.name}")}
    if parameters["type"] != "object":
        raise _invalid(f"the parameters of the tool {spec.name} are not those of an object")
    return Tool(spec.name, spec.description, parameters)


def _choice(request: ModelRequest, settings: Settings) -> ToolChoice | UnsetType:
    options = request.options
    one = options.parallel_calls is False or UNSET
    match options.tool_choice:
        case "none":
            return ToolChoice("none")
        case "required" if "forced_tools" not in settings.lacks:
            return ToolChoice("any", UNSET, one)
        case "" | "required":
            return ToolChoice("auto", UNSET, one) if one is True else UNSET
        case name:
            if name not in {spec.name for spec in request.tools}:
                raise _invalid(f"the tool {name} is demanded and not offered")
            if "forced_tools" in settings.lacks:
                return ToolChoice("auto", UNSET, one) if one is True else UNSET
            return ToolChoice("tool", name, one)


# -- thinking, form --------------------------------------------------------------------------------------------


def _thinking(
    request: ModelRequest, settings: Settings, turns: list[Turn], *, forced: bool
) -> ThinkingConfig | UnsetType:
    effort = request.options.effort
    if settings.thinking == "off" or (effort == "none" and settings.thinking != "budget"):
        return ThinkingConfig("disabled")
    if settings.thinking == "model" or effort == "none" or forced:
        return UNSET
    if settings.thinking == "adaptive":
        return ThinkingConfig("adaptive")
    budget = max(MIN_BUDGET, int(request.max_tokens * _SHARE.get(effort, 0.5)))
    if budget >= request.max_tokens or not _may_think(turns):
        return UNSET
    return ThinkingConfig("enabled", budget)


def _may_think(turns: list[Turn]) -> bool:
    """With a budget, a turn whose tools are running must have begun with thinking."""
    if len(turns) < 2 or not isinstance(turns[-1].content[0], ToolResult):
        return True
    return isinstance(turns[-2].content[0], Thinking | Redacted)


def _output(options: Options, settings: Settings) -> OutputConfig | UnsetType:
    form = options.form if "forms" not in settings.lacks else None
    wanted: Format | UnsetType = UNSET
    if form is not None and form.schema:
        wanted = Format(schema.held(_read(form.schema, f"the schema of {form.name}")))
    effort = "low" if options.effort == "minimal" else options.effort
    known = "effort" not in settings.lacks and settings.thinking in ("model", "adaptive")
    if effort in ("", "none") or not known:
        return UNSET if wanted is UNSET else OutputConfig(UNSET, wanted)
    return OutputConfig(effort, wanted)


# -- cache, tokens ---------------------------------------------------------------------------------------------


def _mark(tools: list[Tool], system: list[Text], turns: list[Turn], mark: Mark) -> None:
    """Marks behind what stays: the instructions, and the user's last two turns.

    The last turn is where the next request goes on from; the one before is where the last request ended, however
    many blocks have come since.
    """
    if system:
        system[-1] = msgspec.structs.replace(system[-1], cache_control=mark)
    elif tools:
        tools[-1] = msgspec.structs.replace(tools[-1], cache_control=mark)
    for turn in [turn for turn in turns if turn.role == "user"][-2:]:
        turn.content[-1] = msgspec.structs.replace(turn.content[-1], cache_control=mark)


def _reckon(body: bytes, turns: list[Turn]) -> int:
    """Tokens of the request: its text by its length, its files by what they are."""
    sources = [block.source for turn in turns for block in turn.content if isinstance(block, Image | Document)]
    text = len(body) - sum(4 * -(-len(source.data) // 3) for source in sources)
    return estimate_tokens(text) + sum(files.tokens(source.data, source.media_type) for source in sources)


def _read(text: str, what: str) -> dict[str, object]:
    try:
        return _object.decode(text)
    except UNREADABLE:
        raise _invalid(f"{what} are not a JSON object") from None


def _invalid(reason: str) -> ProviderFailed:
    return ProviderFailed("invalid", reason, retryable=False)
