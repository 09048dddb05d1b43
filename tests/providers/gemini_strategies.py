"""What can be asked of the Gemini wire: any valid history, any tools, any schema, any wishes."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import strategies as st

from quarterdeck.model.asking import AnswerForm, Options, ToolSpec
from quarterdeck.model.message import (
    AssistantMessage,
    Attachment,
    ProviderState,
    ResultStatus,
    Said,
    SystemEvent,
    ToolCall,
    ToolResult,
    UserMessage,
)
from quarterdeck.ports import ModelRequest
from quarterdeck.providers.gemini.marks import Mark, Marks, keep
from tests.standins.gemini.requests import FunctionCall
from tests.standins.gemini.turns import signature

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
PDF = b"%PDF-1.7\n"
FILES: Mapping[str, bytes] = {
    "png": PNG,
    "pdf": PDF,
    "txt": "grüß".encode(),
    "latin": b"gr\xfc\xdf",
    "junk": b"\x00\x01",
    "empty": b"",
    "wav": b"RIFF....WAVE",
}
MODELS = ("gemini-2.0-flash-lite", "gemini-2.5-flash", "gemini-3-flash-preview")
MIMES = (
    *("image/png", "image/gif", "image/jpeg", "image/jpg", "application/pdf", "application/zip", "text/plain"),
    *("text/markdown; charset=utf-8", "audio/x-wav", "video/quicktime", "", "Text/HTML"),
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
arguments = st.one_of(
    st.dictionaries(texts, st.one_of(texts, st.integers(), st.none(), st.lists(texts, max_size=2)), max_size=3).map(
        json.dumps
    ),
    texts,
    st.sampled_from(["", "[]", "null", '{"unfinished": "', '{"a": 1e999}', "{}", ' {"a": {"b": [1, 2.5, true]}} ']),
)
attachments = st.builds(
    Attachment,
    name=texts,
    mime=st.sampled_from(MIMES),
    size=st.integers(0, 10**9),
    blob=st.sampled_from(["", "gone", *FILES]),
    error=st.sampled_from(["", "too large"]),
    text=st.sampled_from(["", "what it says"]),
)
users = st.builds(UserMessage, texts, st.lists(attachments, max_size=2).map(tuple), correction=st.booleans())


@st.composite
def states(draw: st.DrawFn, text: str, calls: list[ToolCall]) -> ProviderState | None:
    """None, junk, or what the reading of an answer keeps, of this model or of another."""
    kind = draw(st.sampled_from(["none", "junk", "own", "own", "own"]))
    model = draw(st.sampled_from(MODELS))
    if kind == "none":
        return None
    if kind == "junk":
        data = draw(st.one_of(texts, st.sampled_from(["{}", "[]", '{"calls": ["a", "b", "c", "d"], "ids": []}'])))
        return ProviderState(draw(st.sampled_from(["gemini", "other"])), model, data)
    ends = sorted(draw(st.lists(st.integers(0, len(text)), max_size=2)))
    marks = Marks(
        length=len(text),
        text=tuple(Mark(end, signature(None, f"{end}")) for end in ends),
        thought=draw(st.sampled_from([(), (Mark(4, signature(None, "t")),)])),
        calls=tuple(_signature(call) if number == 0 else "" for number, call in enumerate(calls)),
        ids=tuple(draw(st.booleans()) for _ in calls),
    )
    return keep(marks, model)


def _signature(call: ToolCall) -> str:
    """As the stand-in gives it; it can give none for what is no call to it."""
    try:
        args = msgspec.json.decode(call.arguments, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError):
        args = {}
    return signature(FunctionCall(call.name, args=args))


@st.composite
def answers(draw: st.DrawFn) -> list[Said]:
    """An assistant's message and, in any order, one result for each of its calls."""
    text = draw(texts)
    names = draw(st.lists(st.one_of(st.sampled_from(["look_up", "a.b:c-d"]), texts), max_size=3))
    odd = draw(st.booleans())
    calls = [ToolCall(f"call_{n}", name if odd else "look_up", draw(arguments)) for n, name in enumerate(names)]
    state = draw(states(text, calls)) if not odd else None
    message = AssistantMessage(text, tuple(calls), draw(st.sampled_from(["", "so so"])), state)
    statuses: st.SearchStrategy[ResultStatus] = st.sampled_from(
        ["ok", "error", "denied", "skipped", "unknown", "given"]
    )
    results = [ToolResult(call.id, call.name, draw(texts), draw(statuses)) for call in calls]
    return [message, *draw(st.permutations(results))]


