"""How is a conversation written? Pure: a history in, turns that the vendor accepts out.

Rules: the vendor's Messages reference and its page "Handle tool calls": the first and the last turn are the user's
(newer models take no beginning of an answer), consecutive messages of one side are one turn, every call has its one
result at the head of the next turn, ids of calls are unique and of certain characters, no text is empty.
"""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.model.message import AssistantMessage, Attachment, SystemEvent, ToolCall, UserMessage
from quarterdeck.model.message import ToolResult as Result
from quarterdeck.ports import ModelRequest
from quarterdeck.providers.anthropic import state
from quarterdeck.providers.anthropic.blocks import Block, Document, Image, Source, Text, ToolResult, ToolUse, Turn
from quarterdeck.providers.anthropic.files import Place
from quarterdeck.providers.http import notes

EMPTY = "(empty message)"
BEGIN = notes.SYSTEM_EVENT + "What came before is not shown."
GO_ON = notes.SYSTEM_EVENT + "Go on."
MAX_NAME = 128
_BAD_CHARACTER = re.compile(r"[^a-zA-Z0-9_-]")
_object = msgspec.json.Decoder(dict[str, object])


def turns(request: ModelRequest, chosen: Mapping[Place, str]) -> list[Turn]:
    """The conversation; `chosen` are the files that it carries, by their place and with their media types."""
    written: list[Turn] = []
    ids = _Ids()
    for index, message in enumerate(request.messages):
        match message:
            case UserMessage():
                kinds = {number: chosen.get((index, number)) for number in range(len(message.attachments))}
                _add(written, "user", _said(message, kinds, request.files))
            case SystemEvent():
                _add(written, "user", [Text(notes.SYSTEM_EVENT + message.text)])
            case Result():
                _add(written, "user", [_result(message, ids)])
            case AssistantMessage():
                calls = [_call(call, ids) for call in message.calls]
                _add(written, "assistant", state.lay_out(message, calls, request.model))
    if not written or written[0].role == "assistant":
        written.insert(0, Turn("user", [Text(BEGIN)]))
    if written[-1].role == "assistant":
        written.append(Turn("user", [Text(GO_ON)]))
    return written


def _add(written: list[Turn], role: Literal["user", "assistant"], blocks: list[Block]) -> None:
    if blocks and written and written[-1].role == role:
        written[-1].content.extend(blocks)
    elif blocks:
        written.append(Turn(role, blocks))


def _said(message: UserMessage, kinds: Mapping[int, str | None], files: Mapping[str, bytes]) -> list[Block]:
    """Files come before the text, as the vendor advises; those that are not carried are named in it."""
    blocks: list[Block] = []
    lines = [notes.said(message)]
    for number, file in enumerate(message.attachments):
        kind = kinds[number]
        if kind is None:
            lines.append(notes.attachment(file))
        else:
            blocks.append(_file(file, kind, files[file.blob]))
    text = "\n".join(line for line in lines if line.strip())
    if text:
        blocks.append(Text(text))
    return blocks or [Text(EMPTY)]


def _file(file: Attachment, kind: str, data: bytes) -> Block:
    source = Source(kind, data)
    if kind.startswith("image/"):
        return Image(source)
    return Document(source, " ".join(file.name.split())[: notes.MAX_NOTE] or msgspec.UNSET)


class _Ids:
    """Ids of calls for the wire: acceptable characters, each only once. Results find the ids of their calls."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._open: dict[str, list[str]] = {}

    def begin(self, call_id: str) -> str:
        clean = _BAD_CHARACTER.sub("_", call_id) or "call"
        made, number = clean, 1
        while made in self._taken:
            number += 1
            made = f"{clean}_{number}"
        self._taken.add(made)
        self._open.setdefault(call_id, []).append(made)
        return made

    def end(self, call_id: str) -> str:
        return self._open[call_id].pop(0)


def _call(call: ToolCall, ids: _Ids) -> ToolUse:
    """What a model once wrote, made acceptable: a bad name or bad JSON would have every later request refused."""
    name = _BAD_CHARACTER.sub("_", call.name)[:MAX_NAME] or "_"
    try:
        given = _object.decode(call.arguments)
    except UNREADABLE:
        given = {}
    return ToolUse(ids.begin(call.id), name, given)


def _result(result: Result, ids: _Ids) -> ToolResult:
    failed = result.status not in ("ok", "given")
    return ToolResult(ids.end(result.call_id), result.text or msgspec.UNSET, failed or msgspec.UNSET)
