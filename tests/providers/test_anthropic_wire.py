"""Requests to the Messages API, pure: byte for byte, and whatever the history, within the vendor's rules.

The rules are those of `tests/standins/anthropic`, which shares no code with the product.
"""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from quarterdeck.base.config import ConfigRefusals
from quarterdeck.base.settings import ProviderConfig
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
from quarterdeck.ports import ModelProfile, ModelRequest, ProviderFailed
from quarterdeck.providers.anthropic.files import MAX_BYTES, MAX_IMAGE_BYTES, READS, carried, chosen, tokens
from quarterdeck.providers.anthropic.schema import held
from quarterdeck.providers.anthropic.settings import Settings, read_settings
from quarterdeck.providers.anthropic.wire import encode
from tests.standins.anthropic import NEWER, OLDER, PLAIN, THINKER, Model, options, schema, shapes, signing, turns
from tests.standins.files import PDF, pdf, png

pytestmark = pytest.mark.proves("provider.anthropic")
LOOK_UP = ToolSpec("look_up", "Looks up.", '{ "properties": {"q": {"type": "string"}} }')
REPORT = Attachment("report.pdf", "application/pdf", 12_345, blob="b")


def request(*messages: Said, system: str = "Be kind.", model: str = "m", **more: Any) -> ModelRequest:
    return ModelRequest(model, system, messages, **more)


def body(*messages: Said, own: Settings | None = None, **more: Any) -> dict[str, Any]:
    return json.loads(encode("main", "k0", request(*messages, **more), own or Settings(cache="off")).body)


# -- byte for byte -----------------------------------------------------------------------------------------


def test_a_request_byte_for_byte() -> None:
    history = (
        UserMessage("hello", sender="Ada", sent_at=5.0),
        AssistantMessage("wait", (ToolCall("c1", "look_up", '{"q": 1}'), ToolCall("c.1", "look_up", ""))),
        ToolResult("c.1", "look_up", "two"),
        ToolResult("c1", "look_up", "", "error"),
        SystemEvent("approved"),
        AssistantMessage("done"),
        UserMessage("bye", (REPORT,), correction=True),
    )
    call = encode("main", "k0", request(*history, tools=(LOOK_UP,), max_tokens=7), Settings())
    assert call.body == (
        b'{"model":"m","max_tokens":7,'
        b'"tools":[{"name":"look_up","description":"Looks up.",'
        b'"input_schema":{"type":"object","properties":{"q":{"type":"string"}}}}],'
        b'"system":[{"type":"text","text":"Be kind.","cache_control":{"type":"ephemeral"}}],'
        b'"messages":[{"role":"user","content":[{"type":"text","text":"hello"}]},'
        b'{"role":"assistant","content":[{"type":"text","text":"wait"},'
        b'{"type":"tool_use","id":"c1","name":"look_up","input":{"q":1}},'
        b'{"type":"tool_use","id":"c_1","name":"look_up","input":{}}]},'
        b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"c_1","content":"two"},'
        b'{"type":"tool_result","tool_use_id":"c1","is_error":true},'
        b'{"type":"text","text":"[system event] approved","cache_control":{"type":"ephemeral"}}]},'
        b'{"role":"assistant","content":[{"type":"text","text":"done"}]},'
        b'{"role":"user","content":[{"type":"text","text":"(correction of an earlier message) bye\\n'
        b'[attached file: report.pdf, application/pdf, 12 kB]","cache_control":{"type":"ephemeral"}}]}],'
        b'"stream":true}'
    )
    assert (call.provider, call.model, call.key, call.reserve_out) == ("main", "m", "k0", 7)
    assert call.reserve_in == len(call.body) * 3 // 10


def test_what_is_empty_is_left_out_or_said() -> None:
    assert body(system=" \n")["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "[system event] What came before is not shown."}]}
    ]
    found = body(AssistantMessage("hi"), AssistantMessage(" "), UserMessage(" "), AssistantMessage("x"))
    assert [turn["content"][0]["text"] for turn in found["messages"]] == [
        "[system event] What came before is not shown.",
        "hi",
        "(empty message)",
        "x",
        "[system event] Go on.",
    ]
    assert not {"tools", "tool_choice", "thinking", "output_config", "stop_sequences"} & set(found)


