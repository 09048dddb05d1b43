"""What is answered to this conversation? Pure: what was asked, its script and its digest in, a Reply out."""

import itertools
import json

import msgspec

from tests.standins.model.asked import Asked
from tests.standins.model.directives import Script, ToolAsk
from tests.standins.model.refused import CHARS_PER_TOKEN
from tests.standins.model.schemas import instance

REFUSAL = "I'm sorry, but I can't help with that."
CACHE_MINIMUM, CACHE_STEP = (
    1024,
    128,
)  # prompt caching: from 1,024 tokens on, in steps of 128 (vendor's guide, unverified)
MAX_PIECES = 64


class Usage(msgspec.Struct, frozen=True):
    """Tokens; `cached` are part of `prompt`, `reasoning` of `completion`."""

    prompt: int
    cached: int
    completion: int
    reasoning: int = 0


class Call(msgspec.Struct, frozen=True):
    id: str
    name: str
    arguments: str


class Reply(msgspec.Struct, frozen=True):
    """`pieces` are the deltas of the text (or of the refusal), `spacing` the seconds between them.

    After `hold` of them the rest waits until the stand-in is told to go on.
    `thoughts` came before them and are no part of the text.
    """

    pieces: tuple[str, ...] = ()
    thoughts: tuple[str, ...] = ()
    refused: bool = False
    calls: tuple[Call, ...] = ()
    finish: str = "stop"
    usage: Usage | None = None
    spacing: float = 0.0
    hold: int | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def kind(self) -> str:
        """What the record calls it."""
        if self.calls:
            return "tools"
        return "refusal" if self.refused else "text"


def compose(asked: Asked, script: Script, digest: str) -> Reply:
    """The answer that the script asks for at this place."""
    calls = tuple(_call(ask, script, digest, number) for number, ask in enumerate(_asks(asked, script)))
    text = "" if calls else _text(asked, script)
    if script.finish and not calls:
        text = text[: max(1, len(text) // 2)]
    thoughts = tuple(f"thought {number} of {script.thoughts}. " for number in range(1, script.thoughts + 1))
    return Reply(
        pieces=_pieces(text, script.deltas),
        thoughts=thoughts,
        refused=script.refusal and not calls,
        calls=calls,
        finish=script.finish or ("tool_calls" if calls else "stop"),
        usage=_usage(asked, text, calls, thoughts) if script.usage else None,
        spacing=script.spacing,
        hold=script.hold,
    )


def _asks(asked: Asked, script: Script) -> tuple[ToolAsk, ...]:
    """The calls of this round, as far as the request allows calls."""
    if asked.choice == "none":
        return ()
    rounds, turn = script.rounds, asked.here.round
    if not asked.parallel:
        rounds = tuple((ask,) for asks in rounds for ask in asks)
    if turn < len(rounds):
        return rounds[turn]
    forced = asked.choice != "auto" or (script.badjson and asked.form is None)
    if rounds or turn or not forced:
        return ()
    named = asked.choice if asked.choice in asked.tools else next(iter(asked.tools), "lookup")
    return (ToolAsk(named, "{}"),)


def _call(ask: ToolAsk, script: Script, digest: str, number: int) -> Call:
    arguments = '{"unfinished": "' if script.badjson else ask.arguments
    return Call(f"call_{digest[:20]}{number:02}", ask.name, arguments)


def _text(asked: Asked, script: Script) -> str:
    if script.empty:
        return ""
    if script.refusal:
        return REFUSAL
    head = f"re: {script.text}"
    if asked.form is not None:
        value = instance(asked.form, head) if asked.form else {"answer": head}
        return '{"unfinished": "' if script.badjson else json.dumps(value, ensure_ascii=False)
    if script.length is not None:
        return long_text(head, script.length)
    if script.deltas is not None:
        return "".join(_numbered(script.deltas))
    return "\n".join([head, *(f"{name} -> {result}" for name, result in asked.here.results)])


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


def _usage(asked: Asked, text: str, calls: tuple[Call, ...], thoughts: tuple[str, ...]) -> Usage:
    """About four characters a token; what stands before the last question counts as cached."""
    sizes = [size // CHARS_PER_TOKEN + 4 for size in asked.sizes]
    prompt, before = sum(sizes), sum(sizes[: asked.here.index])
    cached = before // CACHE_STEP * CACHE_STEP if prompt >= CACHE_MINIMUM else 0
    written = len(text) + sum(len(call.name) + len(call.arguments) for call in calls)
    reasoning = sum(len(thought) for thought in thoughts) // CHARS_PER_TOKEN
    return Usage(prompt, cached, written // CHARS_PER_TOKEN + 1 + reasoning, reasoning)
