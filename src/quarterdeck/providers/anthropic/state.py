"""How does thinking go back as it came? Pure: the layout of an answer is kept with its message and laid out again.

The vendor verifies thinking by its signature and its place (types/thinking_block_param.py of anthropic 2.14.0: "in
their original order"). So the order of an answer's blocks is kept: thinking itself, and marks for text and calls.
"""

from collections.abc import Sequence

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.model.message import AssistantMessage, ProviderState
from quarterdeck.providers.anthropic.blocks import Block, Redacted, Text, Thinking, ToolUse

WIRE = "anthropic"


class TextMark(msgspec.Struct, frozen=True, tag="text"):
    """So many characters of the message's text."""

    length: int


class CallMark(msgspec.Struct, frozen=True, tag="tool_use"):
    """The next call of the message."""


Mark = Thinking | Redacted | TextMark | CallMark
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Mark])


def keep(layout: Sequence[Mark], model: str) -> ProviderState | None:
    """What is kept of an answer; nothing where the model did not think."""
    if not any(isinstance(mark, Thinking | Redacted) for mark in layout):
        return None
    return ProviderState(WIRE, model, _encoder.encode(layout).decode())


def lay_out(message: AssistantMessage, calls: Sequence[ToolUse], model: str) -> list[Block]:
    """The blocks of a message, with its thinking where this model wrote it.

    Text of nothing but space is left out, and so is thinking that nothing follows: the vendor refuses both.
    """
    blocks: list[Block] = []
    at, following = 0, iter(calls)
    for mark in _layout(message, model):
        match mark:
            case TextMark():
                blocks += _text(message.text[at : at + mark.length])
                at += mark.length
            case CallMark():
                blocks.append(next(following))
            case Thinking() | Redacted():
                blocks.append(mark)
    while blocks and isinstance(blocks[-1], Thinking | Redacted):
        blocks.pop()
    return blocks


def _layout(message: AssistantMessage, model: str) -> list[Mark]:
    plain: list[Mark] = [TextMark(len(message.text)), *(CallMark() for _ in message.calls)]
    state = message.state
    if state is None or (state.wire, state.model) != (WIRE, model):
        return plain
    try:
        kept = _decoder.decode(state.data)
    except UNREADABLE:
        return plain
    lengths = sum(mark.length for mark in kept if isinstance(mark, TextMark) and mark.length >= 0)
    calls = sum(isinstance(mark, CallMark) for mark in kept)
    return kept if (lengths, calls) == (len(message.text), len(message.calls)) else plain


def _text(text: str) -> list[Block]:
    return [Text(text)] if text.strip() else []