@pytest.mark.parametrize(
    ("own", "effort", "thinking", "output"),
    [
        ({}, "", None, None),
        ({}, "high", None, {"effort": "high"}),
        ({}, "minimal", None, {"effort": "low"}),
        ({}, "none", {"type": "disabled"}, None),
        ({"thinking": "off"}, "high", {"type": "disabled"}, None),
        ({"thinking": "adaptive"}, "", {"type": "adaptive"}, None),
        ({"thinking": "adaptive"}, "low", {"type": "adaptive"}, {"effort": "low"}),
        ({"thinking": "adaptive", "lacks": ("effort",)}, "low", {"type": "adaptive"}, None),
        ({"thinking": "adaptive"}, "none", {"type": "disabled"}, None),
        ({"thinking": "budget"}, "", {"type": "enabled", "budget_tokens": 2000}, None),
        ({"thinking": "budget"}, "low", {"type": "enabled", "budget_tokens": 1024}, None),
        ({"thinking": "budget"}, "high", {"type": "enabled", "budget_tokens": 3000}, None),
        ({"thinking": "budget"}, "none", None, None),
    ],
)
def test_how_hard_to_think(own: dict[str, Any], effort: Any, thinking: Any, output: Any) -> None:
    found = body(UserMessage("x"), own=Settings(**own), options=Options(effort=effort), max_tokens=4000)
    assert (found.get("thinking"), found.get("output_config")) == (thinking, output)


def test_no_budget_where_there_is_no_room_or_a_tool_is_forced() -> None:
    own = Settings(thinking="budget")
    assert "thinking" not in body(UserMessage("x"), own=own, max_tokens=1024)
    forced = Options(tool_choice="required")
    assert "thinking" not in body(UserMessage("x"), own=own, max_tokens=4000, tools=(LOOK_UP,), options=forced)


@pytest.mark.parametrize(
    ("wishes", "lacks", "choice"),
    [
        ({}, (), None),
        ({"parallel_calls": True}, (), None),
        ({"parallel_calls": False}, (), {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_choice": "none", "parallel_calls": False}, (), {"type": "none"}),
        ({"tool_choice": "required"}, (), {"type": "any"}),
        ({"tool_choice": "look_up"}, (), {"type": "tool", "name": "look_up"}),
        ({"tool_choice": "required"}, ("forced_tools",), None),
        ({"tool_choice": "look_up"}, ("forced_tools",), None),
    ],
)
def test_the_choice_of_tools(wishes: dict[str, Any], lacks: Any, choice: Any) -> None:
    found = body(UserMessage("x"), own=Settings(lacks=lacks), tools=(LOOK_UP,), options=Options(**wishes))
    assert found.get("tool_choice") == choice


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"tools": (ToolSpec("t", "d", '{}],"model":"dear"'),)}, "the parameters of the tool t are not a JSON object"),
        ({"tools": (ToolSpec("t", "d", '{"type":"array"}'),)}, "are not those of an object"),
        ({"tools": (LOOK_UP,), "options": Options(tool_choice="send")}, "the tool send is demanded and not offered"),
        ({"options": Options(form=AnswerForm("[1]"))}, "the schema of answer are not a JSON object"),
        ({"options": Options(form=AnswerForm('{"items":' * 50 + "{}" + "}" * 50))}, "nested deeper than 40"),
    ],
)
def test_what_cannot_be_written(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ProviderFailed, match=said) as raised:
        body(UserMessage("x"), **more)
    assert (raised.value.kind, raised.value.retryable) == ("invalid", False)


def test_what_the_vendor_would_not_take_again_is_repaired() -> None:
    bad = [("a.b", "{"), ("x" * 140, "[1]"), ("", '{"a":' + "[" * 99_999)]
    calls = [ToolCall("same id!", *made) for made in bad]
    results = [ToolResult(call.id, call.name, f"{number}") for number, call in enumerate(calls)]
    later = AssistantMessage("", (ToolCall("same_id_", "y", "{}"),))
    found = body(
        UserMessage("x"), AssistantMessage("", tuple(calls)), *results, later, ToolResult("same_id_", "y", "late")
    )["messages"]
    assert [(block["id"], block["name"], block["input"]) for block in found[1]["content"]] == [
        ("same_id_", "a_b", {}),
        ("same_id__2", "x" * 128, {}),
        ("same_id__3", "_", {}),
    ]
    assert [block["tool_use_id"] for block in found[2]["content"]] == ["same_id_", "same_id__2", "same_id__3"]
    assert found[3]["content"][0]["id"] == found[4]["content"][0]["tool_use_id"] == "same_id__4"


# -- thinking that goes back -------------------------------------------------------------------------------

THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}
HIDDEN = {"type": "redacted_thinking", "data": "d"}


