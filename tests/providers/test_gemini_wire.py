"""How is a request for the Gemini API written? Each rule by an example; that all are accepted is another file."""

import base64
import json
from typing import Any

import msgspec
import pytest

from quarterdeck.base.config import ConfigRefusals
from quarterdeck.base.secrets import Secret
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.model.asking import AnswerForm, Options, ToolSpec
from quarterdeck.model.message import (
    AssistantMessage,
    Attachment,
    ProviderState,
    Said,
    SystemEvent,
    ToolCall,
    ToolResult,
    UserMessage,
)
from quarterdeck.ports import ListedModel, ModelRequest, ProviderFailed
from quarterdeck.providers.gemini import files, models, schema, vectors
from quarterdeck.providers.gemini.failure import refusal
from quarterdeck.providers.gemini.settings import read_settings
from quarterdeck.providers.gemini.wire import Dialect, encode
from quarterdeck.providers.http.wire import Refusal
from tests.providers.gemini_strategies import PDF, PNG

TWO, THREE = "gemini-2.5-flash", "gemini-3-flash-preview"
TOOL = ToolSpec("look_up", "Looks up.", '{"type":"object","properties":{"q":{"type":"string"}}}')
WAIVER = "skip_thought_signature_validator"


def written(*messages: Said, model: str = THREE, **more: Any) -> Any:
    system, dialect = more.pop("system", ""), more.pop("dialect", Dialect())
    return json.loads(encode("main", "k0", ModelRequest(model, system, messages, **more), dialect).body)


def contents(*messages: Said, **more: Any) -> Any:
    return [(one["role"], one["parts"]) for one in written(*messages, **more)["contents"]]


def refused(**more: Any) -> str:
    with pytest.raises(ProviderFailed) as raised:
        written(UserMessage("x"), **more)
    assert (raised.value.kind, raised.value.retryable) == ("invalid", False)
    return str(raised.value)


# -- contents ----------------------------------------------------------------------------------------------


def test_one_side_at_a_time() -> None:
    found = contents(
        UserMessage("one"),
        SystemEvent("a door opened"),
        UserMessage("two", correction=True),
        AssistantMessage("first"),
        AssistantMessage("second"),
        UserMessage("three"),
    )
    assert found == [
        (
            "user",
            [
                {"text": "one"},
                {"text": "[system event] a door opened"},
                {"text": "(correction of an earlier message) two"},
            ],
        ),
        ("model", [{"text": "first"}, {"text": "second"}]),
        ("user", [{"text": "three"}]),
    ]


def test_a_conversation_begins_and_ends_with_the_user() -> None:
    beginning, said, end = contents(AssistantMessage("I was asked."))
    assert (beginning[0], said[0], end[0]) == ("user", "model", "user")
    assert beginning[1][0]["text"].startswith("[system event]")
    assert contents()[0][1] == beginning[1]
    assert contents(UserMessage(""), AssistantMessage("")) == [("user", [{"text": "(an empty message)"}])]


def test_results_stand_in_the_order_of_the_calls_and_alone() -> None:
    calls = (ToolCall("a", "look_up", '{"q": "x"}'), ToolCall("b", "9 lives", "{"))
    results = (ToolResult("b", "9 lives", "no", "denied"), ToolResult("a", "look_up", "found"))
    found = contents(UserMessage("go"), AssistantMessage("so", calls), *results, UserMessage("and?"), model=TWO)
    assert found[1:] == [
        (
            "model",
            [
                {"text": "so"},
                {"functionCall": {"name": "look_up", "args": {"q": "x"}}},
                {"functionCall": {"name": "_9_lives", "args": {}}},
            ],
        ),
        (
            "user",
            [
                {"functionResponse": {"name": "look_up", "response": {"output": "found"}}},
                {"functionResponse": {"name": "_9_lives", "response": {"error": "no"}}},
            ],
        ),
        ("user", [{"text": "and?"}]),
    ]


