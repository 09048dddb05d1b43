"""Are the vendor's rules for a request enforced, with its wording, and nothing beyond them?"""

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


@pytest.fixture
async def model() -> AsyncIterator[ModelStandin]:
    async with model_standin() as standin:
        yield standin


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
]
ODD: list[tuple[dict[str, Any], str, str | None]] = [
    ({"messages": None}, "Invalid type for 'messages': expected an array, but got null", "messages"),
    ({"model": ""}, "you must provide a model parameter", None),
    ({"stream_options": {"include_usage": True}}, "The 'stream_options' parameter", "stream_options"),
    ({"tool_choice": "auto"}, "Invalid value for 'tool_choice'", "tool_choice"),
    ({"tools": []}, "Invalid 'tools': empty array.", "tools"),
    ({"tools": [DOTTED]}, "does not match pattern", "tools[0].function.name"),
    ({"tools": [NAMED] * 129}, "array too long", "tools"),
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
