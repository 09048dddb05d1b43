"""How does what an endpoint sends become an answer? Pure: bytes in, a ModelAnswer or a ProviderFailed out.

Shapes: openai 3.54.0, types/chat/chat_completion_chunk.py and chat_completion.py. What endpoints are known to do
differently is taken too: one JSON object for a stream, no ids or no indices of tool calls, no usage, no [DONE].
Reasoning (`reasoning_content`; `reasoning` at vLLM, OpenRouter and Groq; parts of type `thinking` at Mistral) is kept
apart and never becomes text. Figures that some give beside the vendor's: DeepSeek `prompt_cache_hit_tokens`, Moonshot
`cached_tokens`; xAI counts reasoning beside what was written, which the total tells (BerriAI/litellm names all three;
unverified).
"""

from collections.abc import Iterable, Mapping

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
from quarterdeck.providers.openai_compatible import details
from quarterdeck.providers.openai_compatible.messages import WIRE

_FINISH: Mapping[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "content_filter": "filter",
    "refusal": "refusal",
}
_NONE = msgspec.Raw(b"null")
MAX_REASONING = 100_000
"""Characters of reasoning that are kept; all are counted."""


class _Function(msgspec.Struct, frozen=True, gc=False):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct, frozen=True, gc=False):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Part(msgspec.Struct, frozen=True):
    """A piece of a content that is a list."""

    type: str = ""
    text: str | None = None
    thinking: list["_Part"] | str | None = None


class _Said(msgspec.Struct, frozen=True):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: msgspec.Raw = _NONE


class _Choice(msgspec.Struct, frozen=True):
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, frozen=True):
    """A piece of a stream (`delta`) or a whole answer (`message`). Figures and errors may have any shape."""

    choices: list[_Choice] | None = None
    model: str | None = None
    usage: msgspec.Raw = _NONE
    error: msgspec.Raw = _NONE


