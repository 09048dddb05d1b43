"""A response while it grows, as the vendor's server-sent events: in order, numbered from 0."""

from collections.abc import Iterator

import msgspec

from quarterdeck.api.openai.answering import Answer
from quarterdeck.api.openai.responses import showing
from quarterdeck.api.openai.responses.wire import (
    FunctionCall,
    OutputItem,
    OutputMessage,
    OutputText,
    Response,
    ResponseRequest,
)
from quarterdeck.api.openai.text import rest
from quarterdeck.api.problems import OpenAIProblem
from quarterdeck.store.inbox import InboxRow


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event; which fields it has depends on its type."""

    type: str
    response: Response | None = None
    item: OutputItem | None = None
    part: OutputText | None = None
    delta: str | None = None
    text: str | None = None
    arguments: str | None = None
    name: str | None = None
    logprobs: list[object] | None = None


class Place(msgspec.Struct, frozen=True):
    """Where in the response an event belongs."""

    item_id: str
    output_index: int


class Failure(msgspec.Struct, frozen=True):
    """The event that says why a stream ends without its answer."""

    code: str
    message: str
    param: str | None
    sequence_number: int
    type: str = "error"


_encode = msgspec.json.Encoder().encode


class Writer:
    """Writes one response's events. The message begins with its first text."""

    def __init__(self, row: InboxRow, ask: ResponseRequest) -> None:
        self._row = row
        self._ask = ask
        self._n = 0
        self._shown: list[str] = []

    def begin(self) -> Iterator[bytes]:
        """The response is accepted."""
        response = showing.begun(self._row, self._ask)
        yield self._event(Event("response.created", response=response))
        response = msgspec.structs.replace(response, status="in_progress")
        yield self._event(Event("response.in_progress", response=response))

    def grow(self, text: str) -> Iterator[bytes]:
        """More of the text."""
        place = Place(showing.message_id(self._row), 0)
        if not self._shown:
            message = OutputMessage(place.item_id, [], "in_progress")
            yield self._event(Event("response.output_item.added", item=message), output_index=0)
            yield self._event(Event("response.content_part.added", part=OutputText("")), place, content_index=0)
        self._shown.append(text)
        yield self._event(Event("response.output_text.delta", delta=text, logprobs=[]), place, content_index=0)

    def end(self, row: InboxRow, answer: Answer) -> Iterator[bytes]:
        """The answer is complete."""
        if lacking := rest("".join(self._shown), answer.text):
            yield from self.grow(lacking)
        response = showing.ended(row, self._ask, answer)
        for n, item in enumerate(response.output):
            if isinstance(item, FunctionCall):
                yield from self._call(n, item)
            else:
                yield from self._message(n, item)
        kind = "response.incomplete" if response.status == "incomplete" else "response.completed"
        yield self._event(Event(kind, response=response))

    def fail(self, row: InboxRow, reason: str) -> Iterator[bytes]:
        """There is no answer."""
        yield self._event(Event("response.failed", response=showing.broken(row, self._ask, reason)))

    def leave(self, problem: OpenAIProblem) -> Iterator[bytes]:
        """The stream ends, the response does not."""
        failure = Failure(problem.code, problem.message, problem.param, self._n)
        self._n += 1
        yield b"event: error\ndata: %s\n\n" % _encode(failure)

    def _message(self, n: int, item: OutputMessage) -> Iterator[bytes]:
        """The end of the message; its text is what the answer says, whatever had grown."""
        place = Place(item.id, n)
        if not self._shown:  # an empty answer
            yield from self.grow("")
        (part,) = item.content
        done = Event("response.output_text.done", text=part.text, logprobs=[])
        yield self._event(done, place, content_index=0)
        yield self._event(Event("response.content_part.done", part=part), place, content_index=0)
        yield self._event(Event("response.output_item.done", item=item), output_index=n)

    def _call(self, n: int, item: FunctionCall) -> Iterator[bytes]:
        """A call comes whole."""
        place = Place(item.id, n)
        started = msgspec.structs.replace(item, arguments="", status="in_progress")
        yield self._event(Event("response.output_item.added", item=started), output_index=n)
        yield self._event(Event("response.function_call_arguments.delta", delta=item.arguments), place)
        done = Event("response.function_call_arguments.done", arguments=item.arguments, name=item.name)
        yield self._event(done, place)
        yield self._event(Event("response.output_item.done", item=item), output_index=n)

    def _event(self, event: Event, place: Place | None = None, **more: int) -> bytes:
        fields = msgspec.to_builtins(event)
        if place is not None:
            fields |= msgspec.to_builtins(place)
        data = _encode({**fields, **more, "sequence_number": self._n})
        self._n += 1
        return b"event: %s\ndata: %s\n\n" % (event.type.encode(), data)
