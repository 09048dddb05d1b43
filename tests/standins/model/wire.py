"""How does an answer look as JSON and as a stream? Shapes: the vendor's API reference.

The official client parses every shape here in `tests/standins/test_model_standin.py`. `reasoning_content` is not the
vendor's: many servers that answer in its format put reasoning there.
"""

import msgspec

from tests.standins.model.answer import Call, Reply, Usage

FRAGMENT = 7  # characters of a tool call's arguments in one delta
DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode


class Head(msgspec.Struct, frozen=True):
    """What every object of one answer repeats; `created` in unix seconds."""

    id: str
    created: int
    model: str


class Frames(msgspec.Struct, frozen=True):
    """One stream: `first` names the role, `deltas` carry the answer, `last` ends it."""

    first: bytes
    deltas: tuple[bytes, ...]
    last: bytes


def completion(reply: Reply, head: Head) -> bytes:
    """The body of an answer that is not streamed."""
    message: dict[str, object] = {
        "role": "assistant",
        "content": None if reply.calls or reply.refused else reply.text,
        "refusal": reply.text if reply.refused else None,
    }
    if reply.thoughts:
        message["reasoning_content"] = "".join(reply.thoughts)
    if reply.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in reply.calls
        ]
    body: dict[str, object] = {
        **_head(head, "chat.completion"),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish}],
    }
    if reply.usage is not None:
        body["usage"] = _usage(reply.usage)
    return _encode(body)


def frames(reply: Reply, head: Head, include_usage: bool) -> Frames:
    """The events of a streamed answer; with `include_usage` a last chunk has no choices but the usage."""
    base = _head(head, "chat.completion.chunk")
    if include_usage:
        base["usage"] = None

    def chunk(delta: dict[str, object], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**base, "choices": [choice]})

    first: dict[str, object] = {"role": "assistant", "content": None if reply.calls else "", "refusal": None}
    field = "refusal" if reply.refused else "content"
    deltas = [chunk({"reasoning_content": thought}) for thought in reply.thoughts]
    deltas += [chunk({field: piece}) for piece in reply.pieces]
    for index, call in enumerate(reply.calls):
        deltas += [chunk({"tool_calls": [part]}) for part in _call_parts(index, call)]
    last = chunk({}, reply.finish)
    if include_usage and reply.usage is not None:
        last += _event({**base, "choices": [], "usage": _usage(reply.usage)})
    return Frames(chunk(first), tuple(deltas), last + DONE)


def _call_parts(index: int, call: Call) -> list[dict[str, object]]:
    """A call's name comes first with empty arguments, then the arguments in fragments."""
    opening = {
        "index": index,
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": ""},
    }
    starts = range(0, len(call.arguments), FRAGMENT)
    pieces = [call.arguments[start : start + FRAGMENT] for start in starts]
    return [opening, *({"index": index, "function": {"arguments": piece}} for piece in pieces)]


def model_list(names: tuple[str, ...]) -> bytes:
    """The body of GET /v1/models."""
    data = [{"id": name, "object": "model", "created": 1, "owned_by": "standin"} for name in names]
    return _encode({"object": "list", "data": data})


def error(fields: dict[str, str | None]) -> bytes:
    """The body of an error answer."""
    return _encode({"error": fields})


def _event(value: dict[str, object]) -> bytes:
    return b"data: " + _encode(value) + b"\n\n"


def _head(head: Head, kind: str) -> dict[str, object]:
    return {
        "id": head.id,
        "object": kind,
        "created": head.created,
        "model": head.model,
        "service_tier": "default",
        "system_fingerprint": "fp_standin",
    }


def _usage(usage: Usage) -> dict[str, object]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": 0},
    }
