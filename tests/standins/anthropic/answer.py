"""What is answered to this conversation? Pure: a request, its script and its digest in, a Reply out."""

import json

import msgspec

from tests.standins.anthropic import schema, signing
from tests.standins.anthropic.cache import CHARS_PER_TOKEN, Tokens
from tests.standins.anthropic.catalogue import Model
from tests.standins.anthropic.directives import Asked
from tests.standins.anthropic.shapes import Request, Text, ToolResult, ToolUse
from tests.standins.anthropic.turns import Turn
from tests.standins.model.answer import REFUSAL, long_text
from tests.standins.model.directives import ToolAsk

MAX_PIECES = 64


class Said(msgspec.Struct, frozen=True):
    """A block of text, in its deltas."""

    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Thought(msgspec.Struct, frozen=True):
    """A block of thinking; `pieces` is empty where it is not to be shown."""

    pieces: tuple[str, ...]
    signature: str


class Hidden(msgspec.Struct, frozen=True):
    """A block of redacted thinking."""

    data: str


class Call(msgspec.Struct, frozen=True):
    """A block that asks for a tool. `arguments` is JSON text, broken where that was asked for."""

    id: str
    name: str
    arguments: str


Part = Said | Thought | Hidden | Call


class Reply(msgspec.Struct, frozen=True):
    """`written` tokens, of which `thought` were thinking; `spacing` are the seconds between deltas."""

    parts: tuple[Part, ...]
    stop: str
    read: Tokens
    written: int
    thought: int = 0
    stop_sequence: str | None = None
    refused: bool = False
    spacing: float = 0.0
    usage: bool = True

    @property
    def kind(self) -> str:
        """What the record calls it."""
        if any(isinstance(part, Call) for part in self.parts):
            return "tools"
        return "refusal" if self.refused else "text"


class Place(msgspec.Struct, frozen=True):
    """Where a conversation stands: the text last asked, the rounds of calls and the results since."""

    text: str
    round: int
    results: tuple[tuple[str, str], ...]


def place(turns: list[Turn]) -> Place:
    """Find the last turn of a person or the system that has a text, and what followed it."""
    index = len(turns) - 1
    while index > 0 and not (turns[index].role != "assistant" and _text_of(turns[index])):
        index -= 1
    names: dict[str, str] = {}
    results: list[tuple[str, str]] = []
    rounds = 0
    for turn in turns[index + 1 :]:
        calls = [block for _, block in turn.blocks if isinstance(block, ToolUse)]
        rounds += bool(calls)
        names |= {call.id: call.name for call in calls}
        results += [
            (names[block.tool_use_id], _result(block)) for _, block in turn.blocks if isinstance(block, ToolResult)
        ]
    return Place(_text_of(turns[index]), rounds, tuple(results))


def _text_of(turn: Turn) -> str:
    return "\n".join(block.text for _, block in turn.blocks if isinstance(block, Text))


def _result(block: ToolResult) -> str:
    if isinstance(block.content, list):
        return "\n".join(inner.text for inner in block.content if isinstance(inner, Text))
    return block.content or ""


def compose(request: Request, model: Model, asked: Asked, here: Place, digest: str, read: Tokens) -> Reply:
    """The answer that the script asks for at this place."""
    script = asked.common
    if request.max_tokens == 0:
        return Reply((), "max_tokens", read, 0)
    thoughts = _thoughts(request, model, asked, here)
    calls = [_call(ask, script.badjson, digest, number) for number, ask in enumerate(_asks(request, asked, here))]
    text = asked.before if calls else _text(request, asked, here)
    stop, sequence = asked.finish or ("tool_use" if calls else "end_turn"), None
    if not calls:
        text, stop, sequence = _cut(request, text, stop)
    parts: list[Part] = [*thoughts]
    parts += [Said(_pieces(text, script.deltas))] if text else []
    parts += calls
    thought = sum(len("".join(part.pieces)) for part in thoughts if isinstance(part, Thought)) // CHARS_PER_TOKEN
    written = len(text) + sum(len(call.name) + len(call.arguments) for call in calls)
    return Reply(
        tuple(parts),
        "refusal" if script.refusal and not calls else stop,
        read,
        written // CHARS_PER_TOKEN + 1 + thought,
        thought,
        sequence,
        refused=script.refusal and not calls,
        spacing=script.spacing,
        usage=script.usage,
    )