def returned(text: str, calls: int, *layout: dict[str, Any], model: str = "m", wire: str = "anthropic") -> list[str]:
    """The blocks of such a message as it goes back; each text as `text:...`."""
    made = tuple(ToolCall(f"c{number}", "look_up", "{}") for number in range(calls))
    message = AssistantMessage(text, made, state=ProviderState(wire, model, json.dumps(layout)))
    results = [ToolResult(call.id, call.name, "ok") for call in made]
    found = body(UserMessage("x"), message, *results, UserMessage("y"), tools=(LOOK_UP,))["messages"]
    assert [turn["role"] for turn in found] in (["user", "assistant", "user"], ["user"])
    blocks = found[1]["content"] if len(found) == 3 else []
    for block in blocks:
        if "thinking" in block["type"]:
            assert block in (THOUGHT, HIDDEN)
    return [f"text:{block['text']}" if block["type"] == "text" else block["type"] for block in blocks]


def test_thinking_goes_back_where_it_was() -> None:
    text, call = {"type": "text", "length": 2}, {"type": "tool_use"}
    assert returned("abcd", 2, THOUGHT, text, HIDDEN, call, THOUGHT, text, call) == [
        "thinking",
        "text:ab",
        "redacted_thinking",
        "tool_use",
        "thinking",
        "text:cd",
        "tool_use",
    ]
    assert returned("  ", 1, THOUGHT, text, call) == ["thinking", "tool_use"]
    assert returned("ab", 0, text, THOUGHT) == ["text:ab"]
    assert returned("", 0, THOUGHT) == []


def test_thinking_that_does_not_fit_stays_here() -> None:
    text = {"type": "text", "length": 2}
    for fitting in (
        returned("ab", 0, THOUGHT, text, model="other"),
        returned("ab", 0, THOUGHT, text, wire="other"),
        returned("ab", 0, THOUGHT, text, text),
        returned("ab", 0, THOUGHT, text, {"type": "tool_use"}),
        returned("ab", 0, THOUGHT, text, {"type": "riddle"}),
        returned("ab", 0, THOUGHT, {"type": "text", "length": 3}, {"type": "text", "length": -1}),
    ):
        assert fitting == ["text:ab"]


# -- within the vendor's rules -----------------------------------------------------------------------------

WORDS = st.text(max_size=8) | st.sampled_from(["", " \n", "look_up", "c1", "c2"])
FILES = {
    "png": png(3, 2),
    "wide": png(9000, 1),
    "pdf": PDF,
    "long": pdf(60),
    "locked": PDF + b"/Encrypt",
    "gif": b"GIF89a\x01\x00\x01\x00" + b"\0" * 20,
    "empty": b"",
    "text": b"hello",
}
ATTACHMENTS = st.builds(
    Attachment,
    WORDS,
    st.sampled_from(["image/png", "application/pdf", "text/plain", ""]),
    st.integers(0, 10**9),
    blob=st.sampled_from([*FILES, "", "gone"]),
    error=st.sampled_from(["", "", "too large"]),
    text=WORDS,
)
CALLS = st.lists(
    st.builds(ToolCall, WORDS, WORDS, st.sampled_from(["{}", "", '{"a":{"b":[1]}}', "[]", "{", '{"a":"\\u0000"}'])),
    max_size=3,
)


@st.composite
def states(draw: st.DrawFn, text: str, calls: int) -> ProviderState | None:
    """What some wire kept: by this one or another, fitting or not."""
    thought = draw(st.sampled_from(["hm", ""]))
    thinking = {"type": "thinking", "thinking": thought, "signature": signing.signature(thought)}
    marks = [thinking, {"type": "redacted_thinking", "data": signing.redacted("x")}]
    cut = draw(st.integers(0, len(text)))
    layout: list[Any] = [{"type": "text", "length": cut}, {"type": "text", "length": len(text) - cut}]
    layout += [{"type": "tool_use"}] * (calls + draw(st.sampled_from([0, 0, 0, 1])))
    for mark in marks:
        layout.insert(draw(st.integers(0, len(layout))), mark)
    data = draw(st.sampled_from([json.dumps(layout), json.dumps(layout), "{", "[1]", "[]"]))
    wire = draw(st.sampled_from(["anthropic", "anthropic", "anthropic", "gemini"]))
    model = draw(st.sampled_from([NEWER.name, OLDER.name]))
    return draw(st.sampled_from([None, ProviderState(wire, model, data)]))


@st.composite
def exchanges(draw: st.DrawFn) -> list[Said]:
    """Messages that may stand at any place of a valid history."""
    kind = draw(st.sampled_from(["user", "event", "assistant", "assistant"]))
    if kind == "user":
        return [
            UserMessage(draw(WORDS), tuple(draw(st.lists(ATTACHMENTS, max_size=2))), correction=draw(st.booleans()))
        ]
    if kind == "event":
        return [SystemEvent(draw(WORDS))]
    text, calls = draw(WORDS), draw(CALLS)
    message = AssistantMessage(text, tuple(calls), draw(WORDS), draw(states(text, len(calls))))
    status = st.sampled_from(get_args(ResultStatus))
    results = [ToolResult(call.id, call.name, draw(WORDS), draw(status)) for call in calls]
    return [message, *draw(st.permutations(results))]


