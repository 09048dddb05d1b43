"""What is answered to this conversation? Pure: a request, what its text asks for and its digest in, a Reply out.

The text and the calls are those of `tests.standins.model.answer`, so the same words get the same answer on every
wire.
"""

import json
from itertools import count

import msgspec

from tests.standins.gemini.catalogue import Model
from tests.standins.gemini.directives import Asked
from tests.standins.gemini.options import ENUM_TYPE, JSON_TYPE
from tests.standins.gemini.requests import Content, FunctionCall, FunctionResponse, GenerateRequest
from tests.standins.model import answer as common
from tests.standins.model.asked import Asked as CommonAsked
from tests.standins.model.asked import Place
from tests.standins.model.directives import Script, ToolAsk
from tests.standins.model.refused import CHARS_PER_TOKEN
from tests.standins.model.requests import Function, Message, ToolCall

MEDIA_TOKENS = 258  # an image, or a page of a document (ai.google.dev/gemini-api/docs/tokens); other media alike
EMPTY_FINISHES = ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE")


class Usage(msgspec.Struct, frozen=True):
    """Tokens; `cached` are part of `prompt`, the others are not part of each other."""

    prompt: int
    cached: int = 0
    candidates: int = 0
    thoughts: int = 0
    tool_use: int = 0
    media: int = 0

    @property
    def total(self) -> int:
        return self.prompt + self.candidates + self.thoughts + self.tool_use


class Reply(msgspec.Struct, frozen=True):
    """`pieces` are the deltas of the text, `thoughts` is shown before it, `spacing` are seconds between deltas."""

    usage: Usage | None
    pieces: tuple[str, ...] = ()
    thoughts: str = ""
    calls: tuple[FunctionCall, ...] = ()
    finish: str = "STOP"
    block: str | None = None
    spacing: float = 0.0

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def kind(self) -> str:
        """What the record calls it."""
        if self.block:
            return "blocked"
        return "tools" if self.calls else "text"


def conversation(contents: list[Content]) -> list[Message]:
    """The contents in the words of the common answerer: each text of a person is a message, the last one decides."""
    messages: list[Message] = []
    open_ids: list[str] = []
    ids = count()
    for content in contents:
        if content.role == "model":
            open_ids = [f"{next(ids)}" for _ in content.calls]
            messages.append(_said(content, open_ids))
            continue
        for call_id, response in zip(open_ids, content.responses, strict=False):
            messages.append(Message("tool", _result(response), tool_call_id=call_id))
        messages += [Message("user", part.text) for part in content.parts or () if part.text]
    return messages or [Message("user", "")]


def _said(content: Content, ids: list[str]) -> Message:
    calls = [
        ToolCall(call_id, "function", Function(call.name, json.dumps(call.args or {})))
        for call_id, call in zip(ids, content.calls, strict=True)
    ]
    text = "".join(part.text or "" for part in content.parts or () if not part.thought)
    return Message("assistant", text, tool_calls=calls or None)


def _result(response: FunctionResponse) -> str:
    """The value of "output" or "error", which the vendor names for that, else the whole object."""
    given = response.response or {}
    for name in ("output", "error"):
        if isinstance(value := given.get(name), str):
            return value
    return json.dumps(given)


