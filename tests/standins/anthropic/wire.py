"""How does an answer look as JSON and as a stream? Shapes: anthropic 2.14.0, types/message.py and raw_*_event.py.

The official client parses every shape here in `tests/standins/test_anthropic_standin.py`.
"""

import json
from collections.abc import Iterator

import msgspec

from tests.standins.anthropic.answer import Call, Hidden, Part, Reply, Said, Thought
from tests.standins.anthropic.catalogue import Model, described
from tests.standins.anthropic.refused import Refused

FRAGMENT = 7  # characters of a tool call's arguments in one delta
GARBAGE = b"event: content_block_delta\ndata: {not json\n\n"
_encode = msgspec.json.Encoder().encode


class Frames(msgspec.Struct, frozen=True):
    """One stream: `deltas` begin, grow and end the blocks; those that carry content are counted."""

    first: bytes
    deltas: tuple[tuple[bytes, bool], ...]
    last: bytes


def message(reply: Reply, message_id: str, model: str) -> bytes:
    """The body of an answer that is not streamed."""
    content = list(map(_whole, reply.parts))
    return _encode({**_head(message_id, model), "content": content, **_end(reply), "usage": _usage(reply)})


def frames(reply: Reply, message_id: str, model: str) -> Frames:
    """The events of a streamed answer. Its end repeats what was read, since all of its figures are totals."""
    begun = {**_head(message_id, model), "content": [], **dict.fromkeys(_end(reply)), "usage": _usage(reply, written=1)}
    first = event({"type": "message_start", "message": begun}) + event({"type": "ping"})
    ended = event({"type": "message_delta", "delta": _end(reply), "usage": _usage(reply)})
    deltas = [frame for index, part in enumerate(reply.parts) for frame in _block(index, part)]
    return Frames(first, tuple(deltas), ended + event({"type": "message_stop"}))


def event(value: dict[str, object]) -> bytes:
    """One event; its name is its type."""
    return b"event: " + str(value["type"]).encode() + b"\ndata: " + _encode(value) + b"\n\n"


def broken(kind: str, said: str) -> bytes:
    """An error in the middle of a stream."""
    return event({"type": "error", "error": {"type": kind, "message": said}})


def refusal(refused: Refused, request_id: str) -> bytes:
    """The body of an error's answer."""
    return _encode({"type": "error", "error": refused.error, "request_id": request_id})


def models(page: list[Model], more: bool) -> bytes:
    """A page of GET /v1/models."""
    ends = {"first_id": page[0].name if page else None, "last_id": page[-1].name if page else None}
    return _encode({"data": list(map(described, page)), "has_more": more, **ends})


def one_model(model: Model) -> bytes:
    """The body of GET /v1/models/ID."""
    return _encode(described(model))


def _head(message_id: str, model: str) -> dict[str, object]:
    return {"id": message_id, "type": "message", "role": "assistant", "model": model}


def _end(reply: Reply) -> dict[str, object]:
    refused = {"type": "refusal", "category": None, "explanation": None}
    details = refused if reply.stop == "refusal" else None
    return {"stop_reason": reply.stop, "stop_sequence": reply.stop_sequence, "stop_details": details}


def _usage(reply: Reply, written: int | None = None) -> dict[str, object]:
    """Input: what is neither written to the cache nor read from it is counted apart."""
    if not reply.usage:
        return {}
    return {
        "input_tokens": reply.read.fresh,
        "cache_creation_input_tokens": reply.read.written,
        "cache_read_input_tokens": reply.read.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": reply.read.written_5m,
            "ephemeral_1h_input_tokens": reply.read.written_1h,
        },
        "output_tokens": reply.written if written is None else written,
        "output_tokens_details": {"thinking_tokens": reply.thought} if written is None else None,
        "service_tier": "standard",
    }


def _whole(part: Part) -> dict[str, object]:
    match part:
        case Said():
            return {"type": "text", "text": part.text, "citations": None}
        case Thought():
            return {"type": "thinking", "thinking": "".join(part.pieces), "signature": part.signature}
        case Hidden():
            return {"type": "redacted_thinking", "data": part.data}
        case Call():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": _input(part.arguments)}


def _input(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except ValueError:
        return {}


def _block(index: int, part: Part) -> Iterator[tuple[bytes, bool]]:
    """One block of a stream: it begins empty, grows, and ends."""
    empty: dict[str, object]
    grown: list[dict[str, str]]
    match part:
        case Said():
            empty = {"type": "text", "text": ""}
            grown = [{"type": "text_delta", "text": piece} for piece in part.pieces]
        case Thought():
            empty = {"type": "thinking", "thinking": "", "signature": ""}
            grown = [{"type": "thinking_delta", "thinking": piece} for piece in part.pieces]
            grown.append({"type": "signature_delta", "signature": part.signature})
        case Hidden():
            empty, grown = {"type": "redacted_thinking", "data": part.data}, []
        case Call():
            empty = {"type": "tool_use", "id": part.id, "name": part.name, "input": {}}
            starts = range(0, len(part.arguments), FRAGMENT)
            pieces = ["", *(part.arguments[start : start + FRAGMENT] for start in starts)]
            grown = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    yield event({"type": "content_block_start", "index": index, "content_block": empty}), False
    for delta in grown:
        yield event({"type": "content_block_delta", "index": index, "delta": delta}), True
    yield event({"type": "content_block_stop", "index": index}), False
