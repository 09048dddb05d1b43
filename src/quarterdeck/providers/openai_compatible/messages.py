"""How is a conversation written as messages? Pure.

What an assistant message gives back: DeepSeek wants `reasoning_content` with every one (earendil-works/pi #3636,
Zoo-Code-Org/Zoo-Code #201), OpenRouter its `reasoning_details` unchanged (its guide on reasoning tokens). Mistral takes
ids of calls of nine letters and digits (anomalyco/opencode #1680) and no person directly behind a result
(datapizza-labs/datapizza-ai #98). Marks of the cache: OpenRouter's and Alibaba's guides on prompt caching, as
Anthropic writes them.
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.model.media import IMAGES
from quarterdeck.model.message import AssistantMessage, Said, SystemEvent, ToolResult, UserMessage
from quarterdeck.ports import ModelRequest
from quarterdeck.providers.http import calls, notes
from quarterdeck.providers.http.calls import CallIds
from quarterdeck.providers.http.media import Media, readable
from quarterdeck.providers.openai_compatible.dialect import Dialect

WIRE = "chat"
NO_ANSWER = "(no answer)"
"""Stands where an endpoint wants an answer and none was given: the turn was stopped."""


class _Function(msgspec.Struct, frozen=True):
    name: str
    arguments: str


class _Call(msgspec.Struct, frozen=True):
    id: str
    function: _Function
    type: str = "function"


class _Mark(msgspec.Struct, frozen=True):
    type: str = "ephemeral"


class _Text(msgspec.Struct, frozen=True):
    text: str
    type: str = "text"
    cache_control: _Mark | UnsetType = UNSET


class _Url(msgspec.Struct, frozen=True):
    url: str


class _Image(msgspec.Struct, frozen=True):
    image_url: _Url
    type: str = "image_url"


class _FileData(msgspec.Struct, frozen=True):
    filename: str
    file_data: str


class _File(msgspec.Struct, frozen=True):
    file: _FileData
    type: str = "file"


_Part = _Text | _Image | _File


class Message(msgspec.Struct, frozen=True):
    """A message as the vendor has it."""

    role: str
    content: str | tuple[_Part, ...] | None
    tool_calls: tuple[_Call, ...] | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    reasoning_details: msgspec.Raw | UnsetType = UNSET


class Written(msgspec.Struct, frozen=True):
    """Messages, and what of them is files: their bytes as encoded, and the tokens to reserve for them."""

    messages: list[Message]
    media_bytes: int
    media_tokens: int


_details = msgspec.json.Decoder(list[dict[str, object]])


def write(system: str, request: ModelRequest, dialect: Dialect) -> Written:
    """All messages of a request."""
    writing = _Writing(request, dialect)
    found = [Message("system", system)] if system else []
    for message in request.messages:
        found += writing.message(message)
    if dialect.cache == "marks":
        found = list(_marked(found))
    return Written(found, writing.media_bytes, writing.media_tokens)


class _Writing:
    """One conversation while it is written."""

    def __init__(self, request: ModelRequest, dialect: Dialect) -> None:
        self.media_bytes = 0
        self.media_tokens = 0
        self._request = request
        self._dialect = dialect
        self._ids = CallIds("[a-zA-Z0-9]{9}", "", 9) if dialect.short_ids else None
        self._after_result = False

    def message(self, message: Said) -> list[Message]:
        """One message, and what an endpoint wants to stand before it."""
        bridged = self._dialect.bridge and self._after_result and isinstance(message, UserMessage | SystemEvent)
        self._after_result = isinstance(message, ToolResult)
        before = [Message("assistant", NO_ANSWER)] if bridged else []
        match message:
            case UserMessage():
                return [*before, self._user(message)]
            case AssistantMessage():
                return [self._assistant(message)]
            case ToolResult():
                call_id = self._ids.of(message.call_id) if self._ids else message.call_id
                return [Message("tool", message.text, tool_call_id=call_id)]
            case SystemEvent():
                # As "user": many endpoints accept "system" only as the first message.
                return [*before, Message("user", notes.SYSTEM_EVENT + message.text)]

    def _user(self, message: UserMessage) -> Message:
        media: list[Media] = []
        texts = [notes.said(message)]
        for file in message.attachments:
            found = readable(file, self._request.files, self._dialect.reads)
            if found is None:
                texts.append(notes.attachment(file))
            else:
                media.append(found)
        text = "\n".join(texts if texts[0] or len(texts) == 1 else texts[1:])
        if not media:
            return Message("user", text)
        return Message("user", (*((_Text(text),) if text else ()), *map(self._part, media)))

    def _part(self, media: Media) -> _Part:
        url = media.url
        self.media_bytes += len(url)
        self.media_tokens += media.tokens
        if media.mime in IMAGES:
            return _Image(_Url(url))
        return _File(_FileData(notes.one_line(media.name) or "file.pdf", url))

    def _assistant(self, message: AssistantMessage) -> Message:
        if self._ids:
            self._ids.begin(message.calls)
        made = tuple(
            _Call(self._ids.of(call.id) if self._ids else call.id, _Function(calls.name(call), calls.arguments(call)))
            for call in message.calls
        )
        content = (message.text or None) if made else message.text
        return Message("assistant", content, made or UNSET, UNSET, self._reasoning(message), self._given_back(message))

    def _reasoning(self, message: AssistantMessage) -> str | UnsetType:
        return message.reasoning if self._dialect.echo == "reasoning_content" else UNSET

    def _given_back(self, message: AssistantMessage) -> msgspec.Raw | UnsetType:
        """What the same model wrote for this wire, unless it cannot be read."""
        state = message.state
        if self._dialect.echo != "reasoning_details" or state is None:
            return UNSET
        if state.wire != WIRE or state.model != self._request.model:
            return UNSET
        data = state.data.encode()
        try:
            _details.decode(data)
        except UNREADABLE:
            return UNSET
        return msgspec.Raw(data)


def _marked(written: Sequence[Message]) -> Iterable[Message]:
    """The system prompt and the last thing that a person said each end a part that may be cached."""
    last = max((index for index, message in enumerate(written) if message.role == "user"), default=-1)
    for index, message in enumerate(written):
        yield _mark(message) if message.role == "system" or index == last else message


def _mark(message: Message) -> Message:
    content = message.content
    if isinstance(content, str) and content:
        return msgspec.structs.replace(message, content=(_Text(content, cache_control=_Mark()),))
    if isinstance(content, tuple) and isinstance(content[0], _Text):
        first = msgspec.structs.replace(content[0], cache_control=_Mark())
        return msgspec.structs.replace(message, content=(first, *content[1:]))
    return message