HISTORIES = st.lists(exchanges(), max_size=6).map(lambda found: tuple(one for some in found for one in some))
TOOLS = st.lists(
    st.builds(
        ToolSpec,
        st.sampled_from(["look_up", "send", "a" * 128]),
        WORDS,
        st.sampled_from(["{}", '{"type":"object","properties":{"q":{"type":"string","minLength":1}}}']),
    ),
    unique_by=lambda spec: spec.name,
    max_size=3,
).map(tuple)
SCHEMAS = st.recursive(
    st.sampled_from(
        [
            {"type": "string", "minLength": 1, "pattern": "a", "format": "email"},
            {"type": "string", "format": "riddle", "description": "what it is"},
            {"type": "integer", "minimum": 1, "multipleOf": 2},
            {"type": ["string", "null"], "maxLength": 2},
            {"enum": ["a", 1]},
            {"const": None},
            {"$ref": "#/$defs/x", "description": "that"},
            {},
            True,
        ]
    ),
    lambda inner: st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(WORDS, inner, max_size=2)},
            optional={"additionalProperties": st.booleans(), "minProperties": st.just(1), "$defs": st.just({"x": {}})},
        ),
        st.fixed_dictionaries({"properties": st.dictionaries(WORDS, inner, max_size=1)}),
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}, optional={"minItems": st.integers(0, 3)}),
        st.fixed_dictionaries({"oneOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2), "title": st.just("t")}),
    ),
    max_leaves=6,
)
FORMS = st.none() | st.builds(AnswerForm, st.sampled_from(["", '{"type":"object"}']) | SCHEMAS.map(json.dumps))
EFFORTS = ["", "none", "minimal", "low", "medium", "high"]

KINDS: list[tuple[Model, dict[str, Any]]] = [
    (NEWER, {"thinking": "model"}),
    (NEWER, {"thinking": "adaptive"}),
    (NEWER, {"thinking": "off", "cache": "off"}),
    (OLDER, {"thinking": "budget", "cache": "1h"}),
    (OLDER, {"thinking": "model", "lacks": ("effort",)}),
    (PLAIN, {"thinking": "off", "lacks": ("effort", "forms", "files", "forced_tools")}),
]


@given(
    kind=st.sampled_from(KINDS),
    history=HISTORIES,
    tools=TOOLS,
    system=WORDS,
    form=FORMS,
    effort=st.sampled_from(EFFORTS),
    choice=st.sampled_from(["", "none", "required", "first"]),
    stops=st.lists(WORDS, max_size=2),
    one=st.sampled_from([None, True, False]),
    max_tokens=st.sampled_from([1, 1024, 1025, 8192]),
)
@trying(max_examples=300, deadline=None)
def test_any_valid_history_is_accepted(
    kind: tuple[Model, dict[str, Any]],
    history: tuple[Said, ...],
    tools: tuple[ToolSpec, ...],
    system: str,
    form: AnswerForm | None,
    effort: Any,
    choice: str,
    stops: list[str],
    one: bool | None,
    max_tokens: int,
) -> None:
    model, own = kind
    if choice == "first":
        choice = tools[0].name if tools else ""
    wishes = Options(
        form=form if form is None or form.schema not in ("true",) else None,
        effort=effort,
        tool_choice=choice,
        stop=tuple(stops),
        parallel_calls=one,
        temperature=0.5,
    )
    asked = ModelRequest(model.name, system, history, tools, max_tokens, wishes, FILES)
    made = encode("main", "k0", asked, Settings(**own)).body
    assert made == encode("main", "k0", asked, Settings(**own)).body
    parsed = shapes.parse(made)
    turns.check(parsed, model)
    options.check(parsed, model, options.NEW_VERSION)


@given(SCHEMAS)
@trying(max_examples=300, deadline=None)
def test_any_schema_is_held_to_the_vendors_part_of_the_language(found: Any) -> None:
    if isinstance(found, dict):
        written = held(found)
        schema.check(json.loads(json.dumps(written)), "schema")
        assert held(written) == written


