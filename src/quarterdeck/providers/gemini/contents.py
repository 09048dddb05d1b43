"""How does a history become contents? Pure.

There are two sides, user and model. What one says in a row is one content; the results of an answer's calls are a
content of their own, in the order of the calls. A conversation begins and ends with the user's side (wordings of
the API's errors: google-gemini/gemini-cli #26486 and #4504, langchain-ai/langchain #27799). Parts: types.py, Part.
"""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from quarterdeck.base.outside import UNREADABLE
from quarterdeck.model.message import AssistantMessage, Said, SystemEvent, ToolCall, ToolResult, UserMessage
from quarterdeck.providers.gemini import names
from quarterdeck.providers.gemini.files import Chosen
from quarterdeck.providers.gemini.marks import WAIVER, pieces, recall
from quarterdeck.providers.gemini.models import NEWEST, generation
from quarterdeck.providers.http import notes

EMPTY = "(an empty message)"
BEGUN = f"{notes.SYSTEM_EVENT}This conversation began earlier."
GO_ON = f"{notes.SYSTEM_EVENT}Nothing was added; go on."


class _Part(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    thought_signature: str | UnsetType = UNSET


class Text(_Part, frozen=True, kw_only=True):
    text: str
    thought: bool | UnsetType = UNSET


class _Blob(msgspec.Struct, frozen=True, rename="camel"):
    mime_type: str
    data: bytes


class File(_Part, frozen=True, rename="camel", kw_only=True):
    inline_data: _Blob


class _Call(msgspec.Struct, frozen=True):
    name: str
    args: msgspec.Raw
    id: str | UnsetType = UNSET


class Call(_Part, frozen=True, rename="camel", kw_only=True):
    function_call: _Call


class _Response(msgspec.Struct, frozen=True):
    name: str
    response: dict[str, str]
    id: str | UnsetType = UNSET


class Response(_Part, frozen=True, rename="camel", kw_only=True):
    function_response: _Response


Part = Text | File | Call | Response


class Content(msgspec.Struct, frozen=True):
    """What one side says: `role` is user or model."""

    parts: list[Part]
    role: str = "user"


_object = msgspec.json.Decoder(dict[str, object])


def contents(messages: Sequence[Said], files: Chosen, model: str) -> list[Content]:
    """The contents of a valid history, as `model` may read them."""
    found: list[Content] = []
    at = 0
    while at < len(messages):
        message = messages[at]
        if isinstance(message, AssistantMessage):
            end = at + 1
            while end < len(messages) and isinstance(messages[end], ToolResult):
                end += 1
            _say(found, "model", _assistant(message, model))
            results = [one for one in messages[at + 1 : end] if isinstance(one, ToolResult)]
            if message.calls:
                found.append(Content(_responses(message, results, model)))
            at = end
            continue
        _say(found, "user", _user(message, at, files))
        at += 1
    if not found or found[0].role == "model":
        found.insert(0, Content([Text(text=BEGUN)]))
    if found[-1].role == "model":
        found.append(Content([Text(text=GO_ON)]))
    return found


def _say(found: list[Content], role: str, parts: list[Part]) -> None:
    """Another content, or more of the last one; the results of calls stay alone."""
    if found and found[-1].role == role and not isinstance(found[-1].parts[0], Response):
        found[-1].parts.extend(parts)
    elif parts:
        found.append(Content(parts, role))


def _user(message: Said, at: int, files: Chosen) -> list[Part]:
    """Files first: the vendor wants the question behind the picture that it is about."""
    if isinstance(message, SystemEvent):
        return [Text(text=notes.SYSTEM_EVENT + message.text)]
    if not isinstance(message, UserMessage):
        return []  # a result without a call is no part of a valid history
    parts: list[Part] = []
    said = notes.said(message)
    lines = [said] if said else []
    for number, file in enumerate(message.attachments):
        if (inline := files.get((at, number))) is not None:
            parts.append(File(inline_data=_Blob(inline.mime, inline.data)))
        else:
            lines.append(notes.attachment(file))
    text = "\n".join(lines)
    return [*parts, Text(text=text)] if text else parts or [Text(text=EMPTY)]


def _assistant(message: AssistantMessage, model: str) -> list[Part]:
    marks = recall(message, model)
    parts: list[Part] = []
    if marks.thought:
        thought = [
            Text(text=text, thought=True, thought_signature=sign)
            for text, sign in pieces(message.reasoning, marks.thought)
            if sign
        ]
        parts += thought
    parts += [Text(text=text, thought_signature=sign or UNSET) for text, sign in pieces(message.text, marks.text)]
    for number, call in enumerate(message.calls):
        signature = marks.calls[number] if marks.calls else ""
        if not signature and number == 0 and generation(model) >= NEWEST:
            signature = WAIVER
        own_id = call.id if marks.ids and marks.ids[number] else UNSET
        parts.append(Call(function_call=_call(call, own_id), thought_signature=signature or UNSET))
    return parts


def _call(call: ToolCall, own_id: str | UnsetType) -> _Call:
    """What a model once wrote, made acceptable: a bad name or bad JSON would have every later request refused."""
    name = names.recalled(call.name)
    try:
        _object.decode(call.arguments)
    except UNREADABLE:
        return _Call(name, msgspec.Raw(b"{}"), own_id)
    return _Call(name, msgspec.Raw(call.arguments.encode()), own_id)


def _responses(message: AssistantMessage, results: list[ToolResult], model: str) -> list[Part]:
    """One for each call, in their order. `output` and `error` are the vendor's names (types.py, FunctionResponse)."""
    marks = recall(message, model)
    found: list[Part] = []
    for number, call in enumerate(message.calls):
        result = next((one for one in results if one.call_id == call.id), None)
        own_id = call.id if marks.ids and marks.ids[number] else UNSET
        told = {"error": "no result"} if result is None else _told(result)
        found.append(Response(function_response=_Response(names.recalled(call.name), told, own_id)))
    return found


def _told(result: ToolResult) -> dict[str, str]:
    return {"output" if result.status in ("ok", "given") else "error": result.text}
