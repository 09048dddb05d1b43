"""How does what the endpoint sends become an answer? Pure: bytes in, a ModelAnswer or a ProviderFailed out.

Events: openai 3.54.0, types/responses/response_stream_event.py; others than these are passed over. What other servers
with this interface are known to do is taken too: one JSON object for a stream, an error under `error`
(Menci/Floway #330) or as `response.failed` (BerriAI/litellm #40243), no event for an item that is done, [DONE].
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.base.secrets import Secret
from quarterdeck.model.action import ModelCall
from quarterdeck.model.message import AssistantMessage, ProviderState, ToolCall
from quarterdeck.model.turn import FinishReason, ModelAnswer, Usage
from quarterdeck.ports import ProviderFailed
from quarterdeck.providers.http import calls
from quarterdeck.providers.http.body import OVERLONG, Body
from quarterdeck.providers.http.openai_errors import broken_off
from quarterdeck.providers.http.wire import MAX_CALLS, believed, estimate_tokens
from quarterdeck.providers.openai_responses.replay import BETWEEN, Called, Kept, Said, Thought, keep

T = TypeVar("T")

MAX_ITEMS = 1_000
MAX_REASONING = 100_000
"""Characters of reasoning that are kept; all are counted."""

_CUT: Mapping[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "filter"}
_NONE = msgspec.Raw(b"null")


class _Part(msgspec.Struct, frozen=True):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct, frozen=True):
    type: str = ""
    id: str | None = None
    content: list[_Part] | None = None
    summary: list[_Part] | None = None
    phase: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    encrypted_content: str | None = None


class _Details(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, frozen=True):
    input_tokens: int
    output_tokens: int
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Reason(msgspec.Struct, frozen=True):
    reason: str | None = None


class _Response(msgspec.Struct, frozen=True):
    """A whole response. Figures and errors may have any shape."""

    status: str | None = None
    model: str | None = None
    output: list[_Item] | None = None
    incomplete_details: _Reason | None = None
    usage: msgspec.Raw = _NONE
    error: msgspec.Raw = _NONE


class _Kind(msgspec.Struct, frozen=True):
    """What every event has; an error may stand on top of it or under `error`."""

    type: str = ""
    error: msgspec.Raw = _NONE


class _Delta(msgspec.Struct, frozen=True):
    delta: str
    output_index: int = 0


class _Done(msgspec.Struct, frozen=True):
    item: _Item
    output_index: int = 0


class _Whole(msgspec.Struct, frozen=True):
    response: _Response


_kind = msgspec.json.Decoder(_Kind)
_delta = msgspec.json.Decoder(_Delta)
_done = msgspec.json.Decoder(_Done)
_whole = msgspec.json.Decoder(_Whole)
_response = msgspec.json.Decoder(_Response)
_usage = msgspec.json.Decoder(_Usage)


class Reading:
    """One answer while it comes. `feed` never raises; `end` says what became of it."""

    def __init__(self, call: ModelCall, key: Secret | None, origin: str) -> None:
        self.done = False
        self._call = call
        self._key = key
        self._origin = origin
        self._body = Body()
        self._items: dict[int, _Item] = {}
        self._pieces: dict[int, list[str]] = {}
        self._shown: list[str] = []
        self._speaking: int | None = None
        self._refused = False
        self._thoughts: list[str] = []
        self._counted = 0
        self._response: _Response | None = None
        self._failed: ProviderFailed | None = None
        self._takers: Mapping[str, Callable[[bytes], None]] = {
            "response.output_text.delta": self._text,
            "response.refusal.delta": self._refusal,
            "response.function_call_arguments.delta": self._arguments,
            "response.reasoning_summary_text.delta": self._thought,
            "response.reasoning_text.delta": self._thought,
            "response.output_item.added": self._item,
            "response.output_item.done": self._item,
            "response.completed": self._over,
            "response.incomplete": self._over,
            "response.failed": self._over,
            "response.cancelled": self._over,
        }

    @property
    def complete(self) -> bool:
        """Whether the endpoint said that the answer has ended."""
        return self.done

    @property
    def reported(self) -> Usage | None:
        """Usage as far as it was reported, for an answer that failed."""
        return self._reckon() if self._response is not None and self._response.usage != _NONE else None

    def feed(self, chunk: bytes) -> str:
        """Take more of the body; the text that is new in it."""
        known = len(self._shown)
        for data in self._body.feed(chunk):
            if self.done:
                break
            self._event(data)
        if self._body.overlong:
            self._fail(OVERLONG)
        return "".join(self._shown[known:])

    def end(self) -> ModelAnswer:
        """The body is over. Raises ProviderFailed: cut, what an error in it says, or server for nonsense."""
        if (whole := self._body.whole) is not None:
            self._object(whole)
        elif not self.done:
            for data in self._body.close():
                if _read(_kind, data) is not None and not self.done:  # an event that was cut in two is no event
                    self._event(data)
        if self._failed is not None:
            raise self._failed
        if self._response is None:
            raise ProviderFailed("cut", "the answer broke off", retryable=True, usage=self.reported)
        return self._answer(self._response)

    def _answer(self, response: _Response) -> ModelAnswer:
        reason = response.incomplete_details.reason if response.incomplete_details else None
        cut = response.status == "incomplete"
        finish = _CUT.get(reason or "", "length") if cut else "refusal" if self._refused else None
        # Calls of an answer that was cut short or withheld may be incomplete; they are never run.
        made = tuple(self._calls()) if finish is None else ()
        state = None if cut else self._state(made)
        thoughts = "".join(self._thoughts)[:MAX_REASONING]
        message = AssistantMessage("".join(self._shown), made, thoughts, state)
        finished = finish or ("tool_calls" if made else "stop")
        return ModelAnswer(message, finished, self._reckon(), response.model or "")

    # -- events ------------------------------------------------------------------------------------------------

    def _event(self, data: bytes) -> None:
        if data.strip() == b"[DONE]":
            self._broken("ended without its answer")
            return
        kind = _read(_kind, data)
        if kind is None:
            if data.strip():
                self._broken("sent something that cannot be read")
            return
        if kind.type == "error" or (not kind.type and kind.error != _NONE):
            self._failed = broken_off(bytes(kind.error) if kind.error != _NONE else data, self._key, self.reported)
            self.done = True
            return
        take = self._takers.get(kind.type)
        if take is not None:
            try:
                take(data)
            except UNREADABLE:
                self._broken("sent something that cannot be read")

    def _text(self, data: bytes) -> None:
        event = _delta.decode(data)
        self._say(event.output_index, event.delta)

    def _refusal(self, data: bytes) -> None:
        self._refused = True
        self._text(data)

    def _say(self, index: int, text: str) -> None:
        """More of a message; a blank line stands between two messages."""
        if not text:
            return
        if self._speaking is not None and self._speaking != index:
            self._shown.append(BETWEEN)
        self._speaking = index
        self._shown.append(text)
        self._piece(index, text)

    def _arguments(self, data: bytes) -> None:
        event = _delta.decode(data)
        self._piece(event.output_index, event.delta)

    def _piece(self, index: int, text: str) -> None:
        if index not in self._pieces and len(self._pieces) >= MAX_ITEMS:
            self._fail(f"sent more than {MAX_ITEMS} items")
            return
        self._pieces.setdefault(index, []).append(text)

    def _thought(self, data: bytes) -> None:
        text = _delta.decode(data).delta
        if self._counted < MAX_REASONING:
            self._thoughts.append(text)
        self._counted += len(text)

    def _item(self, data: bytes) -> None:
        event = _done.decode(data)
        self._keep(event.output_index, event.item)

    def _keep(self, index: int, item: _Item) -> None:
        self._items[index] = item
        if len(self._items) > MAX_ITEMS:
            self._fail(f"sent more than {MAX_ITEMS} items")
        elif sum(one.type == "function_call" for one in self._items.values()) > MAX_CALLS:
            self._fail(f"asked for more than {MAX_CALLS} tools at once")

    def _over(self, data: bytes) -> None:
        self._take(_whole.decode(data).response)

    # -- whole objects -----------------------------------------------------------------------------------------

    def _object(self, data: bytes) -> None:
        response = _read(_response, data)
        if response is None or (response.status is None and response.error == _NONE):
            self._broken("sent something that cannot be read")
        else:
            self._take(response)

    def _take(self, response: _Response) -> None:
        """The response is over: what it says last, and what was not sent before."""
        self.done = True
        self._response = response
        if response.error != _NONE or response.status in ("failed", "cancelled"):
            error = bytes(response.error) if response.error != _NONE else b'{"message": "no reason given"}'
            self._failed = broken_off(error, self._key, self.reported)
            return
        for index, item in enumerate(response.output or ()):
            if index not in self._items or not self._whole_item(index):
                self._keep(index, item)
        for index in sorted(self._items):
            if index not in self._pieces and self._items[index].type == "message":
                self._said_at_once(index, self._items[index])
        if not self._thoughts:
            self._thoughts += [part.text or "" for item in self._items.values() for part in item.summary or ()]

    def _whole_item(self, index: int) -> bool:
        """Whether the item was told when it was done, and not only when it began."""
        item = self._items[index]
        return bool(item.content or item.arguments or item.encrypted_content)

    def _said_at_once(self, index: int, item: _Item) -> None:
        for part in item.content or ():
            self._refused = self._refused or part.type == "refusal"
            self._say(index, part.text or part.refusal or "")

    # -- what it comes to --------------------------------------------------------------------------------------

    def _calls(self) -> Iterable[ToolCall]:
        """The calls in the order in which they stand, each with an id of its own."""
        places = [index for index in sorted(self._items) if self._items[index].type == "function_call"]
        given = (self._items[index].call_id or self._items[index].id or "" for index in places)
        for index, call_id in zip(places, calls.ids(self._call, given), strict=True):
            item = self._items[index]
            arguments = item.arguments or "".join(self._pieces.get(index, ()))
            yield ToolCall(call_id, item.name or "", arguments)

    def _state(self, made: Iterable[ToolCall]) -> ProviderState | None:
        ids = iter(call.id for call in made)
        kept: list[Kept] = []
        for index in sorted(self._items):
            item = self._items[index]
            if item.type == "reasoning" and item.id and item.encrypted_content:
                summary = tuple(part.text or "" for part in item.summary or ())
                kept.append(Thought(item.id, item.encrypted_content, summary))
            elif item.type == "message":
                length = sum(map(len, self._pieces.get(index, ())))
                kept.append(Said(item.id or "", length, item.phase or ""))
            elif item.type == "function_call":
                kept.append(Called(item.id or "", next(ids, "")))
        return keep(self._call.model, self._origin, kept) if all(item.id for item in kept) else None

    def _fail(self, what: str) -> None:
        self._failed = ProviderFailed("server", what, retryable=True, usage=self.reported)
        self.done = True

    def _broken(self, what: str) -> None:
        if self._failed is None:
            self._fail(what)

    def _reckon(self) -> Usage:
        """The reported figures; what is missing or cannot be true is replaced by our estimate."""
        written = sum(map(len, self._shown)) + self._counted
        written += sum(len(item.name or "") + len(item.arguments or "") for item in self._items.values())
        estimate = Usage(self._call.reserve_in, estimate_tokens(written), 0, reported=False)
        said = _read(_usage, bytes(self._response.usage)) if self._response is not None else None
        if said is None:
            return estimate
        inner, outer = said.input_tokens_details or _Details(), said.output_tokens_details or _Details()
        told = Usage(
            said.input_tokens,
            said.output_tokens,
            cached=inner.cached_tokens or 0,
            cache_write=inner.cache_write_tokens or 0,
            reasoning=outer.reasoning_tokens or 0,
        )
        return believed(told, estimate, written > 0)


def _read(decoder: "msgspec.json.Decoder[T]", data: bytes) -> T | None:
    try:
        return decoder.decode(data)
    except UNREADABLE:
        return None
