"""How does what the vendor sends become an answer? Pure: bytes in, a ModelAnswer or a ProviderFailed out.

Shapes: anthropic 2.14.0, types/message.py and raw_message_stream_event.py. An answer is a list of blocks; each begins,
grows by deltas and ends. All figures of usage are totals, so a later one takes the place of an earlier one. Events,
blocks and deltas that are not known are passed over: the vendor says that there will be more (its page "Versions").
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.base.secrets import Secret
from quarterdeck.model.action import ModelCall
from quarterdeck.model.message import AssistantMessage, ToolCall
from quarterdeck.model.turn import FinishReason, ModelAnswer, Usage
from quarterdeck.ports import ProviderFailed
from quarterdeck.providers.anthropic import state
from quarterdeck.providers.anthropic.blocks import Redacted, Thinking
from quarterdeck.providers.anthropic.failure import broken_off
from quarterdeck.providers.anthropic.state import CallMark, TextMark
from quarterdeck.providers.anthropic.usage import Figures, at_least, reckon
from quarterdeck.providers.http import calls
from quarterdeck.providers.http.body import OVERLONG, Body
from quarterdeck.providers.http.wire import MAX_CALLS

MAX_BLOCKS = 1000
_FINISH: Mapping[str, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",  # the vendor's own tools paused; we use none, so the answer is merely not finished
    "refusal": "refusal",
}
_KNOWN = (
    "message_start content_block_start content_block_delta content_block_stop message_delta message_stop error message"
).split()
_NONE = msgspec.Raw(b"null")


class _Block(msgspec.Struct, frozen=True, gc=False):
    """A block as it begins, or whole."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = _NONE


