"""Are the vendor's rules for a request enforced, with its wording, and nothing beyond them?"""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.standins.gemini import KEY, GeminiStandin, Model, Settings, gemini_standin
from tests.standins.gemini.requests import FunctionCall
from tests.standins.gemini.turns import signature

pytestmark = pytest.mark.timeout(60)
PATH = "/v1beta/models/{}:generateContent"
OBJECT = {"type": "OBJECT", "properties": {"q": {"type": "STRING"}}}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n....").decode()


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


def said(*parts: Any) -> dict[str, Any]:
    return user(*parts) | {"role": "model"}


def call(name: str = "look_up", **more: Any) -> dict[str, Any]:
    signed = {"thoughtSignature": signature(FunctionCall(name, args={}))}
    return {"functionCall": {"name": name, "args": {}, **more}, **signed}


def result(name: str = "look_up", **more: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": {"output": "ok"}, **more}}


def tool(**more: Any) -> dict[str, Any]:
    return {"tools": [{"functionDeclarations": [{"name": "look_up", "description": "d", **more}]}]}


def property_(schema: dict[str, Any]) -> dict[str, Any]:
    return tool(parameters={"type": "OBJECT", "properties": {"q": schema}})


def json_property(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return tool(parametersJsonSchema={"type": "object", "properties": {"q": schema}, **more})


def generation(**more: Any) -> dict[str, Any]:
    return {"generationConfig": more}


def calling(**more: Any) -> dict[str, Any]:
    return {**tool(), "toolConfig": {"functionCallingConfig": more}}


@pytest.fixture
async def gemini() -> AsyncIterator[GeminiStandin]:
    async with gemini_standin() as standin:
        yield standin


async def post(gemini: GeminiStandin, body: Any, model: str = "gemini-3-flash-preview") -> tuple[int, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with aiohttp.ClientSession(gemini.url, headers={"x-goog-api-key": KEY}) as http:
        answer = await http.post(PATH.format(model), data=raw)
        return answer.status, await answer.json()


CONTENTS: list[tuple[list[Any], str]] = [
    ([], "contents is not specified"),
    ([{"role": "robot", "parts": [{"text": "x"}]}], "Please use a valid role: user, model."),
    ([{"role": "user", "parts": []}], "contents[0].parts: contents.parts must not be empty."),
    ([{"role": "user"}], "contents.parts must not be empty."),
    ([user({})], "contents[0].parts[0].data: required oneof field 'data' must have one initialized field"),
    ([user({"thoughtSignature": "YQ=="})], "required oneof field 'data'"),
    ([user({"text": "x", "inlineData": {"mimeType": "image/png", "data": PNG}})], "oneof field 'data' is already set"),
    ([user({"inlineData": {"mimeType": "application/zip", "data": "YQ=="}})], "Unsupported MIME type: application/zip"),
    ([user({"inlineData": {"mimeType": "image/png", "data": "?"}})], "Base64 decoding failed"),
    ([user({"inlineData": {"mimeType": "image/png", "data": "YQ=="}})], "Unable to process input image"),
    ([user({"inlineData": {"mimeType": "text/plain", "data": ""}})], "must not be empty"),
    ([user("x"), said("y")], "Please ensure that single turn requests end with a user role"),
    ([said(call()), user(result())], "function call turn comes immediately after a user turn"),
    ([user("x"), said("y"), said(call()), user(result())], "function call turn comes immediately after a user turn"),
    ([user("x"), said(call())], "number of function response parts is equal to the number of function call parts"),
    ([user("x"), said(call()), user("y")], "number of function response parts is equal"),
    ([user("x"), said(call(), call("b")), user(result())], "number of function response parts is equal"),
    (
        [user("x"), said(call()), user(result()), user(result())],
        "response turn comes immediately after a function call",
    ),
    ([user("x"), user(result())], "function response turn comes immediately after a function call turn"),
    ([user("x"), user(call(), result())], "can not be mixed with function_response parts"),
    ([user("x"), said(call()), user(result("send"))], "does not answer function call 'look_up'"),
    ([user("x"), said(call(id="a")), user(result(id="b"))], "does not match function call id 'a'"),
    ([user("x"), said(call()), user({"functionResponse": {"name": "look_up"}})], "required field missing"),
    (
        [user("x"), said({"functionCall": {"name": "f"}}), user(result("f"))],
        "function call `default_api:f` , position 2",
    ),
    ([user("x"), said(call() | {"thoughtSignature": "YQ=="}), user(result())], "Corrupted thought signature."),
]
OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"made_up": 1}, 'Unknown name "madeUp": Cannot find field.'),
    ({"generationConfig": {"maxTokens": 1}}, "Unknown name \"maxTokens\" at 'generation_config': Cannot find field."),
    ({"contents": 5}, "Invalid value at 'contents'"),
    ({"systemInstruction": {"parts": []}}, "system_instruction.parts: contents.parts must not be empty."),
    (generation(maxOutputTokens=0), "max_output_tokens must be positive."),
    (generation(temperature=2.5), "temperature must be in the range [0.0, 2.0]"),
    (generation(topP=1.5), "top_p must be in the range"),
    (generation(seed=2**31), "Invalid value at 'generation_config.seed' (TYPE_INT32), 2147483648"),
    (generation(candidateCount=2), "Multiple candidates is not enabled"),
    (generation(stopSequences=["a"] * 6), "at most 5 stop sequences"),
    (generation(responseMimeType="text/html"), "allowed mimetypes are `text/plain`, `application/json`"),
    (generation(responseSchema=OBJECT), "only allowed when response_mime_type is `application/json`"),
    (generation(thinkingConfig={"thinkingBudget": 1, "thinkingLevel": "LOW"}), "only one of thinking budget"),
    (generation(thinkingConfig={"thinkingLevel": "DEEP"}), "thinking_level"),
    (tool(name="9a"), "tools[0].function_declarations[0].name: Invalid function name."),
    (tool(name="a" * 65), "Invalid function name."),
    (tool(name="a b"), "Invalid function name."),
    ({"tools": [{"functionDeclarations": [{"name": "a"}, {"name": "a"}]}]}, "Duplicate function declaration found: a"),
    (tool(parameters=OBJECT, parametersJsonSchema={"type": "object"}), "mutually exclusive"),
    (tool(parameters={"type": "STRING"}), "functionDeclaration parameters schema should be of type OBJECT."),
    (tool(parameters={"type": "OBJECT", "properties": {}}), "properties: should be non-empty for OBJECT type"),
    (tool(parameters={**OBJECT, "additionalProperties": False}), 'Unknown name "additionalProperties" at'),
    (tool(parameters={**OBJECT, "required": ["p"]}), "required[0]: property is not defined"),
    (property_({"type": "INTEGER", "exclusiveMinimum": 0}), 'name "exclusiveMinimum" at \'tools[0].function_declara'),
    (property_({"const": "x", "type": "STRING"}), 'Unknown name "const"'),
    (property_({"oneOf": [{"type": "STRING"}]}), 'Unknown name "oneOf"'),
    (property_({"$ref": "#/$defs/x"}), 'Unknown name "$ref"'),
    (property_({"type": ["string", "null"]}), "Proto field is not repeating, cannot start list."),
    (property_({"type": "enum"}), '.type\' (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), "enum"'),
    (property_({"type": "ARRAY"}), "properties[0].items: missing field."),
    (property_({"type": "STRING", "items": {"type": "STRING"}}), "field predicate failed: $type == Type.ARRAY"),
    (property_({"type": "STRING", "properties": {"a": {"type": "STRING"}}}), "only allowed for OBJECT type"),
    (property_({"type": "INTEGER", "enum": ["1"]}), "enum: only allowed for STRING type"),
    (property_({"type": "STRING", "enum": [1]}), "(TYPE_STRING), 1"),
    (property_({"type": "STRING", "enum": [""]}), "enum[0]: cannot be empty"),
    (property_({"type": "STRING", "format": "uri"}), "only 'enum' and 'date-time' are supported for STRING type"),
    (property_({"type": "STRING", "format": "enum"}), "should be non-empty for STRING type with enum format"),
    (json_property({"const": 1}), "unsupported JSON Schema keyword 'const'"),
    (json_property({"type": "text"}), "unknown type 'text'"),
    (json_property({"enum": [None]}), "only strings and numbers are supported"),
    (json_property({"$ref": "#/$defs/x"}), "reference to undefined schema"),
    (json_property({"$ref": "#/$defs/x", "title": "t"}, **{"$defs": {"x": {}}}), "no other properties may be set"),
    (tool(parametersJsonSchema={"type": "string"}), "should be of type OBJECT."),
    (calling(mode="SOMETIMES"), "function_calling_config.mode"),
    (calling(mode="AUTO", allowedFunctionNames=["look_up"]), "only when function calling mode is ANY"),
    (calling(mode="ANY", allowedFunctionNames=["other"]), "'other' is not among the function declarations"),
    ({"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}}, "config is set without function_declarations."),
]
TABLE = [*(({"contents": contents}, told) for contents, told in CONTENTS), *OPTIONS]


@pytest.mark.parametrize(("body", "told"), TABLE)
async def test_a_request_against_the_rules_is_refused(gemini: GeminiStandin, body: dict[str, Any], told: str) -> None:
    status, answer = await post(gemini, {"contents": [user("x")], **body})
    error = answer["error"]
    assert (status, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert told in error["message"]
    assert gemini.calls[0].kind == "refused 400"


OLDER: list[tuple[dict[str, Any], str]] = [
    ({**tool(), **generation(responseMimeType="application/json")}, "response mime type: 'application/json' is unsup"),
    (generation(thinkingConfig={"thinkingLevel": "LOW"}), "Thinking level is not supported"),
]


@pytest.mark.parametrize(("body", "told"), OLDER)
async def test_what_only_newer_models_can_do(gemini: GeminiStandin, body: dict[str, Any], told: str) -> None:
    asked = {"contents": [user("x")], **body}
    status, answer = await post(gemini, asked, "gemini-2.5-flash")
    assert (status, told in answer["error"]["message"]) == (400, True)
    assert (await post(gemini, asked))[0] == 200


@pytest.mark.parametrize("body", [b"", b"{", b'{"contents": [', b"[]", b"\xff", b'{"contents": 1e999}'])
async def test_a_body_of_another_shape_is_refused(gemini: GeminiStandin, body: bytes) -> None:
    status, answer = await post(gemini, body)
    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")


async def test_requests_within_the_rules_are_accepted(gemini: GeminiStandin) -> None:
    deep = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/Node"}, "b": {"type": ["string", "null"], "enum": ["x", 1]}},
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
        "additionalProperties": False,
    }
    contents = [
        {"parts": [{"text": "x"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]},
        said("ok"),
        user("one"),
        user("two"),
        said("thinking", {"text": "so", "thought": True}, call(id="a"), {"functionCall": {"name": "b", "args": {}}}),
        user(result(id="a"), result("b")),
        user("go"),
    ]
    body = {
        "contents": contents,
        "system_instruction": {"parts": [{"text": "be kind"}]},
        "tools": [{"function_declarations": [{"name": "f.x:y-z", "parametersJsonSchema": deep}]}],
        **generation(seed=1, temperature=0, maxOutputTokens=99, thinkingConfig={"thinkingBudget": 0}),
    }
    status, answer = await post(gemini, body)
    assert (status, answer["candidates"][0]["content"]["parts"][0]["text"]) == (200, "re: go")


async def test_sizes_and_unknown_addresses() -> None:
    settings = Settings(models=(Model("small", input_tokens=100),), max_body=2000)
    async with gemini_standin(settings) as gemini:
        status, answer = await post(gemini, {"contents": [user("x" * 500)]}, "small")
        message = "The input token count (126) exceeds the maximum number of tokens allowed (100)."
        assert (status, answer["error"]["message"]) == (400, message)
        status, answer = await post(gemini, {"contents": [user("x" * 5000)]}, "small")
        assert (status, answer["error"]["message"]) == (400, "Request payload size exceeds the limit: 2000 bytes.")
        assert (await post(gemini, {"contents": [user("x")]}, "other"))[0] == 404
        async with aiohttp.ClientSession(gemini.url, headers={"x-goog-api-key": KEY}) as http:
            lost = await http.post("/v1beta/models/small/answers", json={})
            assert (lost.status, lost.content_type) == (404, "text/html")
            assert (await http.get("/v1beta/models?pageToken=next")).status == 400