class _In(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Out(msgspec.Struct, frozen=True):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int | None = None
    prompt_tokens_details: _In | None = None
    completion_tokens_details: _Out | None = None
    prompt_cache_hit_tokens: int | None = None
    cached_tokens: int | None = None

    @property
    def cached(self) -> int:
        """What came from the cache."""
        inner = self.prompt_tokens_details.cached_tokens if self.prompt_tokens_details else None
        return inner or self.prompt_cache_hit_tokens or self.cached_tokens or 0

    @property
    def cache_write(self) -> int:
        """What was put into the cache."""
        return (self.prompt_tokens_details.cache_write_tokens if self.prompt_tokens_details else None) or 0

    @property
    def reasoning(self) -> int:
        """What was written and not shown."""
        return (self.completion_tokens_details.reasoning_tokens if self.completion_tokens_details else None) or 0

    @property
    def written(self) -> int:
        """All that was written, reasoning included."""
        beside = (
            self.reasoning > 0 and self.total_tokens == self.prompt_tokens + self.completion_tokens + self.reasoning
        )
        return self.completion_tokens + (self.reasoning if beside else 0)


_chunk = msgspec.json.Decoder(_Chunk)
_usage = msgspec.json.Decoder(_Usage)


class _Slot:
    """A tool call that is being written."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []


class Reading:
    """One answer while it comes. `feed` never raises; `end` says what became of it.

    `done`: nothing more is worth waiting for. `complete`: an answer is there, even if the connection breaks now.
    """

    def __init__(self, call: ModelCall, key: Secret | None) -> None:
        self.done = False
        self._call = call
        self._key = key
        self._body = Body()
        self._chosen = False
        self._finish = ""
        self._refused = False
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._thought = 0
        self._details = details.Details()
        self._slots: list[_Slot] = []
        self._open: dict[int | None, _Slot] = {}
        self._model = ""
        self._figures = b""
        self._failed: ProviderFailed | None = None

    @property
    def complete(self) -> bool:
        """Whether the endpoint said that the answer has ended."""
        return self.done or bool(self._finish)

    @property
    def reported(self) -> Usage | None:
        """Usage as far as it was reported, for an answer that failed."""
        return self._reckon() if self._figures else None

    def feed(self, chunk: bytes) -> str:
        """Take more of the body; the text that is new in it."""
        known = len(self._text)
        for data in self._body.feed(chunk):
            if self.done:
                break
            self._event(data)
        if self._body.overlong:
            self._fail(OVERLONG)
        return "".join(self._text[known:])

    def end(self) -> ModelAnswer:
        """The body is over. Raises ProviderFailed: cut, what the error object says, or server for nonsense."""
        if (whole := self._body.whole) is not None:
            self._event(whole)
            self.done = True
        elif not self.done:
            self._last_events()
        if self._failed is not None:
            raise self._failed
        if not self.complete:
            raise ProviderFailed("cut", "the answer broke off", retryable=True, usage=self.reported)
        if not self._chosen:
            raise ProviderFailed("server", "the answer holds nothing", retryable=True, usage=self.reported)
        finish = _FINISH.get(self._finish) or ("refusal" if self._refused else None)
        # Calls of an answer that was cut short or withheld may be incomplete; they are never run.
        made = tuple(self._calls()) if finish is None else ()
        message = AssistantMessage("".join(self._text), made, "".join(self._reasoning)[:MAX_REASONING], self._state())
        return ModelAnswer(message, finish or ("tool_calls" if made else "stop"), self._reckon(), self._model)

    def _state(self) -> ProviderState | None:
        """What the same model may want back with this message."""
        data = self._details.end()
        return ProviderState(WIRE, self._call.model, data) if data else None

    def _last_events(self) -> None:
        """An event that was cut in two is no event."""
        for data in self._body.close():
            chunk = _read(data)
            if data.strip() == b"[DONE]":
                self.done = True
            elif chunk is not None:
                self._take(chunk)

    def _event(self, data: bytes) -> None:
        chunk = _read(data)
        if chunk is not None:
            self._take(chunk)
        elif data.strip() == b"[DONE]":
            self.done = True
        elif data.strip():
            self._fail("sent something that cannot be read")

    def _take(self, chunk: _Chunk) -> None:
        if chunk.usage != _NONE:
            self._figures = bytes(chunk.usage)
        if chunk.error != _NONE:
            self._failed = broken_off(bytes(chunk.error), self._key, self.reported)
            self.done = True
            return
        if chunk.model:
            self._model = chunk.model
        if not chunk.choices:
            return
        self._chosen = True
        choice = chunk.choices[0]
        if choice.finish_reason:
            self._finished(choice.finish_reason)
        said = choice.delta or choice.message
        if said is not None:
            self._said(said)

    def _finished(self, reason: str) -> None:
        self._finish = reason
        if reason == "error":  # a router's word for an upstream that failed
            self._fail("ended with an error")

    def _said(self, said: _Said) -> None:
        if isinstance(said.content, str):
            self._text.append(said.content)
        for part in said.content if isinstance(said.content, list) else ():
            self._content(part)
        if said.refusal:
            self._text.append(said.refusal)
            self._refused = True
        self._think(said.reasoning_content or said.reasoning or "")
        if said.reasoning_details != _NONE:
            self._details.take(details.read(bytes(said.reasoning_details)))
        for part in said.tool_calls or ():
            self._part(part)

    def _content(self, part: _Part) -> None:
        """A piece of a content that is a list; thinking may be a list of its own."""
        if isinstance(part.thinking, str):
            self._think(part.thinking)
        elif part.thinking is not None:
            self._think("".join(inner.text or "" for inner in part.thinking))
        elif part.text:
            self._text.append(part.text)

    def _think(self, text: str) -> None:
        if self._thought < MAX_REASONING:
            self._reasoning.append(text)
        self._thought += len(text)

    def _part(self, part: _Call) -> None:
        """A piece of a call. Its index names the call; without one, a new id or name begins the next call."""
        function = part.function or _Function()
        slot = self._open.get(part.index)
        renamed = part.index is None and not part.id and bool(function.name)
        if slot is None or renamed or (part.id and slot.id and part.id != slot.id):
            slot = self._open[part.index] = _Slot()
            self._slots.append(slot)
            if len(self._slots) > MAX_CALLS:
                self._fail(f"asked for more than {MAX_CALLS} tools at once")
                return
        slot.id = slot.id or part.id or ""
        slot.name = slot.name or function.name or ""
        if function.arguments:
            slot.arguments.append(function.arguments)

    def _calls(self) -> Iterable[ToolCall]:
        """The calls in the order in which they began, each with an id of its own."""
        for call_id, slot in zip(calls.ids(self._call, (slot.id for slot in self._slots)), self._slots, strict=True):
            yield ToolCall(call_id, slot.name, "".join(slot.arguments))

    def _fail(self, what: str) -> None:
        self._failed = ProviderFailed("server", what, retryable=True, usage=self.reported)
        self.done = True

    def _reckon(self) -> Usage:
        """The reported figures; what is missing or cannot be true is replaced by our estimate."""
        written = sum(map(len, self._text)) + self._thought
        written += sum(len(slot.name) + sum(map(len, slot.arguments)) for slot in self._slots)
        estimate = Usage(self._call.reserve_in, estimate_tokens(written), 0, reported=False)
        try:
            said = _usage.decode(self._figures)
        except UNREADABLE:
            return estimate
        told = Usage(
            said.prompt_tokens,
            said.written,
            cached=said.cached,
            cache_write=said.cache_write,
            reasoning=said.reasoning,
        )
        return believed(told, estimate, written > 0)


def _read(data: bytes) -> _Chunk | None:
    try:
        return _chunk.decode(data)
    except UNREADABLE:
        return None
