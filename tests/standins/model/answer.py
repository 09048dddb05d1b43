"""What is answered to this conversation? Pure: a request, its script and its digest in, a Reply out."""

import itertools

import msgspec

from tests.standins.model.directives import Script, ToolAsk
from tests.standins.model.requests import CHARS_PER_TOKEN, ChatRequest, Message

ASKING = ("user", "system", "developer")
REFUSAL = "I'm sorry, but I can't help with that."
CACHE_MINIMUM, CACHE_STEP = (
    1024,
    128,
)  # prompt caching: from 1,024 tokens on, in steps of 128 (vendor's guide, unverified)
MAX_PIECES = 64


class Usage(msgspec.Struct, frozen=True):
    """Tokens; `cached` are part of `prompt`."""

    prompt: int
    cached: int
    completion: int


class Call(msgspec.Struct, frozen=True):
    id: str
    name: str
    arguments: str


class Reply(msgspec.Struct, frozen=True):
    """`pieces` are the deltas of the text (or of the refusal), `spacing` the seconds between them."""

    pieces: tuple[str, ...] = ()
    refused: bool = False
    calls: tuple[Call, ...] = ()
    finish: str = "stop"
    usage: Usage | None = None
    spacing: float = 0.0

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def kind(self) -> str:
        """What the record calls it."""
        if self.calls:
            return "tools"
        return "refusal" if self.refused else "text"


class Place(msgspec.Struct, frozen=True):
    """Where a conversation stands: its last asking message, the rounds of calls and the results since."""

    index: int
    text: str
    round: int
    results: tuple[tuple[str, str], ...]


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


def compose(request: ChatRequest, script: Script, here: Place, digest: str) -> Reply:
    """The answer that the script asks for at this place."""
    asks = script.rounds[here.round] if here.round < len(script.rounds) else ()
    if script.badjson and not script.rounds and here.round == 0:
        asks = (ToolAsk(request.tools[0].function.name if request.tools else "lookup", "{}"),)
    calls = tuple(_call(ask, script, digest, number) for number, ask in enumerate(asks))
    text = "" if calls else _text(script, here)
    if script.finish and not calls:
        text = text[: max(1, len(text) // 2)]
    return Reply(
        pieces=_pieces(text, script.deltas),
        refused=script.refusal and not calls,
        calls=calls,
        finish=script.finish or ("tool_calls" if calls else "stop"),
        usage=_usage(request, here, text, calls) if script.usage else None,
        spacing=script.spacing,
    )


def _call(ask: ToolAsk, script: Script, digest: str, number: int) -> Call:
    arguments = '{"unfinished": "' if script.badjson else ask.arguments
    return Call(f"call_{digest[:20]}{number:02}", ask.name, arguments)


def _text(script: Script, here: Place) -> str:
    if script.empty:
        return ""
    if script.refusal:
        return REFUSAL
    head = f"re: {script.text}"
    if script.length is not None:
        return long_text(head, script.length)
    if script.deltas is not None:
        return "".join(_numbered(script.deltas))
    return "\n".join([head, *(f"{name} -> {result}" for name, result in here.results)])


def _numbered(count: int) -> list[str]:
    return [f"piece {number} of {count}. " for number in range(1, count + 1)]


def _pieces(text: str, deltas: int | None) -> tuple[str, ...]:
    """Cut into `deltas` pieces, or into pieces of 4 characters, longer above MAX_PIECES."""
    if deltas == 0 or not text:
        return ()
    size = -(-len(text) // deltas) if deltas else max(4, -(-len(text) // MAX_PIECES))
    if deltas and text == "".join(numbered := _numbered(deltas)):
        return tuple(numbered)
    return tuple(text[start : start + size] for start in range(0, len(text), size))


def long_text(head: str, length: int) -> str:
    """Exactly `length` characters: `head`, numbered paragraphs, every third block a fenced program."""
    blocks, left = [head], length - len(head)
    for number in itertools.count(1):
        block = _program(number) if number % 3 == 0 else _paragraph(number)
        if len(block) + 2 > left:
            break
        blocks.append(block)
        left -= len(block) + 2
    text = "\n\n".join(blocks)
    return (text + " " + "the rest of it " * (max(left, 0) // 15 + 1))[:length]


def _paragraph(number: int) -> str:
    return f"Paragraph {number}. " + "It says what a long answer says, and then it says it again. " * 5


def _program(number: int) -> str:
    lines = "\n".join(f'    print("block {number}, line {line}")' for line in range(1, 7))
    return f"```python\ndef block_{number}():\n{lines}\n```"


def _usage(request: ChatRequest, here: Place, text: str, calls: tuple[Call, ...]) -> Usage:
    """About four characters a token; what stands before the last question counts as cached."""
    sizes = [len(message.text) // CHARS_PER_TOKEN + 4 for message in request.messages]
    prompt, before = sum(sizes), sum(sizes[: here.index])
    cached = before // CACHE_STEP * CACHE_STEP if prompt >= CACHE_MINIMUM else 0
    written = len(text) + sum(len(call.name) + len(call.arguments) for call in calls)
    return Usage(prompt, cached, written // CHARS_PER_TOKEN + 1)
