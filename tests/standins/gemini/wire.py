"""How does an answer look as JSON and as a stream? Shapes: google-genai 3.6.1, types.py and models.py (*_from_mldev).

A stream is a list of whole responses, each with the parts that are new; the last one has the finishReason, and
there is no end mark. Calls come whole. Where signatures are: ai.google.dev/gemini-api/docs/thought-signatures (the
first call of a response; else the last part, which may be an empty text). The official client parses every shape
here in `tests/standins/test_gemini_standin.py`.
"""

import msgspec

from tests.standins.gemini.answer import Reply, Usage
from tests.standins.gemini.requests import FunctionCall
from tests.standins.gemini.turns import signature

CATEGORIES = ("HATE_SPEECH", "DANGEROUS_CONTENT", "HARASSMENT", "SEXUALLY_EXPLICIT")
_encode = msgspec.json.Encoder().encode
Parts = list[dict[str, object]]


class Head(msgspec.Struct, frozen=True):
    """What every response of one answer repeats; `signs` when the model gives signatures."""

    id: str
    model: str
    signs: bool


class Frames(msgspec.Struct, frozen=True):
    """One stream: `deltas` carry the answer, `last` ends it. Each is one JSON response."""

    deltas: tuple[bytes, ...]
    last: bytes


def whole(reply: Reply, head: Head) -> bytes:
    """The body of an answer that is not streamed."""
    if reply.block:
        return _encode(_blocked(reply, head))
    parts = _thoughts(reply) + _calls(reply, head)
    if reply.pieces:
        signed = {"thoughtSignature": signature(None, reply.text)} if head.signs else {}
        parts.append({"text": reply.text, **signed})
    return _encode(_response(reply, head, parts, reply.finish))


def frames(reply: Reply, head: Head) -> Frames:
    """The responses of a streamed answer."""
    if reply.block:
        return Frames((), _encode(_blocked(reply, head)))
    deltas = [*_thoughts(reply), *({"text": piece} for piece in reply.pieces), *_calls(reply, head)]
    closing: Parts = []
    if reply.pieces and reply.finish == "STOP":
        signed = {"thoughtSignature": signature(None, reply.text)} if head.signs else {}
        closing = [{"text": "", **signed}]
    bodies = tuple(_encode(_response(reply, head, [part], None)) for part in deltas)
    return Frames(bodies, _encode(_response(reply, head, closing, reply.finish)))


def event(body: bytes) -> bytes:
    """One event of a stream that was asked for with alt=sse."""
    return b"data: " + body + b"\r\n\r\n"


def _thoughts(reply: Reply) -> Parts:
    return [{"text": reply.thoughts, "thought": True}] if reply.thoughts else []


def _calls(reply: Reply, head: Head) -> Parts:
    return [_call(call, head.signs and number == 0) for number, call in enumerate(reply.calls)]


def _call(call: FunctionCall, signed: bool) -> dict[str, object]:
    made: dict[str, object] = {"name": call.name, "args": call.args or {}}
    if call.id is not None:
        made["id"] = call.id
    return {"functionCall": made, **({"thoughtSignature": signature(call)} if signed else {})}


def _response(reply: Reply, head: Head, parts: Parts, finish: str | None) -> dict[str, object]:
    candidate: dict[str, object] = {"index": 0}
    if parts:
        candidate["content"] = {"parts": parts, "role": "model"}
    if finish is not None:
        candidate["finishReason"] = finish
        if finish == "SAFETY":
            candidate["safetyRatings"] = _ratings(blocked=True)
        if finish == "MALFORMED_FUNCTION_CALL":
            candidate["finishMessage"] = "Malformed function call: print(default_api.unfinished("
    return {"candidates": [candidate], **_rest(reply, head, done=finish is not None)}


def _blocked(reply: Reply, head: Head) -> dict[str, object]:
    feedback: dict[str, object] = {"blockReason": reply.block}
    if reply.block == "SAFETY":
        feedback["safetyRatings"] = _ratings(blocked=True)
    return {"promptFeedback": feedback, **_rest(reply, head, done=True)}


def _ratings(*, blocked: bool) -> list[dict[str, object]]:
    worst: dict[str, object] = {"probability": "HIGH", "blocked": blocked}
    return [
        {"category": f"HARM_CATEGORY_{name}", **(worst if number == 1 else {"probability": "NEGLIGIBLE"})}
        for number, name in enumerate(CATEGORIES)
    ]


def _rest(reply: Reply, head: Head, *, done: bool) -> dict[str, object]:
    named: dict[str, object] = {"modelVersion": head.model, "responseId": head.id}
    return {"usageMetadata": _usage(reply.usage, done), **named} if reply.usage is not None else named


def _usage(usage: Usage, done: bool) -> dict[str, object]:
    """Counts that are zero are left out, as in every proto3 JSON; the written ones come with the last response."""
    details = [{"modality": "TEXT", "tokenCount": usage.prompt - usage.media}]
    if usage.media:
        details.append({"modality": "IMAGE", "tokenCount": usage.media})
    counts = {
        "promptTokenCount": usage.prompt,
        "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": usage.candidates if done else 0,
        "thoughtsTokenCount": usage.thoughts,
        "toolUsePromptTokenCount": usage.tool_use,
        "totalTokenCount": usage.total if done else usage.prompt + usage.thoughts + usage.tool_use,
    }
    return {**{name: number for name, number in counts.items() if number}, "promptTokensDetails": details}
