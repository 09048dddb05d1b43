"""A client's own tools, wishes, forms and files over chat completions, through the official client.

Behind the gateway is the model stand-in, which refuses a history that its vendor would refuse.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pydantic
import pytest

from quarterdeck.model.message import UserMessage, decode
from tests.doors.openai_support import ASK_WEATHER, WEATHER, asked, client_of, data_url, picture, served, user
from tests.doors.running import Running
from tests.standins.model import ModelStandin

pytestmark = pytest.mark.proves("channel.api")


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Running, ModelStandin]]:
    async with served(tmp_path) as found:
        yield found


@pytest.fixture
def gateway(both: tuple[Running, ModelStandin]) -> Running:
    return both[0]


@pytest.fixture
def model(both: tuple[Running, ModelStandin]) -> ModelStandin:
    return both[1]


@pytest.fixture
async def client(gateway: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with client_of(gateway) as found:
        yield found


async def ask(client: openai.AsyncOpenAI, *messages: Any, **more: Any) -> Any:
    return await client.chat.completions.create(model="default", messages=list(messages), **more)


def result(call: Any, text: str = "rain") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call.id, "content": text}


# --- tools ----------------------------------------------------------------------------------------------------


@pytest.mark.proves("v1.tools")
async def test_a_loop_of_the_clients_tool(client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    first = await ask(client, user(ASK_WEATHER), tools=[WEATHER])
    choice = first.choices[0]
    (call,) = choice.message.tool_calls
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"place": "Kiel"})
    assert len(model.calls) == 1
    names = [tool["function"]["name"] for tool in asked(model)["tools"]]
    assert names == ["time", "weather"]
    said = await ask(client, user(ASK_WEATHER), choice.message.model_dump(), result(call), tools=[WEATHER])
    assert said.choices[0].finish_reason == "stop"
    assert "weather -> rain" in said.choices[0].message.content
    roles = [message["role"] for message in asked(model)["messages"]]
    assert roles == ["user", "assistant", "tool"]


@pytest.mark.proves("v1.tools")
@pytest.mark.parametrize("how", ["header", "user"])
async def test_a_loop_in_a_durable_conversation(client: openai.AsyncOpenAI, model: ModelStandin, how: str) -> None:
    name: dict[str, Any] = {"user": "ann"} if how == "user" else {"extra_headers": {"X-Quarterdeck-Session": "ann"}}
    first = await ask(client, user(ASK_WEATHER), tools=[WEATHER], **name)
    message = first.choices[0].message
    late = result(message.tool_calls[0])
    said = await ask(client, user(ASK_WEATHER), message.model_dump(), late, tools=[WEATHER], **name)
    assert "weather -> rain" in said.choices[0].message.content
    again = await ask(client, user("and now?"), **name)
    assert again.choices[0].message.content == "re: and now?"
    said = [(one["role"], one["content"]) for one in asked(model)["messages"]]
    assert said[1:3] == [("assistant", None), ("tool", "rain")]
    assert len(said) == 5


async def test_a_result_with_further_words(client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    first = await ask(client, user(ASK_WEATHER), tools=[WEATHER], user="ann")
    await ask(client, result(first.choices[0].message.tool_calls[0]), user("in short"), user="ann")
    said = [(one["role"], one["content"]) for one in asked(model)["messages"]]
    assert said[2:] == [("tool", "rain"), ("user", "in short")]


@pytest.mark.proves("v1.tools")
async def test_a_stream_gives_calls_as_deltas(client: openai.AsyncOpenAI) -> None:
    asking: dict[str, Any] = {"model": "default", "messages": [user(ASK_WEATHER)], "tools": [WEATHER]}
    async with client.chat.completions.stream(**asking) as stream:
        done = [event.arguments async for event in stream if event.type == "tool_calls.function.arguments.done"]
        final = await stream.get_final_completion()
    assert [json.loads(arguments) for arguments in done] == [{"place": "Kiel"}]
    assert final.choices[0].finish_reason == "tool_calls"
    assert final.choices[0].message.tool_calls is not None
    assert final.choices[0].message.tool_calls[0].id.startswith("call_")


@pytest.mark.proves("v1.tools")
async def test_our_tools_run_and_only_theirs_are_given(client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    text = "[[tool time {}]] [[then]] [[tool time {}]] [[tool weather {}]] go"
    first = await ask(client, user(text), tools=[WEATHER], user="ann")
    message = first.choices[0].message
    assert [call.function.name for call in message.tool_calls] == ["weather"]
    assert len(model.calls) == 2
    said = await ask(client, result(message.tool_calls[0]), user="ann")
    assert "weather -> rain" in said.choices[0].message.content
    assert said.choices[0].message.content.count("time -> ") == 2


@pytest.mark.proves("v1.tools")
async def test_a_retry_gets_the_same_calls(client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    async def twice(*messages: Any, key: str) -> tuple[Any, Any]:
        headers = {"Idempotency-Key": key}
        one = await ask(client, *messages, tools=[WEATHER], user="ann", extra_headers=headers)
        return one, await ask(client, *messages, tools=[WEATHER], user="ann", extra_headers=headers)

    first, again = await twice(user(ASK_WEATHER), key="k1")
    assert (first.id, first.choices) == (again.id, again.choices)
    assert len(model.calls) == 1
    call = first.choices[0].message.tool_calls[0]
    said, again = await twice(result(call), key="k2")
    assert (said.id, said.choices) == (again.id, again.choices)
    assert len(model.calls) == 2
    with pytest.raises(openai.ConflictError):
        await ask(client, result(call, "snow"), user="ann", extra_headers={"Idempotency-Key": "k2"})


@pytest.mark.proves("v1.tools")
async def test_a_strict_tool_is_called_with_what_fits(client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    strict = {"type": "function", "function": {**WEATHER["function"], "strict": True}}
    said = await ask(client, user("[[tool weather {}]] [[then]] " + ASK_WEATHER), tools=[strict])
    (call,) = said.choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {"place": "Kiel"}
    refused = [one["content"] for one in asked(model)["messages"] if one["role"] == "tool"]
    assert refused == ["Not given to the client. Wrong form: the answer lacks 'place'."]


def assistant(*ids: str) -> dict[str, Any]:
    calls = [{"id": one, "type": "function", "function": {"name": "weather", "arguments": "{}"}} for one in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def tool(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "x"}


class Place(pydantic.BaseModel):
    name: str
    people: int


HI = user("hi")
BIG = {"type": "object", "description": "x" * 70_000}


def function(**fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", **fields}}


@pytest.mark.proves("v1.tools")
@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([HI, tool("c1")], "messages[1].tool_call_id"),
        ([HI, assistant("c1"), tool("c2")], "messages[2].tool_call_id"),
        ([HI, assistant("c1", "c2"), tool("c1"), HI], "messages[3]"),
        ([HI, assistant("c1", "c2"), tool("c1")], "messages"),
        ([HI, assistant("c1"), HI, tool("c1")], "messages[2]"),
        ([HI, assistant("c1"), tool("c1"), tool("c1")], "messages[3].tool_call_id"),
        ([HI, assistant("c1"), HI, assistant(), HI], "messages[2]"),
        ([HI, assistant("c1", "c1"), tool("c1"), HI, {"role": "assistant", "content": "x"}, HI], "messages[1]"),
        ([HI, assistant("c1"), {**tool("c1"), "content": "x" * 200_001}], "messages[2].tool_call_id"),
        ([{"role": "function", "name": "f", "content": "x"}], "messages[0].role"),
        ([{**HI, "tool_calls": assistant("c1")["tool_calls"]}], "messages[0].tool_calls"),
        ([HI] * 2001, "messages"),
        ([{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}], "messages[0].content[0].type"),
        ([{"role": "system", "content": [{"type": "image_url"}]}, HI], "messages[0].content[0].type"),
    ],
)
async def test_a_conversation_that_is_none(client: openai.AsyncOpenAI, messages: list[Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await ask(client, *messages)
    assert refused.value.param == param


async def test_a_result_of_a_call_that_nobody_was_given(client: openai.AsyncOpenAI) -> None:
    await ask(client, HI, user="ann")
    with pytest.raises(openai.BadRequestError, match="no call that the client was given"):
        await ask(client, tool("c1"), user="ann")
    first = await ask(client, user(ASK_WEATHER), tools=[WEATHER], user="ann")
    call = first.choices[0].message.tool_calls[0]
    other = client.with_options(api_key=client.api_key)
    with pytest.raises(openai.BadRequestError, match="no call that the client was given"):
        await ask(other, result(call), user="bob")


@pytest.mark.proves("v1.wishes")
@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"tools": [function()] * 2}, "tools[1].function.name"),
        ({"tools": [function(name="time")]}, "tools[0].function.name"),
        ({"tools": [function(name="a.b")]}, "tools[0].function.name"),
        ({"tools": [function(parameters=BIG)]}, "tools[0].function.parameters"),
        ({"tools": [function(description="x" * 9_000)]}, "tools[0].function.description"),
        ({"tools": [function(name=f"f{n}") for n in range(129)]}, "tools"),
        ({"tools": [function(name=f"f{n}", description="x" * 8_000) for n in range(40)]}, "tools"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice.function.name"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice.type"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.name"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
            "response_format.json_schema.schema",
        ),
        ({"temperature": 2.5}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"seed": 2**63}, "seed"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": ""}, "stop"),
        ({"reasoning_effort": "xhigh"}, "reasoning_effort"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"logit_bias": {"1": 1}}, "logit_bias"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"store": True}, "store"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"temperature": "hot"}, "temperature"),
    ],
)  # fmt: skip
async def test_a_wish_that_cannot_be_served(
    client: openai.AsyncOpenAI, model: ModelStandin, wish: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(**{"model": "default", "messages": [HI], **wish})
    assert refused.value.param == param
    assert model.calls == []


@pytest.mark.proves("v1.wishes")
async def test_wishes_that_mean_nothing_are_taken(client: openai.AsyncOpenAI) -> None:
    said = await ask(
        client, HI, n=1, presence_penalty=0, logprobs=False, store=False, metadata={"a": "b"}, temperature=0,
        stop=["x"], response_format={"type": "text"}, tool_choice="auto", reasoning_effort="low",
        verbosity="medium", top_p=1,
        prompt_cache_key="a", safety_identifier="b", service_tier="auto", modalities=["text"], max_completion_tokens=9,
    )  # fmt: skip
    assert said.choices[0].message.content == "re: hi"


@pytest.mark.proves("v1.wishes")
async def test_wishes_are_in_the_request(client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    choice = {"type": "function", "function": {"name": "weather"}}
    await ask(
        client, user("hi"), temperature=0.5, top_p=0.9, seed=7, stop="END", max_completion_tokens=33, tools=[WEATHER],
        tool_choice=choice, parallel_tool_calls=False, reasoning_effort="low",
    )  # fmt: skip
    body = asked(model)
    assert (body["temperature"], body["top_p"], body["seed"], body["stop"]) == (0.5, 0.9, 7, ["END"])
    assert (body["tool_choice"], body["parallel_tool_calls"], body["max_tokens"]) == (choice, False, 33)


# --- forms ----------------------------------------------------------------------------------------------------


@pytest.mark.proves("v1.forms")
async def test_an_answer_in_a_form(client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    said = await client.chat.completions.parse(model="default", messages=[HI], response_format=Place)  # type: ignore[list-item]
    assert isinstance(said.choices[0].message.parsed, Place)
    assert asked(model)["response_format"]["json_schema"]["name"] == "Place"
    anything = await ask(client, HI, response_format={"type": "json_object"})
    assert isinstance(json.loads(anything.choices[0].message.content), dict)
    chunks = [chunk async for chunk in await ask(client, HI, response_format={"type": "json_object"}, stream=True)]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == anything.choices[0].message.content


@pytest.mark.proves("v1.forms")
async def test_an_answer_without_its_form_is_an_error(client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    said = await ask(client, user("[[badjson]] hi"), response_format={"type": "json_object"})
    assert isinstance(json.loads(said.choices[0].message.content), dict)
    assert "The answer is no JSON" in asked(model)["messages"][-1]["content"]
    assert len(model.calls) == 2
    model.fault("[[badjson]]", 2)
    with pytest.raises(openai.InternalServerError, match="did not answer in the form"):
        await ask(client, HI, response_format={"type": "json_object"})
    assert len(model.calls) == 4


# --- files ----------------------------------------------------------------------------------------------------


def shown(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": "look"}, *parts]}


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def document(data: str, **more: Any) -> dict[str, Any]:
    return {"type": "file", "file": {"file_data": data, **more}}


async def stored_files(gateway: Running) -> list[tuple[str, str, int]]:
    rows = await gateway.parts.store.fetch("SELECT content FROM messages ORDER BY position, part", {})
    said = [decode(content) for (content,) in rows if isinstance(content, bytes)]
    return [(a.name, a.mime, a.size) for one in said if isinstance(one, UserMessage) for a in one.attachments]


@pytest.mark.proves("v1.files")
async def test_an_image_is_put_before_the_model(client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    url = data_url(picture(3))
    await ask(client, shown(image(url)), user="ann")
    sent = [part for part in asked(model)["messages"][-1]["content"] if part["type"] == "image_url"]
    assert [part["image_url"]["url"] for part in sent] == [url]
    await ask(client, user("what was it?"), user="ann")
    assert url in json.dumps(asked(model)["messages"][0])


@pytest.mark.proves("v1.files")
async def test_files_are_kept_and_named(gateway: Running, client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    url = data_url(picture())
    await ask(
        client, shown(image(url), document(data_url(b"a,b", "text/csv"), filename="a.csv"), document("JVBERi0xLjc="))
    )
    named = asked(model)["messages"][-1]["content"]
    assert "a.csv" in str(named)
    assert await stored_files(gateway) == [
        ("image.png", "image/png", len(picture())), ("a.csv", "text/csv", 3), ("file", "application/pdf", 8),
    ]  # fmt: skip
    rows = await gateway.parts.store.fetch("SELECT digest FROM blobs", {})
    assert all([await gateway.parts.blobs.has(str(digest)) for (digest,) in rows])
    await ask(client, shown(image(url)), {"role": "assistant", "content": "nice"}, user("again"))
    assert len(await gateway.parts.store.fetch("SELECT digest FROM blobs", {})) == len(rows) == 3


@pytest.mark.proves("v1.files")
@pytest.mark.parametrize(
    ("part", "param"),
    [
        (image("https://example.com/a.png"), "image_url.url"),
        (image("data:image/png,plain"), "image_url.url"),
        (image("data:image/svg+xml;base64,PHN2Zz4="), "image_url.url"),
        (image("data:image/png;base64,!!!"), "image_url.url"),
        (image("data:image/png;base64,"), "image_url.url"),
        (image(data_url(b"GIF89a...")), "image_url.url"),
        (document("x"), "file.file_data"),
        (document("eA==", filename="a\nb"), "file.filename"),
        (document("A" * 13_400_000), "file.file_data"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "file"),
        ({"type": "video"}, "type"),
    ],
)
async def test_a_file_that_cannot_be_kept(
    gateway: Running, client: openai.AsyncOpenAI, part: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await ask(client, shown(part))
    assert refused.value.param == f"messages[0].content[1].{param}"
    assert list(await gateway.parts.store.fetch("SELECT id FROM inbox", {})) == []


@pytest.mark.proves("v1.files")
async def test_too_many_files_and_too_large_a_body(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="one file more than 20"):
        await ask(client, shown(*[image(data_url(picture()))] * 21))
    with pytest.raises(openai.APIStatusError) as large:
        await ask(client, user("x" * 25 * 1024 * 1024))
    assert large.value.status_code == 413


async def test_the_blocking_client_in_a_thread(gateway: Running) -> None:
    token = await gateway.token("chat")

    def loop() -> str | None:
        with openai.OpenAI(api_key=token, base_url=f"{gateway.url}/v1", max_retries=0, timeout=20) as client:
            messages: list[Any] = [user(ASK_WEATHER)]
            while True:
                said = client.chat.completions.create(model="default", messages=messages, tools=[WEATHER])  # type: ignore[list-item]
                message = said.choices[0].message
                if not message.tool_calls:
                    return message.content
                messages += [message, *(result(call) for call in message.tool_calls)]

    assert "weather -> rain" in (await asyncio.to_thread(loop) or "")