def test_signatures_and_ids_go_back_to_the_model_that_gave_them_and_to_no_other() -> None:
    data = {"length": 5, "text": [[2, "c2ln"]], "thought": [[4, "dGg="]], "calls": ["Y2Fs", ""], "ids": [True, False]}
    state = ProviderState("gemini", THREE, json.dumps(data))
    calls = (ToolCall("fc1", "a", "{}"), ToolCall("made-up", "b", "{}"))
    message = AssistantMessage("hello", calls, "then", state)
    history = (UserMessage("x"), message, ToolResult("fc1", "a", "1"), ToolResult("made-up", "b", "2"))
    assert contents(*history)[1][1] == [
        {"text": "then", "thought": True, "thoughtSignature": "dGg="},
        {"text": "he", "thoughtSignature": "c2ln"},
        {"text": "llo"},
        {"functionCall": {"name": "a", "args": {}, "id": "fc1"}, "thoughtSignature": "Y2Fs"},
        {"functionCall": {"name": "b", "args": {}}},
    ]
    assert [part["functionResponse"].get("id") for part in contents(*history)[2][1]] == ["fc1", None]
    for other in ("gemini-3.8-pro", TWO):
        text, first, second = contents(*history, model=other)[1][1]
        assert (text, second) == ({"text": "hello"}, {"functionCall": {"name": "b", "args": {}}})
        assert first.get("thoughtSignature") == (WAIVER if other != TWO else None)
        assert "id" not in first["functionCall"]


def test_a_text_that_was_changed_has_lost_its_signatures() -> None:
    state = ProviderState("gemini", THREE, '{"length":5,"text":[[5,"c2ln"]]}')
    for text, parts in (("hello", [{"text": "hello", "thoughtSignature": "c2ln"}]), ("(gone)", [{"text": "(gone)"}])):
        assert contents(UserMessage("x"), AssistantMessage(text, state=state))[1][1] == parts


# -- files -------------------------------------------------------------------------------------------------


def attached(blob: str, mime: str, name: str = "f") -> Attachment:
    return Attachment(name, mime, 12, blob)


def test_files_go_along_as_data_before_the_text() -> None:
    message = UserMessage("what is it?", (attached("p", "image/png"), attached("d", "application/pdf")))
    ((_, parts),) = contents(message, files={"p": PNG, "d": PDF})
    assert [part.get("inlineData") for part in parts] == [
        {"mimeType": "image/png", "data": base64.b64encode(PNG).decode()},
        {"mimeType": "application/pdf", "data": base64.b64encode(PDF).decode()},
        None,
    ]
    assert parts[2] == {"text": "what is it?"}
    ((_, alone),) = contents(UserMessage("", (attached("p", "image/png"),)), files={"p": PNG})
    assert len(alone) == 1


@pytest.mark.parametrize(
    ("mime", "data"),
    [
        ("image/gif", b"GIF89a"),
        ("image/png", b"no picture"),
        ("application/pdf", b"no pages"),
        ("text/plain", b"gr\xfc\xdf"),
        ("application/zip", b"PK"),
        ("image/png", b""),
        ("audio/wav", bytes(files.MAX_FILE + 1)),
    ],
)
def test_what_the_api_could_not_read_is_named(mime: str, data: bytes) -> None:
    ((_, parts),) = contents(UserMessage("see", (attached("f", mime, "a.x"),)), files={"f": data})
    assert parts == [{"text": f"see\n[attached file: a.x, {mime}, 12 bytes]"}]


def test_names_of_types_are_the_vendors() -> None:
    sent = [
        attached("t", "text/markdown; charset=utf-8"),
        attached("a", "audio/x-wav"),
        attached("v", "video/quicktime"),
    ]
    ((_, parts),) = contents(UserMessage("", tuple(sent)), files={"t": b"# x", "a": b"RIFF", "v": b"...."})
    assert [part["inlineData"]["mimeType"] for part in parts] == ["text/md", "audio/wav", "video/mov"]


def test_the_newest_files_fit_and_do_not_count_by_their_length() -> None:
    big = {f"f{n}": PNG + bytes(4_900_000) for n in range(4)}
    history = [UserMessage(f"m{n}", (attached(f"f{n}", "image/png"),)) for n in range(4)]
    call = encode("main", "", ModelRequest(THREE, "", tuple(history), files=big), Dialect())
    ((_, parts),) = [(one["role"], one["parts"]) for one in json.loads(call.body)["contents"]]
    assert ["inlineData" in part for part in parts] == [False, False, True, False, True, False]
    assert len(call.body) < 20 * 1024 * 1024
    assert 2 * files.IMAGE_TOKENS < call.reserve_in < 2 * files.IMAGE_TOKENS + 1000


# -- options -----------------------------------------------------------------------------------------------


