"""Are the vendor's rules for a request enforced, with its wording, and nothing beyond them?"""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest

from tests.standins.model import KEY, ModelStandin, Settings, model_standin

pytestmark = pytest.mark.timeout(60)
CALL = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
OTHER = {**CALL, "id": "c2"}
NAMED = {"type": "function", "function": {"name": "look_up"}}
OTHER_TOOL = {"type": "function", "function": {"name": "send"}}
DOTTED = {"type": "function", "function": {"name": "a.b"}}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def calls(*made: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(made)}


def result(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "ok"}


def client_of(url: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=10)


async def ask(client: openai.AsyncOpenAI, *messages: Any, model: str = "any", **more: Any) -> Any:
    return await client.chat.completions.create(model=model, messages=list(messages), **more)


async def drained(client: openai.AsyncOpenAI, text: str) -> None:
    async for _ in await ask(client, user(text), stream=True):
        continue


@pytest.fixture
async def model() -> AsyncIterator[ModelStandin]:
    async with model_standin() as standin:
        yield standin


def seen(**part: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": "look"}, part]}


def form(**more: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", **more}}}


PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0x"
BAD: list[tuple[list[dict[str, Any]], str, str | None]] = [
    ([], "Invalid 'messages': empty array.", "messages"),
    ([{"content": "x"}], "Missing required parameter: 'messages[0].role'.", "messages[0].role"),
    ([{"role": "robot", "content": "x"}], "Invalid value: 'robot'. Supported", "messages[0].role"),
    ([{"role": "user", "content": 5}], "Invalid type for 'messages[0].content'", "messages[0].content"),
    ([{"role": "user", "content": None}], "Invalid value for 'content'", "messages.[0].content"),
    ([{"role": "assistant", "content": None}], "Invalid value for 'content'", "messages.[0].content"),
    ([{"role": "assistant", "content": "x", "tool_calls": []}], "Invalid 'messages[0].tool_calls'", None),
    (
        [user("x"), calls(CALL)],
        "An assistant message with 'tool_calls' must be followed",
        "messages.[2].role",
    ),
    ([user("x"), calls(CALL), user("y"), result("c1")], "An assistant message", "messages.[2].role"),
    ([calls(CALL, OTHER), result("c1")], "did not have response messages: c2", None),
    ([calls(CALL), calls(OTHER), result("c2")], "did not have response messages: c1", None),
    ([calls(CALL), result("c1"), result("c1")], "'c1', in messages[1] and messages[2].", None),
    ([calls(CALL, CALL), result("c1")], "Duplicate value for 'id'", None),
    (
        [calls({**CALL, "function": {"name": "a.b", "arguments": ""}}), result("c1")],
        "not match pattern",
        None,
    ),
    ([user("x"), result("c1")], "messages with role 'tool' must be a response", "messages.[1].role"),
    ([calls(CALL), result("c1"), user("x"), result("c1")], "messages with role 'tool'", "messages.[3].role"),
    ([{"role": "tool", "content": "x"}], "Missing parameter 'tool_call_id'", "messages.[0].tool_call_id"),
    ([{"role": "user", "content": []}], "empty array", "messages[0].content"),
    ([seen(type="video")], "Invalid value: 'video'.", "messages[0].content[1].type"),
    ([seen(type="image_url")], "Missing required parameter", "messages[0].content[1].image_url"),
    ([seen(type="image_url", image_url={"url": "x"})], "Expected a valid URL", None),
    ([seen(type="image_url", image_url={"url": PDF})], "You uploaded an unsupported image.", None),
    ([seen(type="image_url", image_url={"url": PNG + "!"})], "You uploaded an unsupported image.", None),
    ([seen(type="file", file={"filename": "a", "file_data": PNG})], "application/pdf MIME type", None),
    ([seen(type="file", file={"file_data": PDF})], "Missing required parameter", None),
    (
        [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": PNG}}]}],
        "only allowed for messages with role 'user'",
        "messages[0].content[0]",
    ),
]
ODD: list[tuple[dict[str, Any], str, str | None]] = [
    ({"messages": None}, "Invalid type for 'messages': expected an array, but got null", "messages"),
    ({"model": ""}, "you must provide a model parameter", None),
    ({"stream_options": {"include_usage": True}}, "The 'stream_options' parameter", "stream_options"),
    ({"tool_choice": "auto"}, "Invalid value for 'tool_choice'", "tool_choice"),
    ({"tools": []}, "Invalid 'tools': empty array.", "tools"),
    ({"tools": [DOTTED]}, "does not match pattern", "tools[0].function.name"),
    ({"tools": [NAMED] * 129}, "array too long", "tools"),
    ({"tools": [NAMED], "tool_choice": "any"}, "Invalid value: 'any'.", "tool_choice"),
    ({"tools": [NAMED], "tool_choice": OTHER_TOOL}, "'send' not found in 'tools'", "tool_choice"),
    ({"parallel_tool_calls": True}, "Invalid value for 'parallel_tool_calls'", "parallel_tool_calls"),
    ({"temperature": 2.5}, "decimal above maximum value", "temperature"),
    ({"max_tokens": 0}, "integer below minimum value", "max_tokens"),
    ({"stop": ["x"] * 5}, "array too long", "stop"),
    ({"seed": "x"}, "Invalid type for 'seed'", "seed"),
    ({"reasoning_effort": "much"}, "Invalid value: 'much'.", "reasoning_effort"),
    ({"model": "gpt-5", "max_tokens": 5}, "Use 'max_completion_tokens' instead.", "max_tokens"),
    ({"model": "o3", "temperature": 0.5}, "'temperature' does not support 0.5 with this model", "temperature"),
    ({"model": "o3", "stop": "x"}, "Unsupported parameter: 'stop'", "stop"),
    ({"response_format": {"type": "xml"}}, "Invalid value: 'xml'.", "response_format.type"),
    ({"response_format": {"type": "json_object"}}, "must contain the word 'json'", "messages"),
    (form(), "Missing required parameter", "response_format.json_schema.schema"),
    (form(schema={"type": "string"}), "schema must be a JSON Schema of", "response_format"),
    (form(schema={"type": "object"}, strict=True), "'additionalProperties' is required", "response_format"),
]
TABLE = [*(({"messages": messages}, *told) for messages, *told in BAD), *ODD]


@pytest.mark.parametrize(("body", "message", "param"), TABLE)
async def test_a_request_against_the_rules_is_refused(
    model: ModelStandin, body: dict[str, Any], message: str, param: str | None
) -> None:
    asked = {"model": "m", "messages": [user("x")], **body}
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as http:
        answer = await http.post(f"{model.url}/v1/chat/completions", json=asked)
        error = (await answer.json())["error"]
    assert (answer.status, error["type"]) == (400, "invalid_request_error")
    assert message in error["message"]
    assert param in (None, error["param"])
    assert model.calls[0].kind == "refused 400"


@pytest.mark.parametrize("body", [b"", b"{", b'{"messages": [', b"[]", b'{"model": "m"}', b"\xff"])
async def test_a_body_of_another_shape_is_refused(model: ModelStandin, body: bytes) -> None:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as http:
        answer = await http.post(f"{model.url}/v1/chat/completions", data=body)
        assert (answer.status, (await answer.json())["error"]["type"]) == (400, "invalid_request_error")


async def test_requests_within_the_rules_are_accepted(model: ModelStandin) -> None:
    history = [
        {"role": "developer", "content": "be kind"},
        user("x"),
        calls(CALL, OTHER),
        result("c2"),
        result("c1"),
        {"role": "assistant", "content": None, "refusal": "no"},
        calls(CALL),
        result("c1"),
    ]
    async with client_of(model.url) as client:
        answer = await ask(client, *history, user("go"), max_tokens=5, temperature=0, extra_body={"made_up": 1})
    assert answer.choices[0].message.content == "re: go"


async def test_images_schemas_and_choices_are_answered(model: ModelStandin) -> None:
    picture = seen(type="image_url", image_url={"url": PNG, "detail": "low"})
    file = seen(type="file", file={"filename": "a.pdf", "file_data": PDF})
    closed = {"type": "object", "properties": {"n": {"type": "integer"}, "s": {"enum": ["a", "b"]}}}
    closed |= {"required": ["n", "s"], "additionalProperties": False}
    async with client_of(model.url) as client:
        answer = await ask(client, picture, file, seed=1, reasoning_effort="low", stop=["x"], prompt_cache_key="k")
        assert answer.choices[0].message.content == "re: look"
        answer = await ask(client, user("hi"), **form(schema=closed, strict=True))
        assert json.loads(answer.choices[0].message.content) == {"n": 0, "s": "a"}
        answer = await ask(client, user("as json"), response_format={"type": "json_object"})
        assert json.loads(answer.choices[0].message.content) == {"answer": "re: as json"}
        for choice, called in (("none", []), ("required", ["look_up"]), (NAMED, ["look_up"])):
            message = (await ask(client, user("hi"), tools=[NAMED], tool_choice=choice)).choices[0].message
            assert [call.function.name for call in message.tool_calls or []] == called
        both = user("[[tool a]] [[tool b]] x")
        message = (await ask(client, both, tools=[NAMED], parallel_tool_calls=False)).choices[0].message
        assert [call.function.name for call in message.tool_calls] == ["a"]


async def test_reasoning_and_errors_in_a_stream(model: ModelStandin) -> None:
    async with client_of(model.url) as client:
        answer = await ask(client, user("[[think 2]] hi"))
        assert answer.choices[0].message.reasoning_content == "thought 1 of 2. thought 2 of 2. "
        assert answer.usage.completion_tokens_details.reasoning_tokens == 8
        chunks = [chunk async for chunk in await ask(client, user("[[think 2]] hi"), stream=True)]
        thoughts = [chunk.choices[0].delta.model_dump().get("reasoning_content") for chunk in chunks]
        assert [thought for thought in thoughts if thought] == ["thought 1 of 2. ", "thought 2 of 2. "]
        with pytest.raises(openai.APIError, match="The server had an error") as raised:
            await drained(client, "[[error overloaded 1]] hello")
        assert raised.value.code == "overloaded"
        with pytest.raises(openai.InternalServerError):
            await ask(client, user("[[failed server_error 1]] hello"))
        with pytest.raises(json.JSONDecodeError):
            await drained(client, "[[garbage 1]] hello")


async def test_sizes_models_and_unknown_addresses() -> None:
    settings = Settings(context_tokens=100, max_body=2000, models=("known",))
    async with model_standin(settings) as model, client_of(model.url) as client:
        with pytest.raises(openai.NotFoundError, match="`any` does not exist"):
            await ask(client, user("x"))
        with pytest.raises(openai.BadRequestError) as raised:
            await ask(client, user("x" * 500), model="known")
        assert raised.value.code == "context_length_exceeded"
        with pytest.raises(openai.APIStatusError) as large:
            await ask(client, user("x" * 5000))
        assert large.value.status_code == 413
        with pytest.raises(openai.NotFoundError, match="Invalid URL"):
            await client.moderations.create(model="known", input="x")
        assert [entry.id async for entry in client.models.list()] == ["known"]
