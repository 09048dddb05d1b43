"""How is a conversation written as items? Pure.

Shapes: openai 3.54.0, types/responses/response_input_item_param.py. A call is an item of its own, its result another;
what has the same `call_id` belongs together. An assistant says `output_text`, everybody else `input_text`
(epam/ai-dial-adapter-openai #511).
"""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from quarterdeck.model.media import IMAGES
from quarterdeck.model.message import AssistantMessage, Said, SystemEvent, ToolCall, ToolResult, UserMessage
from quarterdeck.ports import ModelRequest
from quarterdeck.providers.http import calls, notes
from quarterdeck.providers.http.calls import CallIds
from quarterdeck.providers.http.media import Media, readable
from quarterdeck.providers.openai_responses import replay
from quarterdeck.providers.openai_responses.replay import BETWEEN, Called, Kept, Thought

CALL_IDS = ("[a-zA-Z0-9_-]{1,64}", "call_", 40)
"""At most 64 characters (AnswerDotAI/fastllm #45); which ones is not said, so only the plain ones go as they are."""


class _InputText(msgspec.Struct, frozen=True):
    text: str
    type: str = "input_text"


class _InputImage(msgspec.Struct, frozen=True):
    image_url: str
    detail: str = "auto"
    type: str = "input_image"


class _InputFile(msgspec.Struct, frozen=True):
    filename: str
    file_data: str
    type: str = "input_file"


class _OutputText(msgspec.Struct, frozen=True):
    text: str
    annotations: tuple[str, ...] = ()
    type: str = "output_text"


_Part = _InputText | _InputImage | _InputFile


class _Message(msgspec.Struct, frozen=True, tag="message"):
    role: str
    content: str | tuple[_Part, ...]


class _Answer(msgspec.Struct, frozen=True, tag="message"):
    id: str
    content: tuple[_OutputText, ...]
    phase: str | UnsetType = UNSET
    role: str = "assistant"
    status: str = "completed"


class _Call(msgspec.Struct, frozen=True, tag="function_call"):
    call_id: str
    name: str
    arguments: str
    id: str | UnsetType = UNSET


class _Output(msgspec.Struct, frozen=True, tag="function_call_output"):
    call_id: str
    output: str


class _SummaryText(msgspec.Struct, frozen=True):
    text: str
    type: str = "summary_text"


class _Reasoning(msgspec.Struct, frozen=True, tag="reasoning"):
    id: str
    encrypted_content: str
    summary: tuple[_SummaryText, ...]


Item = _Message | _Answer | _Call | _Output | _Reasoning


class Written(msgspec.Struct, frozen=True):
    """Items, and what of them is files: their bytes as encoded, and the tokens to reserve for them."""

    items: list[Item]
    media_bytes: int
    media_tokens: int


def write(request: ModelRequest, reads: Sequence[str], origin: str, told: str = "") -> Written:
    """All items of a request. `reads`: media types that may be put in; `origin`: see replay; `told` stands first."""
    writing = _Writing(request, reads, origin)
    found: list[Item] = [_Message("developer", told)] if told else []
    found += [item for message in request.messages for item in writing.message(message)]
    return Written(found, writing.media_bytes, writing.media_tokens)


class _Writing:
    """One conversation while it is written."""

    def __init__(self, request: ModelRequest, reads: Sequence[str], origin: str) -> None:
        self.media_bytes = 0
        self.media_tokens = 0
        self._request = request
        self._reads = reads
        self._origin = origin
        self._ids = CallIds(*CALL_IDS)
        self._items: set[str] = set()

    def message(self, message: Said) -> list[Item]:
        """The items of one message."""
        match message:
            case UserMessage():
                return [self._user(message)]
            case AssistantMessage():
                return self._assistant(message)
            case ToolResult():
                return [_Output(self._ids.of(message.call_id), message.text)]
            case SystemEvent():
                # As "user": what it tells may be somebody's words, which must not weigh more than a person's.
                return [_Message("user", notes.SYSTEM_EVENT + message.text)]

    def _user(self, message: UserMessage) -> Item:
        media: list[Media] = []
        texts = [notes.said(message)]
        for file in message.attachments:
            found = readable(file, self._request.files, self._reads)
            if found is None:
                texts.append(notes.attachment(file))
            else:
                media.append(found)
        text = "\n".join(texts if texts[0] or len(texts) == 1 else texts[1:])
        if not media:
            return _Message("user", text)
        return _Message("user", (*((_InputText(text),) if text else ()), *map(self._part, media)))

    def _part(self, media: Media) -> _Part:
        url = media.url
        self.media_bytes += len(url)
        self.media_tokens += media.tokens
        if media.mime in IMAGES:
            return _InputImage(url)
        return _InputFile(notes.one_line(media.name) or "file.pdf", url)

    def _assistant(self, message: AssistantMessage) -> list[Item]:
        self._ids.begin(message.calls)
        kept = replay.take_back(message, self._request.model, self._origin)
        ids = {item.id for item in kept}
        if kept and len(ids) == len(kept) and not ids & self._items:  # the vendor refuses an id that comes twice
            self._items |= ids
            return self._as_it_was(message, kept)
        said: list[Item] = [_Message("assistant", message.text)] if message.text or not message.calls else []
        return [*said, *(self._call(call) for call in message.calls)]

    def _as_it_was(self, message: AssistantMessage, kept: Sequence[Kept]) -> list[Item]:
        """The items in the order in which they came."""
        found: list[Item] = []
        at = 0
        made = {call.id: call for call in message.calls}
        for item in kept:
            if isinstance(item, Thought):
                summary = tuple(map(_SummaryText, item.summary))
                found.append(_Reasoning(item.id, item.encrypted_content, summary))
            elif isinstance(item, Called):
                found.append(self._call(made[item.call_id], item.id))
            else:
                start = at + (len(BETWEEN) if at and item.length else 0)
                at = start + item.length if item.length else at
                text = message.text[start : start + item.length]
                found.append(_Answer(item.id, (_OutputText(text),), item.phase or UNSET))
        return found

    def _call(self, call: ToolCall, item_id: str | UnsetType = UNSET) -> Item:
        return _Call(self._ids.of(call.id), calls.name(call), calls.arguments(call), item_id)
