"""How does an answer look as JSON and as a stream?

Events: openai 3.54.0, types/responses/response_stream_event.py. Each has a number of its own, counted from 0; there
is no [DONE] behind the last one.
"""

import msgspec

from tests.standins.model.answer import Call, Reply
from tests.standins.model.directives import Fault
from tests.standins.model.refused import SERVER_FAULT
from tests.standins.model.responses import output
from tests.standins.model.responses.output import REASONS, Head, Object
from tests.standins.model.responses.requests import Accepted
from tests.standins.model.wire import FRAGMENT, Frames

_encode = msgspec.json.Encoder().encode


def body(accepted: Accepted, reply: Reply, head: Head) -> bytes:
    """The body of an answer that is not streamed."""
    return _encode(_finished(accepted, reply, head))


def failed(accepted: Accepted, head: Head, code: str) -> Object:
    """A response that failed."""
    found = output.response(accepted, head, "failed", [], None)
    return {**found, "error": {"code": code, "message": SERVER_FAULT}}


def broken(accepted: Accepted, head: Head, fault: Fault, number: int) -> bytes:
    """The event that ends a stream with an error; it is the `number`th."""
    if fault.kind == "failed":
        fields: Object = {"type": "response.failed", "response": failed(accepted, head, fault.code)}
    else:
        fields = {"type": "error", "code": fault.code, "message": SERVER_FAULT, "param": None}
    return _event({**fields, "sequence_number": number})


def frames(accepted: Accepted, reply: Reply, head: Head) -> Frames:
    """The events of a streamed answer."""
    begun = output.response(accepted, head, "in_progress", [], None)
    stream = _Stream()
    stream.say("response.created", response=begun)
    stream.say("response.in_progress", response=begun)
    first = stream.cut()
    if accepted.thinks:
        _reasoning(stream, accepted, reply, head)
    if reply.calls:
        for made in reply.calls:
            _call(stream, made, head)
    else:
        _message(stream, reply, head)
    finished = _finished(accepted, reply, head)
    stream.say(f"response.{finished['status']}", response=finished)
    return Frames(first, tuple(stream.deltas), stream.cut())


class _Stream:
    """Numbers events and gathers them: what stands between two deltas travels with the second."""

    def __init__(self) -> None:
        self.deltas: list[bytes] = []
        self.output = 0
        self._number = 0
        self._waiting = b""

    def say(self, kind: str, **fields: object) -> None:
        self._waiting += _event({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1

    def delta(self, kind: str, **fields: object) -> None:
        self.say(kind, **fields)
        self.deltas.append(self.cut())

    def cut(self) -> bytes:
        waiting, self._waiting = self._waiting, b""
        return waiting


def _reasoning(stream: _Stream, accepted: Accepted, reply: Reply, head: Head) -> None:
    item = output.reasoning(accepted, reply.thoughts, head)
    where: Object = {"output_index": stream.output, "item_id": item["id"]}
    summary = item["summary"]
    assert isinstance(summary, list)
    begun = {**item, "summary": []} | ({"encrypted_content": "gAAAAA"} if "encrypted_content" in item else {})
    stream.say("response.output_item.added", output_index=stream.output, item=begun)
    for index, thought in enumerate(reply.thoughts if summary else ()):
        at: Object = {**where, "summary_index": index}
        blank = {"type": "summary_text", "text": ""}
        stream.say("response.reasoning_summary_part.added", **at, part=blank)
        stream.delta("response.reasoning_summary_text.delta", **at, delta=thought)
        stream.say("response.reasoning_summary_text.done", **at, text=thought)
        stream.say("response.reasoning_summary_part.done", **at, part={**blank, "text": thought})
    stream.say("response.output_item.done", output_index=stream.output, item=item)
    stream.output += 1


def _message(stream: _Stream, reply: Reply, head: Head) -> None:
    index, status = stream.output, "incomplete" if reply.finish in REASONS else "completed"
    begun = output.message("", reply.refused, head, "in_progress")
    where: Object = {"output_index": index, "item_id": begun["id"], "content_index": 0}
    stream.say("response.output_item.added", output_index=index, item=begun)
    stream.say("response.content_part.added", **where, part=output.part("", reply.refused))
    kind = "refusal" if reply.refused else "output_text"
    more: Object = {} if reply.refused else {"logprobs": []}
    for piece in reply.pieces:
        stream.delta(f"response.{kind}.delta", **where, delta=piece, **more)
    whole: Object = {"refusal": reply.text} if reply.refused else {"text": reply.text}
    stream.say(f"response.{kind}.done", **where, **whole, **more)
    stream.say("response.content_part.done", **where, part=output.part(reply.text, reply.refused))
    done = output.message(reply.text, reply.refused, head, status)
    stream.say("response.output_item.done", output_index=index, item=done)
    stream.output += 1


def _call(stream: _Stream, made: Call, head: Head) -> None:
    """The item comes first with empty arguments, then the arguments in fragments, then the item again."""
    index, item = stream.output, output.call(made, made.arguments, head, "completed")
    where: Object = {"output_index": index, "item_id": item["id"]}
    stream.say("response.output_item.added", output_index=index, item=output.call(made, "", head, "in_progress"))
    for start in range(0, len(made.arguments), FRAGMENT):
        fragment = made.arguments[start : start + FRAGMENT]
        stream.delta("response.function_call_arguments.delta", **where, delta=fragment)
    stream.say("response.function_call_arguments.done", **where, arguments=made.arguments)
    stream.say("response.output_item.done", output_index=index, item=item)
    stream.output += 1


def _finished(accepted: Accepted, reply: Reply, head: Head) -> Object:
    status = "incomplete" if reply.finish in REASONS else "completed"
    found = output.response(accepted, head, status, output.items(accepted, reply, head), reply.usage)
    reason = REASONS.get(reply.finish)
    return {**found, "incomplete_details": {"reason": reason} if reason else None}


def _event(fields: Object) -> bytes:
    return b"event: " + str(fields["type"]).encode() + b"\ndata: " + _encode(fields) + b"\n\n"