def test_thinking_of_a_model_that_always_thinks_goes_back() -> None:
    thinking = {"type": "thinking", "thinking": "hm", "signature": signing.signature("hm")}
    state = ProviderState("anthropic", THINKER.name, json.dumps([thinking, {"type": "tool_use"}]))
    call = ToolCall("c", "look_up", "{}")
    history = (UserMessage("x"), AssistantMessage("", (call,), state=state), ToolResult("c", "look_up", "ok"))
    asked = ModelRequest(THINKER.name, "", history, (LOOK_UP,))
    parsed = shapes.parse(encode("main", "", asked, Settings()).body)
    turns.check(parsed, THINKER)
    assert parsed.messages[1].blocks[0] == shapes.Thinking("hm", signing.signature("hm"))


# -- files -------------------------------------------------------------------------------------------------

JPEG = bytes.fromhex("ffd8 ffe0 0010 4a46494600010100000100010000 ffc0 0011 08 0140 01e0 03 011100021101031101")
VP8L = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + (99 | 49 << 14).to_bytes(4, "little")
VP8X = b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0" + (9).to_bytes(3, "little") + (8000).to_bytes(3, "little")
VP8 = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + (300).to_bytes(2, "little") + (200).to_bytes(2, "little")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (png(8000, 1), "image/png"),
        (png(8001, 1), None),
        (b"\x89PNG\r\n\x1a\n", None),
        (png(1, 1) + b"\0" * MAX_IMAGE_BYTES, None),
        (JPEG, "image/jpeg"),
        (JPEG.replace(b"\x01\x40\x01\xe0", b"\x1f\x41\x01\xe0"), None),
        (JPEG[:12], None),
        (b"GIF89a\x01\x00\x02\x00", "image/gif"),
        (b"GIF89a", None),
        (VP8L, "image/webp"),
        (VP8, "image/webp"),
        (VP8X, None),
        (b"RIFF\0\0\0\0WAVE", None),
        (PDF, "application/pdf"),
        (PDF + b"/Encrypt", None),
        (b"hello", None),
        (b"", None),
    ],
)
def test_what_bytes_are(data: bytes, kind: str | None) -> None:
    assert carried(data) == kind


@given(st.binary(max_size=60), st.sampled_from([b"", b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8 ", b"%PDF-"]))
@trying(max_examples=200, deadline=None)
def test_any_bytes_are_something_or_nothing(data: bytes, head: bytes) -> None:
    assert carried(head + data) in (None, *READS)


def test_the_newest_files_are_carried_as_far_as_there_is_room() -> None:
    def carried(*blobs: str, files: dict[str, bytes]) -> list[int]:
        messages = [UserMessage("x", (Attachment("f", "x/y", 1, blob),)) for blob in blobs]
        return sorted(index for index, _ in chosen(messages, files))

    assert carried(*["p"] * 25, files={"p": png(1, 1)}) == list(range(5, 25))
    assert carried(*["d"] * 7, files={"d": PDF}) == list(range(2, 7))
    assert carried("d", "e", "d", files={"d": pdf(60), "e": pdf(40)}) == [1, 2]
    assert carried("big", "p", "big", files={"big": PDF + b"\0" * (MAX_BYTES // 2), "p": png(1, 1)}) == [1, 2]
    assert chosen([UserMessage("x", (Attachment("f", "x/y", 1, "p", error="gone"),))], {"p": png(1, 1)}) == {}
    assert (tokens(png(1, 1), "image/png"), tokens(pdf(3), "application/pdf")) == (1600, 9000)


# -- settings ----------------------------------------------------------------------------------------------


def test_settings_are_read_from_the_providers_table() -> None:
    table = {
        "max_tokens": 9,
        "thinking": "budget",
        "cache": "1h",
        "lacks": ["tools", "files"],
        "window": 5,
        "label": "a",
    }
    config = ProviderConfig(kind="anthropic", options=table)
    found = read_settings("main", config)
    assert found.profile() == ModelProfile(label="a", tools=False, max_tokens=9, window=5, file_bytes=MAX_BYTES)
    assert (found.thinking, found.cache) == ("budget", "1h")
    plain = read_settings("main", msgspec.structs.replace(config, options={})).profile()
    assert (plain.max_tokens, plain.tools, plain.reads) == (8192, True, READS)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"max_token": 5}, "providers.main.max_token: this key is unknown. Did you mean max_tokens?"),
        ({"max_tokens": 0}, "providers.main.max_tokens"),
        ({"thinking": "hard"}, "providers.main.thinking"),
        ({"lacks": ["legs"]}, "providers.main.lacks"),
    ],
)
def test_settings_that_cannot_be_are_refused(table: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigRefusals) as raised:
        read_settings("main", ProviderConfig(kind="anthropic", options=table))
    assert told in str(raised.value)