def compose(
    request: GenerateRequest, model: Model, asked: Asked, here: Place, messages: list[Message], digest: str
) -> Reply:
    """The answer that the text asks for at this place."""
    script = _forced(request, asked.common, here)
    sizes = tuple(len(message.text) for message in messages)
    reply = common.compose(CommonAsked(model=model.name, stream=False, here=here, sizes=sizes), script, digest)
    calls = tuple(_call(call, model) for call in reply.calls)
    pieces = reply.pieces if calls else _shaped(request, reply, here)
    thoughts = asked.thoughts if model.thinks else ""
    finish = asked.finish or "STOP"
    if asked.block or finish in EMPTY_FINISHES:
        calls, pieces = (), ()
    elif asked.finish not in (None, "STOP"):
        calls, pieces = (), pieces[: max(1, len(pieces) // 2)]
    if (limit := request.config.max_output_tokens) is not None and not calls:
        kept = _within("".join(pieces), limit - tokens(thoughts))
        if kept is not None:
            finish, pieces = "MAX_TOKENS", (kept,) if kept else ()
    usage = _usage(request, reply, pieces, calls, thoughts, asked) if script.usage else None
    config = request.config.thinking_config
    shown = thoughts if config is not None and config.include_thoughts else ""
    return Reply(usage, pieces, shown, calls, finish, asked.block, reply.spacing)


def _forced(request: GenerateRequest, script: Script, here: Place) -> Script:
    """NONE calls nothing; ANY calls something; allowed names leave the others out."""
    calling = request.calling
    asks = script.rounds[here.round] if here.round < len(script.rounds) else ()
    if calling.mode == "NONE":
        asks = ()
    if calling.allowed_function_names is not None:
        asks = tuple(ask for ask in asks if ask.name in calling.allowed_function_names)
    if calling.mode == "ANY" and not asks:
        allowed = calling.allowed_function_names or [given.name for given in request.declarations]
        given = next(given for given in request.declarations if given.name == allowed[0])
        schema = given.parameters if given.parameters is not None else given.parameters_json_schema
        asks = (ToolAsk(given.name, json.dumps(sample(schema or {"type": "object"}))),)
    rounds = (*(() for _ in range(here.round)), asks)
    return msgspec.structs.replace(script, rounds=rounds)


def _call(call: common.Call, model: Model) -> FunctionCall:
    try:
        args = msgspec.json.decode(call.arguments, type=dict[str, object])
    except msgspec.DecodeError:
        args = {}
    return FunctionCall(call.name, call.id[5:] if model.generation >= 3 else None, args)


def _shaped(request: GenerateRequest, reply: common.Reply, here: Place) -> tuple[str, ...]:
    """A text that was asked for as JSON, or as one of several values, is one."""
    config = request.config
    schema = config.response_schema if config.response_schema is not None else config.response_json_schema
    if config.response_mime_type == JSON_TYPE:
        text = json.dumps(sample(schema, here.text) if schema is not None else {"re": here.text})
        return tuple(text[start : start + 8] for start in range(0, len(text), 8))
    if config.response_mime_type == ENUM_TYPE:
        return (str(sample(schema)),)
    return reply.pieces


def sample(schema: object, text: str = "text", root: object = None) -> object:
    """The smallest value that fits a schema; texts in it are `text`."""
    if not isinstance(schema, dict):
        return text
    root = schema if root is None else root
    node: dict[str, object] = schema
    if isinstance(reference := node.get("$ref"), str) and isinstance(root, dict):
        return sample(root["$defs"][reference.removeprefix("#/$defs/")], text, root)
    if isinstance(values := node.get("enum"), list):
        return values[0]
    for keyword in ("anyOf", "oneOf"):
        if isinstance(options := node.get(keyword), list):
            return sample(options[0], text, root)
    return _of_type(node, text, root)


def _of_type(node: dict[str, object], text: str, root: object) -> object:
    kinds = node.get("type")
    kind = str(kinds[0] if isinstance(kinds, list) else kinds).lower()
    if kind == "object":
        properties, required = node.get("properties"), node.get("required")
        names = required if isinstance(required, list) else []
        return {name: sample(properties[name], text, root) for name in names} if isinstance(properties, dict) else {}
    if kind == "array":
        least = node.get("minItems")
        return [sample(node.get("items"), text, root) for _ in range(int(least) if isinstance(least, int | str) else 0)]
    if kind in ("integer", "number"):
        return node.get("minimum", 0)
    return {"boolean": True, "null": None}.get(kind, text)


def tokens(text: str) -> int:
    """About four characters a token."""
    return -(-len(text) // CHARS_PER_TOKEN)


def _within(text: str, limit: int) -> str | None:
    """What of a text fits, None when all does. Thinking can use a limit up."""
    if tokens(text) <= max(limit, 0):
        return None
    return text[: max(limit, 0) * CHARS_PER_TOKEN]


def prompt_tokens(request: GenerateRequest) -> tuple[int, int]:
    """Tokens of a request, and how many of them are media."""
    contents = [*request.contents, *([request.system_instruction] if request.system_instruction else [])]
    parts = [part for content in contents for part in content.parts or ()]
    media = sum(MEDIA_TOKENS for part in parts if part.inline_data or part.file_data)
    texts = sum(tokens(part.text or "") for part in parts)
    spoken = [*(part.function_call for part in parts), *(part.function_response for part in parts)]
    others = [*(each for each in spoken if each is not None), *request.declarations]
    return media + texts + sum(len(msgspec.json.encode(each)) // CHARS_PER_TOKEN for each in others) + 1, media


def _usage(
    request: GenerateRequest,
    reply: common.Reply,
    pieces: tuple[str, ...],
    calls: tuple[FunctionCall, ...],
    thoughts: str,
    asked: Asked,
) -> Usage:
    prompt, media = prompt_tokens(request)
    written = tokens("".join(pieces)) + sum(tokens(call.name + json.dumps(call.args)) for call in calls)
    cached = min(reply.usage.cached, prompt) if reply.usage else 0
    return Usage(prompt, cached, written, tokens(thoughts), asked.tool_use, media)