histories = st.lists(
    st.one_of(users.map(lambda one: [one]), texts.map(lambda text: [SystemEvent(text)]), answers()), max_size=8
).map(lambda groups: tuple(message for group in groups for message in group))

KEYWORDS: Mapping[str, st.SearchStrategy[Any]] = {
    "title": texts,
    "description": texts,
    "default": st.one_of(texts, st.none(), st.integers()),
    "pattern": texts,
    "minLength": st.integers(0, 9),
    "minimum": st.integers(-9, 9),
    "exclusiveMinimum": st.one_of(st.integers(-9, 9), st.floats(-9, 9), st.booleans()),
    "exclusiveMaximum": st.integers(-9, 9),
    "multipleOf": st.integers(1, 9),
    "uniqueItems": st.booleans(),
    "format": st.sampled_from(["date-time", "uri", 5]),
    "const": st.one_of(texts, st.integers(), st.none(), st.booleans()),
    "enum": st.lists(st.one_of(texts, st.integers(), st.none(), st.booleans(), st.just({"a": 1})), max_size=3),
    "nullable": st.booleans(),
    "required": st.lists(st.sampled_from(["a", "b", "c", 5]), max_size=2),
    "$ref": st.sampled_from(["#/$defs/Node", "#/definitions/Old", "#/$defs/Gone", "#", "https://x/y"]),
    "$schema": texts,
    "$comment": texts,
    "x-made-up": texts,
}


def _deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    subschemas = {
        "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        "items": st.one_of(inner, st.lists(inner, max_size=2)),
        "prefixItems": st.lists(inner, max_size=2),
        "additionalProperties": st.one_of(inner, st.booleans()),
        "anyOf": st.lists(inner, max_size=2),
        "oneOf": st.lists(inner, max_size=2),
        "allOf": st.lists(inner, max_size=2),
        "not": inner,
        "if": inner,
        "patternProperties": st.dictionaries(texts, inner, max_size=1),
    }
    return _schemas({**KEYWORDS, **subschemas})


def _schemas(keywords: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    kinds = ["string", "integer", "number", "boolean", "array", "object", "null", ["string", "null"], "made-up", 5]
    chosen = st.lists(st.sampled_from(sorted(keywords)), max_size=4, unique=True)
    shaped = chosen.flatmap(lambda names: st.fixed_dictionaries({name: keywords[name] for name in names}))
    typed = st.tuples(shaped, st.sampled_from(kinds)).map(lambda pair: {"type": pair[1], **pair[0]})
    return st.one_of(shaped, typed, st.booleans())


schemas = st.recursive(_schemas(KEYWORDS), _deeper, max_leaves=6)


@st.composite
def objects(draw: st.DrawFn) -> str:
    """A schema that describes an object, as JSON text."""
    properties = draw(st.dictionaries(st.sampled_from("abcd"), schemas, max_size=3))
    described = {"type": "object", "properties": properties, "required": draw(st.lists(st.sampled_from("abz")))}
    for keyword in ("$defs", "definitions"):
        if draw(st.booleans()):
            described[keyword] = {"Node": draw(schemas), "Old": draw(schemas)}
    return json.dumps(described)


tool_names = st.from_regex(r"[A-Za-z0-9_-]{1,60}", fullmatch=True)


@st.composite
def requests(draw: st.DrawFn) -> ModelRequest:
    """Any request that the wire has to be able to write."""
    names = draw(st.lists(tool_names, max_size=3, unique=True))
    tools = tuple(ToolSpec(name, draw(texts), draw(objects())) for name in names)
    form = draw(st.one_of(st.none(), st.builds(AnswerForm, st.one_of(st.just(""), objects()))))
    options = Options(
        tool_choice=draw(st.sampled_from(["", "none", "required", *names])),
        form=form,
        temperature=draw(st.sampled_from([None, 0.0, 2.0])),
        top_p=draw(st.sampled_from([None, 0.5])),
        seed=draw(st.one_of(st.none(), st.integers(-(2**63), 2**63))),
        stop=tuple(draw(st.lists(texts.filter(bool), max_size=7))),
        effort=draw(st.sampled_from(["", "none", "minimal", "low", "medium", "high"])),
    )
    model = draw(st.sampled_from(MODELS))
    return ModelRequest(model, draw(texts), draw(histories), tools, draw(st.integers(1, 9999)), options, FILES)