def test_tools_and_the_choice_between_them() -> None:
    body = written(UserMessage("x"), tools=(TOOL, ToolSpec("9a", "", "{}")))
    declared = body["tools"][0]["functionDeclarations"]
    assert declared[0] == {
        "name": "look_up",
        "description": "Looks up.",
        "parametersJsonSchema": {"type": "object", "properties": {"q": {"type": "string"}}},
    }
    assert (declared[1]["name"], declared[1]["parametersJsonSchema"]) == ("_9a", {"type": "object"})
    assert "toolConfig" not in body

    def chosen(choice: str, *tools: ToolSpec) -> Any:
        body = written(UserMessage("x"), tools=tools, options=Options(tool_choice=choice))
        return body.get("toolConfig", {}).get("functionCallingConfig")

    assert chosen("none", TOOL) == {"mode": "NONE"}
    assert chosen("required", TOOL) == {"mode": "ANY"}
    assert chosen("look_up", TOOL) == {"mode": "ANY", "allowedFunctionNames": ["look_up"]}
    assert chosen("none") is chosen("required") is None


def test_tools_that_cannot_be_written_are_refused() -> None:
    assert "no tool of the name 'a b'" in refused(tools=(ToolSpec("a b", "", "{}"),))
    assert "not a JSON object" in refused(tools=(ToolSpec("a", "", "[]"),))
    assert "not an object" in refused(tools=(ToolSpec("a", "", '{"type":"string"}'),))
    assert "'other' is to be called, but not offered" in refused(tools=(TOOL,), options=Options(tool_choice="other"))
    deep = '{"items":' * 40 + "{}" + "}" * 40
    assert "deeper than" in refused(tools=(ToolSpec("a", "", deep),))
    twice = [f'"d{n}":{{"allOf":[{{"$ref":"#/$defs/d{n + 1}"}},{{"$ref":"#/$defs/d{n + 1}"}}]}}' for n in range(20)]
    doubled = '{"$defs":{' + ",".join([*twice, '"d20":{}']) + "}}"
    assert "larger than" in refused(tools=(ToolSpec("a", "", doubled),))


def test_sampling_and_limits() -> None:
    options = Options(temperature=0.0, top_p=0.5, seed=2**40 + 5, stop=tuple("abcdef"))
    assert written(UserMessage("x"), max_tokens=9, options=options)["generationConfig"] == {
        "maxOutputTokens": 9,
        "temperature": 0.0,
        "topP": 0.5,
        "seed": 5,
        "stopSequences": list("abcde"),
    }
    assert written(UserMessage("x"), dialect=Dialect(temperature=0.3))["generationConfig"]["temperature"] == 0.3
    assert written(UserMessage("x"), system="be kind")["systemInstruction"] == {"parts": [{"text": "be kind"}]}


def test_an_answer_by_schema() -> None:
    form = AnswerForm('{"type":"array","items":{"const":"a"}}')
    generated = written(UserMessage("x"), options=Options(form=form), tools=(TOOL,))["generationConfig"]
    assert generated["responseMimeType"] == "application/json"
    assert generated["responseJsonSchema"] == {"type": "array", "items": {"enum": ["a"], "type": "string"}}
    loose = written(UserMessage("x"), options=Options(form=AnswerForm()))["generationConfig"]
    assert (loose["responseMimeType"], "responseJsonSchema" in loose) == ("application/json", False)
    older = written(UserMessage("x"), system="be kind", model=TWO, options=Options(form=form), tools=(TOOL,))
    assert "responseMimeType" not in older["generationConfig"]
    assert form.schema in older["systemInstruction"]["parts"][0]["text"]