def _thoughts(request: Request, model: Model, asked: Asked, here: Place) -> list[Thought | Hidden]:
    if not (request.thinks or (model.thinks and request.thinking is None)):
        return []
    found: list[Thought | Hidden] = []
    pieces = tuple(f"thought {number} of {asked.thoughts}. " for number in range(1, asked.thoughts + 1))
    if pieces:
        pieces = (f"round {here.round}: ", *pieces)
        shown = request.thinking is None or request.thinking.display != "omitted"
        pieces = pieces if shown else ()
        found.append(Thought(pieces, signing.signature("".join(pieces))))
    if asked.redacted:
        found.append(Hidden(signing.redacted(f"round {here.round}")))
    return found


def _asks(request: Request, asked: Asked, here: Place) -> tuple[ToolAsk, ...]:
    """The calls of this round, as far as the request allows calls."""
    choice, rounds = request.tool_choice, asked.common.rounds
    if choice is not None and choice.type == "none":
        return ()
    if choice is not None and choice.disable_parallel_tool_use:
        rounds = tuple((ask,) for asks in rounds for ask in asks)
    if here.round < len(rounds):
        return rounds[here.round]
    forced = (choice is not None and choice.forced) or asked.common.badjson
    if rounds or here.round or not forced or not request.tools:
        return ()
    named = choice.name if choice is not None and choice.name else request.tools[0].name
    parameters = next(tool.input_schema for tool in request.tools if tool.name == named)
    return (ToolAsk(named, json.dumps(schema.sample(parameters, "x"))),)


def _call(ask: ToolAsk, broken: bool, digest: str, number: int) -> Call:
    return Call(f"toolu_{digest[:20]}{number:02}", ask.name, '{"unfinished": "' if broken else ask.arguments)


def _text(request: Request, asked: Asked, here: Place) -> str:
    script = asked.common
    if script.empty:
        return ""
    if script.refusal:
        return REFUSAL
    head = f"re: {script.text}"
    form = request.output_config.format if request.output_config else None
    if form is not None:
        return json.dumps(schema.sample(form.schema, head), ensure_ascii=False)
    if script.length is not None:
        return long_text(head, script.length)
    if script.deltas is not None:
        return "".join(f"piece {number} of {script.deltas}. " for number in range(1, script.deltas + 1))
    return "\n".join([head, *(f"{name} -> {result}" for name, result in here.results)])


def _cut(request: Request, text: str, stop: str) -> tuple[str, str, str | None]:
    """End at the first stop sequence and at the limit of tokens, or where the script says."""
    found = [(text.index(word), word) for word in request.stop_sequences or () if word in text]
    sequence = None
    if found:
        at, sequence = min(found)
        text, stop = text[:at], "stop_sequence"
    if len(text) > request.max_tokens * CHARS_PER_TOKEN:
        return text[: request.max_tokens * CHARS_PER_TOKEN], "max_tokens", None
    if stop in ("max_tokens", "model_context_window_exceeded"):
        text = text[: max(1, len(text) // 2)]
    return text, stop, sequence


def _pieces(text: str, deltas: int | None) -> tuple[str, ...]:
    """Cut into `deltas` pieces, or into pieces of 4 characters, longer above MAX_PIECES."""
    size = -(-len(text) // deltas) if deltas else max(4, -(-len(text) // MAX_PIECES))
    return tuple(text[start : start + size] for start in range(0, len(text), size))
