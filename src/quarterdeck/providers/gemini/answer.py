"""How does what the API sends become an answer? Pure: bytes in, a ModelAnswer or a ProviderFailed out.

Shapes: types.py, GenerateContentResponse, Candidate, Part. A stream is a row of such responses, each with the parts
that are new; it ends with its body, the last response has the finishReason. Calls come whole. A whole response, or
a list of them, is taken in place of a stream. What models are known to do is taken too: no ids, signatures on empty
texts, an error as an event, or as plain JSON behind the events (theopenco/llmgateway #3616).
"""

from collections.abc import Mapping

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.base.secrets import Secret
from quarterdeck.model.action import ModelCall
from quarterdeck.model.message import AssistantMessage, ToolCall
from quarterdeck.model.turn import FinishReason, ModelAnswer, Usage
from quarterdeck.ports import ProviderFailed
from quarterdeck.providers.gemini import failure, names
from quarterdeck.providers.gemini.marks import Mark, Marks, keep
from quarterdeck.providers.http import calls
from quarterdeck.providers.http.body import OVERLONG, Body
from quarterdeck.providers.http.wire import MAX_CALLS, believed, estimate_tokens

MAX_TAIL = 16 * 1024
"""Bytes of what stands behind the last event that are looked at for an error."""

_FINISH: Mapping[str, FinishReason | None] = {
    "STOP": None,
    "FINISH_REASON_UNSPECIFIED": None,
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "filter",
    "RECITATION": "filter",
    "LANGUAGE": "filter",
    "BLOCKLIST": "filter",
    "PROHIBITED_CONTENT": "filter",
    "SPII": "filter",
    "ESCALATION": "filter",
    "MODEL_ARMOR": "filter",
    "IMAGE_SAFETY": "filter",
    "IMAGE_PROHIBITED_CONTENT": "filter",
    "IMAGE_RECITATION": "filter",
}
"""types.py, FinishReason. The others say that the model failed: it may do better at the next attempt."""

_NEVER = ("MISSING_THOUGHT_SIGNATURE", "PUP_LIMITED_DISABLED")
"""Endings that the next attempt would have, too."""

_NONE = msgspec.Raw(b"null")


class _Call(msgspec.Struct, frozen=True):
    name: str | None = None
    id: str | None = None
    args: msgspec.Raw = _NONE


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _Call | None = None


class _Content(msgspec.Struct, frozen=True):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, frozen=True, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _Feedback(msgspec.Struct, frozen=True, rename="camel"):
    block_reason: str | None = None