class _Delta(msgspec.Struct, frozen=True, gc=False):
    """What is new in a block, or in the answer as a whole."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Message(msgspec.Struct, frozen=True):
    model: str | None = None
    usage: msgspec.Raw = _NONE


class _Event(msgspec.Struct, frozen=True):
    """One event, or a whole answer (`type` message). Errors and figures may have any shape."""

    type: str = ""
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: msgspec.Raw = _NONE
    error: msgspec.Raw = _NONE
    content: list[_Block] | None = None
    model: str | None = None
    stop_reason: str | None = None


class _Named(msgspec.Struct, frozen=True):
    type: str = ""


_event = msgspec.json.Decoder(_Event)
_named = msgspec.json.Decoder(_Named)


class _Slot:
    """A block that is being written."""

    __slots__ = ("data", "id", "input", "kind", "name", "pieces", "signature")

    def __init__(self, begun: _Block) -> None:
        self.kind = begun.type
        self.id = begun.id or ""
        self.name = begun.name or ""
        self.data = begun.data or ""
        self.signature = begun.signature or ""
        self.pieces = [begun.text or begun.thinking or ""]
        self.input = b"" if begun.input in (_NONE, msgspec.Raw(b"{}")) else bytes(begun.input)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def arguments(self) -> str:
        """JSON text as the model wrote it; a call without arguments has none."""
        return self.text or self.input.decode() or "{}"


class Reading:
    """One answer while it comes. `feed` never raises; `end` says what became of it.

    `done`: nothing more is worth waiting for. `complete`: an answer is there, even if the connection breaks now.
    """

    def __init__(self, call: ModelCall, key: Secret | None) -> None:
        self.done = False
        self._call = call
        self._key = key
        self._body = Body()
        self._stop = ""
        self._slots: dict[int, _Slot] = {}
        self._model = ""
        self._figures = Figures()
        self._failed: ProviderFailed | None = None

    @property
    def complete(self) -> bool:
        """Whether the vendor said how the answer ended."""
        return self.done or bool(self._stop)

    @property
    def reported(self) -> Usage | None:
        """Usage as far as it was reported, for an answer that failed. Only the end tells what was written."""
        if self._figures.input_tokens is None:
            return None
        return self._reckon() if self._stop else at_least(self._reckon(), self._written())

    def feed(self, chunk: bytes) -> str:
        """Take more of the body; the text that is new in it."""
        fresh: list[str] = []
        for data in self._body.feed(chunk):
            if self.done:
                break
            fresh.append(self._read(data))
        if self._body.overlong:
            self._fail(OVERLONG)
        return "".join(fresh)

    def end(self) -> ModelAnswer:
        """The body is over. Raises ProviderFailed: cut, what an error in it says, or server for nonsense."""
        if (whole := self._body.whole) is not None:
            self._read(whole)
        elif not self.done:
            for data in self._body.close():
                self._read(data, last=True)
        if self._failed is not None:
            raise self._failed
        if not self._stop:
            raise ProviderFailed("cut", "the answer broke off", retryable=True, usage=self.reported)
        finish = _FINISH.get(self._stop)
        # Calls of an answer that was cut short or withheld may be incomplete; they are never run.
        made = tuple(self._calls()) if finish is None else ()
        thoughts = "".join(slot.text for slot in self._of("thinking"))
        kept = state.keep(list(self._layout()), self._call.model) if finish is None else None
        message = AssistantMessage("".join(slot.text for slot in self._of("text")), made, thoughts, kept)
        return ModelAnswer(message, finish or ("tool_calls" if made else "stop"), self._reckon(), self._model)

    def _read(self, data: bytes, last: bool = False) -> str:
        """One event; the text that is new in it. An event that the end of the body cut in two is none."""
        try:
            event = _event.decode(data)
        except UNREADABLE:
            if data.strip() and not last and not _unknown(data):
                self._fail("sent something that cannot be read")
            return ""
        return self._take(event)

    def _take(self, event: _Event) -> str:
        match event.type:
            case "message_start":
                started = event.message or _Message()
                self._model = started.model or ""
                self._figures = self._figures.updated(bytes(started.usage))
            case "content_block_start" if event.content_block is not None:
                return self._open(event.index, event.content_block)
            case "content_block_delta" if event.delta is not None:
                return self._grow(event.index, event.delta)
            case "message_delta":
                self._stop = (event.delta.stop_reason if event.delta else None) or self._stop
                self._figures = self._figures.updated(bytes(event.usage))
            case "message_stop":
                self.done = True
            case "error":
                self._failed = broken_off(bytes(event.error), self._key, self.reported)
                self.done = True
            case "message":
                self._take_whole(event)
            case _:
                pass
        return ""

    def _take_whole(self, event: _Event) -> None:
        """An answer that is not streamed; some proxies send it for a stream."""
        for index, block in enumerate(event.content or ()):
            self._open(index, block)
        self._model, self._stop = event.model or "", event.stop_reason or ""
        self._figures = self._figures.updated(bytes(event.usage))
        self.done = True

    def _open(self, index: int, block: _Block) -> str:
        self._slots[index] = slot = _Slot(block)
        if len(self._slots) > MAX_BLOCKS or len(self._of("tool_use")) > MAX_CALLS:
            self._fail("sent more blocks or calls than an answer has")
        return slot.text if slot.kind == "text" else ""

    def _grow(self, index: int, delta: _Delta) -> str:
        slot = self._slots.get(index)
        if slot is None:
            return ""
        match delta.type, slot.kind:
            case "text_delta", "text":
                slot.pieces.append(delta.text or "")
                return delta.text or ""
            case "thinking_delta", "thinking":
                slot.pieces.append(delta.thinking or "")
            case "signature_delta", "thinking":
                slot.signature = delta.signature or ""
            case "input_json_delta", "tool_use":
                slot.pieces.append(delta.partial_json or "")
            case _:
                pass
        return ""

    def _of(self, kind: str) -> list[_Slot]:
        return [slot for slot in self._slots.values() if slot.kind == kind]

    def _layout(self) -> Iterator[state.Mark]:
        for slot in self._slots.values():
            match slot.kind:
                case "text":
                    yield TextMark(len(slot.text))
                case "thinking":
                    yield Thinking(slot.text, slot.signature)
                case "redacted_thinking":
                    yield Redacted(slot.data)
                case "tool_use":
                    yield CallMark()
                case _:
                    continue

    def _calls(self) -> Iterable[ToolCall]:
        """The calls in the order in which they began, each with an id of its own."""
        slots = self._of("tool_use")
        for call_id, slot in zip(calls.ids(self._call, (slot.id for slot in slots)), slots, strict=True):
            yield ToolCall(call_id, slot.name, slot.arguments)

    def _fail(self, what: str) -> None:
        self._failed = ProviderFailed("server", what, retryable=True, usage=self.reported)
        self.done = True

    def _written(self) -> int:
        return sum(len(slot.name) + len(slot.text) + len(slot.input) for slot in self._slots.values())

    def _reckon(self) -> Usage:
        return reckon(self._figures, self._call.reserve_in, self._written())


def _unknown(data: bytes) -> bool:
    """Whether this is an event of a kind that we do not know, whatever it looks like."""
    try:
        return _named.decode(data).type not in _KNOWN
    except UNREADABLE:
        return False