@pytest.mark.parametrize(
    ("model", "effort", "thoughts", "told"),
    [
        (TWO, "", False, None),
        (TWO, "none", False, {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "none", False, {"thinkingBudget": 128}),
        (TWO, "medium", True, {"includeThoughts": True, "thinkingBudget": 8192}),
        (THREE, "none", False, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.1-pro-preview", "minimal", False, {"thinkingLevel": "LOW"}),
        ("gemini-3.1-pro-preview", "medium", False, {"thinkingLevel": "MEDIUM"}),
        ("gemini-3-pro-preview", "medium", False, {"thinkingLevel": "HIGH"}),
        ("models/gemini-4-argon", "high", False, {"thinkingLevel": "HIGH"}),
        ("gemini-flash-latest", "", True, {"includeThoughts": True}),
        ("gemini-2.0-flash-lite", "high", True, None),
        ("gemini-2.5-flash-image", "high", True, None),
        ("gemma-3-27b-it", "high", True, None),
    ],
)
def test_how_hard_to_think(model: str, effort: Any, thoughts: bool, told: Any) -> None:
    body = written(UserMessage("x"), model=model, options=Options(effort=effort), dialect=Dialect(thoughts=thoughts))
    assert body["generationConfig"].get("thinkingConfig") == told


# -- schemas -----------------------------------------------------------------------------------------------

LOOP = {"allOf": [{"$ref": "#/$defs/Loop"}], "description": "round"}
SCHEMAS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "integer", "exclusiveMinimum": 0}, {"type": "integer", "minimum": 1}),
    ({"type": "integer", "minimum": 0, "exclusiveMinimum": True}, {"type": "integer", "minimum": 1}),
    ({"type": "number", "exclusiveMaximum": 1.5}, {"type": "number", "description": "(less than 1.5)"}),
    ({"const": "a"}, {"enum": ["a"], "type": "string"}),
    ({"const": True, "description": "Yes."}, {"description": "Yes. (one of: [true])"}),
    ({"type": "string", "enum": ["a", None]}, {"type": ["string", "null"], "enum": ["a"]}),
    ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
    ({"oneOf": [{"type": "string"}, {"type": "null"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
    (
        {"allOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}, "type": "object"}]},
        {"type": "object", "properties": {"b": {}, "a": {}}, "required": ["a"]},
    ),
    ({"allOf": [{"$ref": "#/$defs/Loop"}], "type": "string"}, {"type": "string", "description": "round"}),
    ({"type": "array", "items": [{"type": "string"}]}, {"type": "array", "prefixItems": [{"type": "string"}]}),
    ({"type": "string", "pattern": "^a", "title": "T"}, {"type": "string", "description": '(pattern: "^a")'}),
    ({"type": "array", "uniqueItems": True, "maxItems": 2}, {"type": "array", "maxItems": 2}),
    ({"additionalProperties": {"const": 1}}, {"additionalProperties": {"enum": [1], "type": "number"}}),
    ({"$ref": "#/$defs/Node", "title": "x"}, {"$ref": "#/$defs/Node"}),
    ({"$ref": "#/definitions/Node", "description": "d"}, {"anyOf": [{"$ref": "#/$defs/Node"}], "description": "d"}),
    ({"$ref": "https://x/y", "description": "d"}, {"description": "d"}),
    ({"type": "made-up", "format": 5}, {}),
]


@pytest.mark.parametrize(("given", "put"), SCHEMAS)
def test_what_the_api_does_not_know_is_rewritten_or_said(given: dict[str, Any], put: dict[str, Any]) -> None:
    whole = {"type": "object", "properties": {"p": given}, "$defs": {"Node": {"type": "object"}, "Loop": LOOP}}
    found: Any = schema.of_tool("t", json.dumps(whole))["properties"]
    if "uniqueItems" in given:
        put = {**put, "description": "(uniqueItems: true)"}
    assert found["p"] == put


def test_the_root_of_a_schema_has_a_type() -> None:
    found = schema.of_tool("t", '{"$ref":"#/definitions/A","definitions":{"A":{"properties":{"a":{}}}}}')
    assert found == {"type": "object", "properties": {"a": {}}, "$defs": {"A": {"properties": {"a": {}}}}}


# -- models, vectors, settings, failures -------------------------------------------------------------------


def test_the_list_of_models() -> None:
    one = {
        "name": "models/gemini-3-flash",
        "inputTokenLimit": 5,
        "outputTokenLimit": 3,
        "supportedGenerationMethods": ["generateContent"],
        "thinking": True,
    }
    able = ("images", "documents", "tools", "structured", "reasoning")
    others = [{"name": "models/e", "supportedGenerationMethods": ["embedContent"]}, {"name": "models/gemini-3-tts"}]
    listed, after = models.page(json.dumps({"models": [one, *others], "nextPageToken": "a b"}).encode())
    assert listed[0] == ListedModel("gemini-3-flash", 5, 3, able)
    assert [(model.name, model.capabilities) for model in listed[1:]] == [("e", ("embeddings",)), ("gemini-3-tts", ())]
    assert models.target(after) == "/models?pageSize=1000&pageToken=a%20b"
    assert models.page(b"{}") == ((), "")
    with pytest.raises(ProviderFailed):
        models.page(b"<html>")


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-x", "/models/gemini-x"),
        ("models/gemini-x", "/models/gemini-x"),
        ("tunedModels/mine", "/tunedModels/mine"),
        ("../a?b:c", "/models/..%2Fa%3Fb%3Ac"),
    ],
)
def test_a_models_name_stays_one_part_of_the_address(model: str, path: str) -> None:
    assert models.path(model) == path


def test_vectors_are_asked_for_one_by_one_and_counted() -> None:
    call = vectors.encode("main", "k0", "e", ("one", "two"), 128)
    assert json.loads(call.body)["requests"][1] == {
        "model": "models/e",
        "content": {"parts": [{"text": "two"}]},
        "outputDimensionality": 128,
    }
    good = b'{"embeddings":[{"values":[1,2]},{"values":[3,4]}],"usageMetadata":{"promptTokenCount":4}}'
    found = vectors.read(call, good)
    assert (found.vectors, found.usage.input, found.usage.reported) == (((1.0, 2.0), (3.0, 4.0)), 4, True)
    for bad in (b"{}", b"[", b'{"embeddings":[{"values":[1]}]}', b'{"embeddings":[{"values":[1]},{"values":[]}]}'):
        with pytest.raises(ProviderFailed, match="vectors"):
            vectors.read(call, bad)
    for texts in ((), ("x",) * 101):
        with pytest.raises(ProviderFailed, match="1 to 100"):
            vectors.encode("main", "k0", "e", texts, None)


def test_settings_are_read_from_the_providers_table() -> None:
    table = {"max_tokens": 9, "temperature": 0, "tools": False, "thoughts": True, "label": "x", "window": 0}
    found = read_settings("main", ProviderConfig(kind="gemini", options=table))
    profile = found.profile()
    assert (profile.max_tokens, profile.tools, profile.label, profile.window) == (9, False, "x", 0)
    assert {"image/png", "application/pdf"} <= set(profile.reads)
    cases: list[tuple[dict[str, object], str]] = [
        ({"max_token": 5}, "Did you mean max_tokens?"),
        ({"temperature": 3}, "main.temperature"),
    ]
    for options, told in cases:
        with pytest.raises(ConfigRefusals, match=told):
            read_settings("main", ProviderConfig(kind="gemini", options=options))


def error(status: str, message: str = "no", **details: Any) -> bytes:
    inside = [{"@type": "type.googleapis.com/google.rpc.Made", **details}] if details else []
    return json.dumps({"error": {"code": 1, "message": message, "status": status, "details": inside}}).encode()


TOO_MANY = "The input token count (9) exceeds the maximum number of tokens allowed (8)."
DAILY = [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (400, error("INVALID_ARGUMENT", reason="API_KEY_INVALID"), "auth", False),
        (400, error("INVALID_ARGUMENT", "API key expired. Please renew the API key."), "auth", False),
        (400, error("INVALID_ARGUMENT", TOO_MANY), "context", False),
        (400, error("INVALID_ARGUMENT", "Request payload size exceeds the limit: 9 bytes."), "context", False),
        (400, error("INVALID_ARGUMENT"), "invalid", False),
        (400, error("FAILED_PRECONDITION"), "credit", False),
        (401, error("UNAUTHENTICATED"), "auth", False),
        (403, error("PERMISSION_DENIED"), "access", False),
        (403, error("PERMISSION_DENIED", "Your API key was reported as leaked."), "auth", False),
        (403, error("PERMISSION_DENIED", reason="BILLING_DISABLED"), "credit", False),
        (404, error("NOT_FOUND"), "access", False),
        (429, error("RESOURCE_EXHAUSTED"), "rate", True),
        (429, error("RESOURCE_EXHAUSTED", violations=DAILY), "credit", False),
        (429, error("RESOURCE_EXHAUSTED", "Quota exceeded, limit: 0, model: gemini-x"), "credit", False),
        (500, error("INTERNAL"), "server", True),
        (503, b"[" + error("UNAVAILABLE") + b"]", "overload", True),
        (504, error("DEADLINE_EXCEEDED"), "timeout", True),
        (502, b"<html>", "server", True),
        (429, b"", "rate", True),
        (404, b"[]", "invalid", False),
        (400, error("INVALID_ARGUMENT", reason=5), "invalid", False),
    ],
)
def test_what_an_errors_answer_means(status: int, body: bytes, kind: str, retryable: bool) -> None:
    found = refusal(Refusal(status, {}, body, Secret("AIza-secret"), 0.0))
    assert (found.kind, found.retryable) == (kind, retryable)


@pytest.mark.parametrize(("delay", "seconds"), [("3.5s", 3.5), ("47s", 47.0), ("soon", None), ("", None)])
def test_how_long_to_wait_stands_in_the_details(delay: str, seconds: float | None) -> None:
    answer = Refusal(429, {}, error("RESOURCE_EXHAUSTED", retryDelay=delay), None, 0.0)
    assert refusal(answer).retry_after == seconds
    named = msgspec.structs.replace(answer, headers={"retry-after": "9"})
    assert refusal(named).retry_after == 9.0