class _Chunk(msgspec.Struct, frozen=True, rename="camel"):
    """One response. Figures and errors may have any shape."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    model_version: str | None = None
    usage_metadata: msgspec.Raw = _NONE
    error: msgspec.Raw = _NONE


class _Figures(msgspec.Struct, frozen=True, rename="camel"):
    """types.py, GenerateContentResponseUsageMetadata; a figure of zero is left out."""

    prompt_token_count: int = 0
    candidates_token_count: int = 0
    cached_content_token_count: int = 0
    thoughts_token_count: int = 0
    tool_use_prompt_token_count: int = 0


_chunk = msgspec.json.Decoder(_Chunk)
_list = msgspec.json.Decoder(list[_Chunk])
_figures = msgspec.json.Decoder(_Figures)


class _Signed:
    """A text that grows, and where it was signed."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.length = 0
        self.marks: list[Mark] = []

    def add(self, text: str, signature: str | None) -> None:
        self.pieces.append(text)
        self.length += len(text)
        if signature:
            self.marks.append(Mark(self.length, signature))

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Reading:
    """Implements providers.http.wire.Reading."""

    def __init__(self, call: ModelCall, key: Secret | None) -> None:
        self.done = False
        self._call = call
        self._key = key
        self._body = Body((b"{", b"["))
        self._tail = b""
        self._answered = False
        self._finish = ""
        self._blocked = ""
        self._text = _Signed()
        self._thought = _Signed()
        self._calls: list[tuple[_Call, str]] = []
        self._model = ""
        self._usage = b""
        self._failed: ProviderFailed | None = None

    @property
    def complete(self) -> bool:
        """Whether the API said how the answer ended."""
        return self.done or bool(self._finish or self._blocked)

    @property
    def reported(self) -> Usage | None:
        """Usage as far as it was reported, for an answer that failed."""
        return self._reckon() if self._usage else None

    def feed(self, chunk: bytes) -> str:
        """Take more of the body; the text that is new in it."""
        known = len(self._text.pieces)
        self._tail = (self._tail + chunk)[-MAX_TAIL:]
        for data in self._body.feed(chunk):
            if not self.done:
                self._event(data)
        if self._body.overlong:
            self._fail(OVERLONG)
        return "".join(self._text.pieces[known:])

    def end(self) -> ModelAnswer:
        """The body is over. Raises ProviderFailed: cut, what the error object says, or server for nonsense."""
        if (whole := self._body.whole) is not None:
            self._everything(whole)
        elif not self.done:
            self._last_words()
        if self._failed is not None:
            raise self._failed
        if not self.complete:
            raise ProviderFailed("cut", "the answer broke off", retryable=True, usage=self.reported)
        if not (self._answered or self._blocked):
            raise ProviderFailed("server", "the answer holds nothing", retryable=True, usage=self.reported)
        return self._answer()

    def _answer(self) -> ModelAnswer:
        finish = "filter" if self._blocked else _FINISH.get(self._finish)
        # Calls of an answer that was cut short or withheld are never run.
        made = self._calls if finish is None else []
        marks = Marks(
            length=self._text.length,
            text=tuple(self._text.marks),
            thought=tuple(self._thought.marks),
            calls=tuple(signature for _, signature in made),
            ids=tuple(bool(call.id) for call, _ in made),
        )
        message = AssistantMessage(
            self._text.text, self._tool_calls(made), self._thought.text, keep(marks, self._call.model)
        )
        return ModelAnswer(message, finish or ("tool_calls" if made else "stop"), self._reckon(), self._model)

    def _tool_calls(self, made: list[tuple[_Call, str]]) -> tuple[ToolCall, ...]:
        """Each call with an id of its own."""
        found: list[ToolCall] = []
        for (call, _), call_id in zip(made, calls.ids(self._call, (call.id or "" for call, _ in made)), strict=True):
            arguments = bytes(call.args).decode(errors="replace") if call.args != _NONE else "{}"
            found.append(ToolCall(call_id, names.returned(call.name or ""), arguments))
        return tuple(found)

    def _everything(self, body: bytes) -> None:
        """A body that is no stream."""
        try:
            found = _list.decode(body) if body.lstrip().startswith(b"[") else [_chunk.decode(body)]
        except UNREADABLE:
            self._fail("sent something that cannot be read")
            return
        for chunk in found:
            self._take(chunk)
        self.done = True

    def _last_words(self) -> None:
        """An event that was cut in two is no event. Behind the last one may stand an error that is no event."""
        for data in self._body.close():
            try:
                self._take(_chunk.decode(data))
            except UNREADABLE:
                continue
        if self.complete:
            return
        for separator in (b"\r\n\r\n", b"\n\n"):
            said = failure.in_body(self._tail.rpartition(separator)[2])
            if said is not None:
                self._broken_off(said)
                return

    def _event(self, data: bytes) -> None:
        try:
            chunk = _chunk.decode(data)
        except UNREADABLE:
            if data.strip():
                self._fail("sent something that cannot be read")
            return
        self._take(chunk)

    def _take(self, chunk: _Chunk) -> None:
        if chunk.usage_metadata != _NONE:
            self._usage = bytes(chunk.usage_metadata)
        if chunk.error != _NONE:
            self._broken_off(failure.in_event(bytes(chunk.error)))
            return
        if chunk.model_version:
            self._model = chunk.model_version
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            self._blocked = chunk.prompt_feedback.block_reason
        if not chunk.candidates:
            return
        self._answered = True
        candidate = chunk.candidates[0]
        for part in (candidate.content.parts if candidate.content else None) or ():
            self._part(part)
        if candidate.finish_reason:
            self._finished(candidate.finish_reason)

    def _part(self, part: _Part) -> None:
        if part.function_call is not None:
            self._calls.append((part.function_call, part.thought_signature or ""))
            if len(self._calls) > MAX_CALLS:
                self._fail(f"asked for more than {MAX_CALLS} tools at once")
        elif part.text is not None or part.thought_signature:
            kept = self._thought if part.thought else self._text
            kept.add(part.text or "", part.thought_signature)

    def _finished(self, reason: str) -> None:
        self._finish = reason
        if reason not in _FINISH:
            what = f"ended with {reason[:64]}"
            self._failed = ProviderFailed(
                "invalid" if reason in _NEVER else "server", what, retryable=reason not in _NEVER, usage=self.reported
            )
            self.done = True

    def _fail(self, what: str) -> None:
        self._give_up(ProviderFailed("server", what, retryable=True, usage=self.reported))

    def _broken_off(self, said: failure.Error) -> None:
        self._give_up(failure.broken_off(said, self._key, self.reported))

    def _give_up(self, failed: ProviderFailed) -> None:
        """What comes behind the end of an answer cannot spoil it."""
        if not self.complete:
            self._failed = failed
        self.done = True

    def _reckon(self) -> Usage:
        """The reported figures; what is missing or cannot be true is replaced by our estimate."""
        thought = self._thought.length
        written = self._text.length + sum(len(call.name or "") + len(bytes(call.args)) for call, _ in self._calls)
        estimate = Usage(self._call.reserve_in, estimate_tokens(written + thought), reported=False)
        try:
            said = _figures.decode(self._usage)
        except UNREADABLE:
            return estimate
        told = Usage(
            said.prompt_token_count + said.tool_use_prompt_token_count,
            said.candidates_token_count + said.thoughts_token_count,
            cached=said.cached_content_token_count,
            reasoning=said.thoughts_token_count,
        )
        return believed(told, estimate, written > 0)
