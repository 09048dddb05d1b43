"""Chat completions through the official client: the answers, the streams, the errors it knows, and retries."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from quarterdeck.api.openai.text import RESTARTED, rest
from quarterdeck.model.message import AssistantMessage, SystemEvent, UserMessage, decode
from tests.doors.running import Running
from tests.waiting import until

pytestmark = pytest.mark.proves("channel.api")

HELLO: list[Any] = [{"role": "user", "content": "hello"}]


@pytest.fixture
async def client(gateway: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    token = await gateway.token("chat")
    async with openai.AsyncOpenAI(api_key=token, base_url=f"{gateway.url}/v1", max_retries=0, timeout=20) as client:
        yield client


async def collect(stream: Any) -> list[ChatCompletionChunk]:
    return [chunk async for chunk in stream]


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


async def inbox(gateway: Running) -> list[tuple[Any, ...]]:
    return list(await gateway.parts.store.fetch("SELECT id, session_id, outcome FROM inbox ORDER BY id", {}))


async def stored(gateway: Running) -> list[Any]:
    rows = await gateway.parts.store.fetch("SELECT content FROM messages ORDER BY position, part", {})
    return [decode(content) for (content,) in rows if isinstance(content, bytes)]


@pytest.mark.proves("v1.models")
async def test_models_are_assistants(client: openai.AsyncOpenAI) -> None:
    models = await client.models.list()
    assert [(one.id, one.object, one.owned_by) for one in models.data] == [
        ("default", "model", "quarterdeck"),
        ("slow", "model", "quarterdeck"),
    ]
    assert (await client.models.retrieve("slow")).id == "slow"
    with pytest.raises(openai.NotFoundError) as missing:
        await client.models.retrieve("gpt-4")
    assert missing.value.code == "model_not_found"


@pytest.mark.proves("v1.chat")
async def test_an_answer(gateway: Running, client: openai.AsyncOpenAI) -> None:
    said = await client.chat.completions.create(model="default", messages=HELLO)
    assert (said.object, said.model, len(said.choices)) == ("chat.completion", "default", 1)
    choice = said.choices[0]
    assert (choice.message.role, choice.message.content, choice.finish_reason) == (
        "assistant",
        "You said: hello",
        "stop",
    )
    assert said.usage is not None
    assert said.usage.prompt_tokens > 0
    assert said.usage.total_tokens == said.usage.prompt_tokens + said.usage.completion_tokens
    assert said.id == f"chatcmpl-{(await inbox(gateway))[0][0]}" == f"chatcmpl-{said._request_id}"


async def test_the_blocking_client(gateway: Running) -> None:
    token = await gateway.token("chat")

    def ask() -> tuple[str | None, str]:
        with openai.OpenAI(api_key=token, base_url=f"{gateway.url}/v1", max_retries=0, timeout=20) as client:
            whole = client.chat.completions.create(model="default", messages=HELLO)
            chunks = list(client.chat.completions.create(model="default", messages=HELLO, stream=True))
            return whole.choices[0].message.content, text_of(chunks)

    assert await asyncio.to_thread(ask) == ("You said: hello", "You said: hello")


@pytest.mark.proves("v1.chat")
async def test_a_stream(client: openai.AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model="slow", messages=HELLO)
    chunks = await collect(await client.chat.completions.create(model="slow", messages=HELLO, stream=True))
    assert text_of(chunks) == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert sum(bool(chunk.choices[0].delta.content) for chunk in chunks) >= 3
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "stop"
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert all(chunk.usage is None for chunk in chunks)


async def test_a_stream_with_usage(client: openai.AsyncOpenAI) -> None:
    chunks = await collect(
        await client.chat.completions.create(
            model="default", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


async def test_a_stream_ends_with_done(gateway: Running) -> None:
    body = {"model": "default", "messages": HELLO, "stream": True}
    headers = {"Authorization": f"Bearer {await gateway.token('chat')}"}
    async with gateway.http.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert (await response.text()).endswith("data: [DONE]\n\n")


# --- conversations --------------------------------------------------------------------------------------------


async def test_without_a_name_the_history_is_what_was_sent(gateway: Running, client: openai.AsyncOpenAI) -> None:
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
        {"role": "user", "content": [{"type": "text", "text": "fo"}, {"type": "text", "text": "ur"}]},
    ]
    said = await client.chat.completions.create(model="default", messages=messages)
    assert said.choices[0].message.content == "You said: three\n\nfour"
    history = await stored(gateway)
    assert history[:3] == [
        SystemEvent("Instructions from the API client: Be brief."),
        UserMessage("one"),
        AssistantMessage("two"),
    ]
    assert history[3].text == "three\n\nfour"
    await client.chat.completions.create(model="default", messages=HELLO)
    assert len({session for _, session, _ in await inbox(gateway)}) == 2


@pytest.mark.parametrize("how", ["header", "user"])
async def test_with_a_name_the_conversation_lasts(gateway: Running, client: openai.AsyncOpenAI, how: str) -> None:
    name: dict[str, Any] = {"user": "ann"} if how == "user" else {"extra_headers": {"X-Quarterdeck-Session": "ann"}}
    await client.chat.completions.create(model="default", messages=HELLO, **name)
    messages: list[Any] = [
        *HELLO,
        {"role": "assistant", "content": "You said: hello"},
        {"role": "user", "content": "again"},
    ]
    said = await client.chat.completions.create(model="default", messages=messages, **name)
    assert said.choices[0].message.content == "You said: again"
    assert len({session for _, session, _ in await inbox(gateway)}) == 1
    assert [one.text for one in await stored(gateway)] == ["hello", "You said: hello", "again", "You said: again"]


async def test_a_name_belongs_to_its_token(gateway: Running, client: openai.AsyncOpenAI) -> None:
    await client.chat.completions.create(model="default", messages=HELLO, user="ann")
    other = client.with_options(api_key=await gateway.token("chat"))
    await other.chat.completions.create(model="default", messages=HELLO, user="ann")
    assert len({session for _, session, _ in await inbox(gateway)}) == 2


async def test_a_command_is_answered(client: openai.AsyncOpenAI) -> None:
    said = await client.chat.completions.create(
        model="default", messages=[{"role": "user", "content": "/status"}], user="ann"
    )
    assert "I am idle" in (said.choices[0].message.content or "")
    chunks = await collect(
        await client.chat.completions.create(
            model="default", messages=[{"role": "user", "content": "/model"}], user="ann", stream=True
        )
    )
    assert "Model: script/echo" in text_of(chunks)


# --- retries and leaving --------------------------------------------------------------------------------------


@pytest.mark.proves("v1.chat")
async def test_a_retry_gets_the_stored_answer(gateway: Running, client: openai.AsyncOpenAI) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await client.chat.completions.create(model="default", messages=HELLO, extra_headers=key)
    again = await client.chat.completions.create(model="default", messages=HELLO, extra_headers=key)
    streamed = await collect(
        await client.chat.completions.create(model="default", messages=HELLO, extra_headers=key, stream=True)
    )
    assert (again.id, again.created, again.usage) == (first.id, first.created, first.usage)
    assert again.choices[0].message.content == text_of(streamed) == first.choices[0].message.content
    assert len(await inbox(gateway)) == 1
    with pytest.raises(openai.ConflictError):
        await client.chat.completions.create(
            model="default", messages=[{"role": "user", "content": "other"}], extra_headers=key
        )


async def test_a_retry_while_the_first_still_runs(gateway: Running, client: openai.AsyncOpenAI) -> None:
    key = {"Idempotency-Key": "k1"}
    stream = await client.chat.completions.create(model="slow", messages=HELLO, extra_headers=key, stream=True)
    await anext(aiter(stream))
    again = await client.chat.completions.create(model="slow", messages=HELLO, extra_headers=key)
    rest_of_it = await collect(stream)
    assert again.choices[0].message.content == text_of(rest_of_it)
    assert [outcome for _, _, outcome in await inbox(gateway)] == ["answered"]


async def test_a_retry_in_mid_answer_begins_with_what_has_grown(gateway: Running, client: openai.AsyncOpenAI) -> None:
    key = {"Idempotency-Key": "k1"}
    words: list[Any] = [{"role": "user", "content": " ".join(f"word{n}" for n in range(80))}]
    stream = await client.chat.completions.create(model="slow", messages=words, extra_headers=key, stream=True)
    seen = ""
    async for chunk in stream:
        seen += text_of([chunk])
        if "word3" in seen:
            break
    await stream.close()
    again = await client.chat.completions.create(model="slow", messages=words, extra_headers=key, stream=True)
    texts = [text for chunk in await collect(again) if (text := text_of([chunk]))]
    whole = await client.chat.completions.create(model="slow", messages=words, extra_headers=key)
    assert texts[0].startswith(seen.rstrip())
    assert len(texts) > 2
    assert "".join(texts) == whole.choices[0].message.content
    assert [outcome for _, _, outcome in await inbox(gateway)] == ["answered"]


async def test_leaving_a_stream_stops_the_turn(gateway: Running, client: openai.AsyncOpenAI) -> None:
    words: list[Any] = [{"role": "user", "content": " ".join(f"word{n}" for n in range(500))}]
    stream = await client.chat.completions.create(model="slow", messages=words, stream=True)
    async for chunk in stream:
        if text_of([chunk]):  # the turn runs
            break
    await stream.close()

    async def stopped() -> bool:
        return [outcome for _, _, outcome in await inbox(gateway)] == ["stopped", "command"]

    await until(stopped, what="the turn to be stopped")
    assert await gateway.parts.store.fetch("SELECT outcome FROM turns", {}) == [("stopped",)]


async def test_leaving_a_stream_that_has_a_key_stops_nothing(gateway: Running, client: openai.AsyncOpenAI) -> None:
    key = {"Idempotency-Key": "k1"}
    stream = await client.chat.completions.create(model="slow", messages=HELLO, stream=True, extra_headers=key)
    await anext(aiter(stream))
    await stream.close()
    again = await client.chat.completions.create(model="slow", messages=HELLO, extra_headers=key)
    assert (again.choices[0].message.content or "").startswith("You said: hello")
    assert [outcome for _, _, outcome in await inbox(gateway)] == ["answered"]


async def test_a_stopped_message_is_a_conflict(gateway: Running, client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="slow", messages=HELLO, stream=True, user="ann")
    await anext(aiter(stream))
    await client.chat.completions.create(model="slow", messages=[{"role": "user", "content": "/stop"}], user="ann")
    with pytest.raises(openai.APIError, match="stopped before it was answered"):
        await collect(stream)


# --- errors ---------------------------------------------------------------------------------------------------


async def test_errors_are_those_that_the_client_knows(gateway: Running, client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await client.chat.completions.create(model="gpt-4", messages=HELLO)
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.AuthenticationError) as unknown:
        await client.with_options(api_key="qd_" + "x" * 43).chat.completions.create(model="default", messages=HELLO)
    assert unknown.value.code == "invalid_api_key"
    narrow = client.with_options(api_key=await gateway.token("read", "operate", "audit"))
    with pytest.raises(openai.PermissionDeniedError) as denied:
        await narrow.chat.completions.create(model="default", messages=HELLO)
    assert denied.value.code == "insufficient_permissions"


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"extra_body": {"made_up": 1}}, "made_up"),
        ({"user": "x" * 201}, "user"),
    ],
)
async def test_what_is_not_served_is_named(client: openai.AsyncOpenAI, wish: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(**{"model": "default", "messages": HELLO, **wish})
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"


async def test_closed_intake_is_a_server_error(gateway: Running, client: openai.AsyncOpenAI) -> None:
    gateway.parts.intake.open = False
    with pytest.raises(openai.InternalServerError) as closed:
        await client.chat.completions.create(model="default", messages=HELLO)
    assert closed.value.status_code == 503
    assert closed.value.response.headers["retry-after"] == "2"


async def test_a_stopping_gateway_lets_waiting_clients_go(gateway: Running, client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="slow", messages=HELLO, stream=True)
    await anext(aiter(stream))
    gateway.app.streams.close()
    with pytest.raises(openai.APIError, match="Idempotency-Key"):
        await collect(stream)


async def test_errors_without_a_client(gateway: Running) -> None:
    for method, path in (("GET", "/v1/nothing"), ("GET", "/v1/chat/completions"), ("POST", "/v1/chat/completions")):
        said = await gateway.call(method, path, token=await gateway.token("chat"))
        assert set(json.loads(said.body)["error"]) == {"message", "type", "param", "code"}
        assert said.status in (400, 404, 405)


# --- what a stream still lacks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "final", "lacking"),
    [
        ("", "answer", "answer"),
        ("ans", "answer", "wer"),
        ("answer", "answer", ""),
        ("answer ", "answer", ""),
        ("answer ", "answer me", "me"),
        ("answer \n", "answer\n\n(label)", "\n\n(label)"),
        ("Let me look it up. The answer", "The answer", ""),
        ("Let me look. The answer is: forty ", "The answer is: forty or so", "or so"),
        ("Let me look. The answer is: fo", "The answer is: forty-two", "rty-two"),
        ("half of an answ", "another one", RESTARTED + "another one"),
    ],
)
def test_rest(shown: str, final: str, lacking: str) -> None:
    assert rest(shown, final) == lacking
