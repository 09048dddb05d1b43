"""Does the model stand-in behave like the vendor? Asked by the vendor's own client, else by plain HTTP."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from tests.standins import cpu_seconds, spawned
from tests.standins.model import KEY, ModelStandin, model_standin, read_record
from tests.waiting import until

pytestmark = pytest.mark.timeout(60)
CALL = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
TWO = '[[tool look_up {"q": "a ]] b", "n": [[1]]}]] [[tool send]] please'


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def calls(*made: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(made)}


def result(call_id: str, text: str = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def client_of(url: str, key: str = KEY, retries: int = 0) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=retries, timeout=10)


@pytest.fixture
async def model() -> AsyncIterator[ModelStandin]:
    async with model_standin() as standin:
        yield standin


@pytest.fixture
async def client(model: ModelStandin) -> AsyncIterator[openai.AsyncOpenAI]:
    async with client_of(model.url) as made:
        yield made


async def ask(client: openai.AsyncOpenAI, *messages: Any, **more: Any) -> Any:
    given: list[Any] = [user(message) if isinstance(message, str) else message for message in messages]
    return await client.chat.completions.create(model="any", messages=given, **more)


async def streamed(client: openai.AsyncOpenAI, *messages: Any, **more: Any) -> list[ChatCompletionChunk]:
    return [chunk async for chunk in await ask(client, *messages, stream=True, **more)]


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


async def accumulated(client: openai.AsyncOpenAI, text: str) -> Any:
    """What the vendor's own accumulator makes of a stream."""
    given: Any = [user(text)]
    async with client.chat.completions.stream(model="any", messages=given) as stream:
        return (await stream.get_final_completion()).choices[0]


# -- answers ---------------------------------------------------------------------------------------------


async def test_a_plain_text_is_echoed_the_same_way_each_time(client: openai.AsyncOpenAI) -> None:
    first, second = await ask(client, "hello"), await ask(client, "hello")
    assert first.choices[0].message.content == "re: hello"
    assert first.choices[0].finish_reason == "stop"
    assert first.model_dump(exclude={"created"}) == second.model_dump(exclude={"created"})
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens > 0


async def test_the_synchronous_client_and_the_list_of_models(model: ModelStandin) -> None:
    def talk() -> tuple[str | None, list[str]]:
        with openai.OpenAI(base_url=f"{model.url}/v1", api_key=KEY, max_retries=0, timeout=10) as client:
            answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
            return answer.choices[0].message.content, [entry.id for entry in client.models.list()]

    assert await asyncio.to_thread(talk) == ("re: hi", ["standin"])


async def test_a_stream_says_what_a_whole_answer_says(client: openai.AsyncOpenAI) -> None:
    chunks = await streamed(client, "hello there")
    assert text_of(chunks) == "re: hello there"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks][-2:] == [None, "stop"]
    assert len(chunks) > 4
    assert all(chunk.usage is None for chunk in chunks)


async def test_usage_ends_a_stream_only_when_asked_for(client: openai.AsyncOpenAI) -> None:
    chunks = await streamed(client, "hello", stream_options={"include_usage": True})
    assert chunks[-1].choices == []
    assert chunks[-1].usage == (await ask(client, "hello")).usage
    assert all(chunk.usage is None for chunk in chunks[:-1])
    without = await streamed(client, "[[nousage]] hello", stream_options={"include_usage": True})
    assert all(chunk.usage is None for chunk in without)
    assert (await ask(client, "[[nousage]] hello")).usage is None


async def test_a_long_history_is_cached_up_to_the_last_question(client: openai.AsyncOpenAI) -> None:
    history = [user("x" * 8000), {"role": "assistant", "content": "re"}]
    cached = (await ask(client, *history, "and now?")).usage.prompt_tokens_details.cached_tokens
    assert cached % 128 == 0
    assert 1900 < cached <= 2010
    short = [user("x" * 3900), {"role": "assistant", "content": "re"}]
    assert (await ask(client, *short, "and now?")).usage.prompt_tokens_details.cached_tokens == 0
    assert (await ask(client, "and now?")).usage.prompt_tokens_details.cached_tokens == 0


async def test_parallel_calls_accumulate_to_the_same_from_a_stream(client: openai.AsyncOpenAI) -> None:
    whole = (await ask(client, TWO)).choices[0]
    made = [(call.function.name, json.loads(call.function.arguments)) for call in whole.message.tool_calls]
    assert made == [("look_up", {"q": "a ]] b", "n": [[1]]}), ("send", {})]
    assert (whole.finish_reason, whole.message.content) == ("tool_calls", None)

    gathered = await accumulated(client, TWO)
    assert gathered.finish_reason == "tool_calls"
    assert [call.function.name for call in gathered.message.tool_calls] == ["look_up", "send"]
    arguments = [call.function.arguments for call in gathered.message.tool_calls]
    assert arguments == [call.function.arguments for call in whole.message.tool_calls]
    assert len({call.id for call in whole.message.tool_calls}) == 2


async def test_arguments_come_in_fragments(client: openai.AsyncOpenAI) -> None:
    chunks = await streamed(client, TWO)
    parts = [part for chunk in chunks for part in chunk.choices[0].delta.tool_calls or []]
    fragments = [part.function.arguments for part in parts if part.index == 0 and part.function]
    assert fragments[0] == ""
    assert len(fragments) > 3
    assert [part.id is not None for part in parts if part.index == 0] == [True] + [False] * (len(fragments) - 1)


async def test_after_the_results_the_answer_quotes_them(client: openai.AsyncOpenAI) -> None:
    made = (await ask(client, TWO)).choices[0].message
    results = [result(call.id, f"result {number}") for number, call in enumerate(made.tool_calls)]
    answer = await ask(client, TWO, made.model_dump(exclude_none=True), *results)
    assert answer.choices[0].message.content == "re: please\nlook_up -> result 0\nsend -> result 1"


async def test_then_begins_another_round_of_calls(client: openai.AsyncOpenAI) -> None:
    text = "[[tool one]] [[then]] [[tool two]] go"
    messages: list[Any] = [user(text)]
    names = []
    while (message := (await ask(client, *messages)).choices[0].message).tool_calls:
        names.append(message.tool_calls[0].function.name)
        messages += [message.model_dump(exclude_none=True), result(message.tool_calls[0].id, "done")]
    assert names == ["one", "two"]
    assert message.content == "re: go\none -> done\ntwo -> done"


async def test_the_last_asking_message_decides(client: openai.AsyncOpenAI) -> None:
    old = [
        user("[[tool old]]"),
        calls(CALL),
        result("c1"),
        {"role": "assistant", "content": "re: [[status 500]]"},
    ]
    assert (await ask(client, *old, "new")).choices[0].message.content == "re: new"
    event = {"role": "system", "content": "event: approved"}
    assert (await ask(client, *old, "new", event)).choices[0].message.content == "re: event: approved"
    parts = {"role": "user", "content": [{"type": "text", "text": "in"}, {"type": "text", "text": "parts"}]}
    assert (await ask(client, parts)).choices[0].message.content == "re: in\nparts"


@pytest.mark.parametrize("length", [1, 40, 1500, 20_000])
async def test_a_long_answer_has_its_length_and_closed_fences(client: openai.AsyncOpenAI, length: int) -> None:
    text = (await ask(client, f"[[long {length}]] m1")).choices[0].message.content
    assert len(text) == length
    assert text.startswith("re: m1"[:length])
    assert text.count("```") % 2 == 0
    assert ("```" in text) == ("\n\n" in text and length > 1000)
    assert text_of(await streamed(client, f"[[long {length}]] m1")) == text


async def test_deltas_are_counted_and_spaced(model: ModelStandin, client: openai.AsyncOpenAI) -> None:
    began = time.monotonic()
    chunks = await streamed(client, "[[stream 5 40]]")
    assert time.monotonic() - began >= 0.2
    assert len([chunk for chunk in chunks if chunk.choices[0].delta.content]) == 5
    assert text_of(chunks).startswith("piece 1 of 5. piece 2")
    assert model.calls[-1].deltas == 5


@pytest.mark.parametrize(
    ("text", "finish", "content", "refusal"),
    [
        ("[[finish length]] abcd", "length", "re: ", None),
        ("[[finish content_filter]] abcd", "content_filter", "re: ", None),
        ("[[empty]]", "stop", "", None),
        ("[[refusal]]", "stop", None, "I'm sorry, but I can't help with that."),
    ],
)
async def test_other_endings(
    client: openai.AsyncOpenAI, text: str, finish: str, content: str | None, refusal: str | None
) -> None:
    whole = (await ask(client, text)).choices[0]
    assert (whole.finish_reason, whole.message.content, whole.message.refusal) == (finish, content, refusal)
    pieces = [chunk.choices[0] for chunk in await streamed(client, text)]
    assert "".join(piece.delta.content or "" for piece in pieces) == (content or "")
    assert "".join(piece.delta.refusal or "" for piece in pieces) == (refusal or "")
    assert pieces[-1].finish_reason == finish


async def test_arguments_that_are_not_json(client: openai.AsyncOpenAI) -> None:
    tools = [{"type": "function", "function": {"name": "offered", "parameters": {}}}]
    for text, name in (("[[badjson]] [[tool named {}]]", "named"), ("[[badjson]]", "offered")):
        function = (await ask(client, text, tools=tools)).choices[0].message.tool_calls[0].function
        assert function.name == name
        with pytest.raises(json.JSONDecodeError):
            json.loads(function.arguments)


# -- failures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[[status 400]]", openai.BadRequestError),
        ("[[status 401]]", openai.AuthenticationError),
        ("[[status 403]]", openai.PermissionDeniedError),
        ("[[status 404]]", openai.NotFoundError),
        ("[[status 429 0.2]]", openai.RateLimitError),
        ("[[status 500]]", openai.InternalServerError),
        ("[[status 503]]", openai.InternalServerError),
        ("[[status 5OO]]", openai.BadRequestError),
        ("[[stauts 500]]", openai.BadRequestError),
        ("[[tool x {]]", openai.BadRequestError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_errors_become_the_clients_exceptions(
    client: openai.AsyncOpenAI, text: str, error: type[openai.APIStatusError], stream: bool
) -> None:
    with pytest.raises(error) as raised:
        await ask(client, text, stream=stream)
    assert type(raised.value) is error
    assert isinstance(raised.value.body, dict)
    assert set(raised.value.body) == {"message", "type", "param", "code"}


async def test_a_rate_limit_names_its_wait(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as raised:
        await ask(client, "[[status 429 1.2]]")
    assert raised.value.code == "rate_limit_exceeded"
    assert raised.value.response.headers["retry-after-ms"] == "1200"
    assert raised.value.response.headers["retry-after"] == "2"


async def test_counted_faults_are_used_up_in_order(model: ModelStandin) -> None:
    text = "[[status 429 0.01 x1]] [[status 500 x1]] hello"
    async with client_of(model.url, retries=2) as client:
        assert (await ask(client, text)).choices[0].message.content == "re: hello"
    assert [call.kind for call in model.calls] == ["status 429", "status 500", "text"]
    assert [call.attempt for call in model.calls] == [1, 2, 3]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_cut_answer_raises_and_the_second_attempt_is_whole(
    model: ModelStandin, client: openai.AsyncOpenAI, stream: bool
) -> None:
    with pytest.raises(openai.APIConnectionError):  # the client's name for a connection that broke
        await (streamed if stream else ask)(client, "[[cut 2 x1]] hello there")
    assert (model.calls[0].kind, model.calls[0].deltas) == ("cut", 2 if stream else 0)
    assert (await ask(client, "[[cut 2 x1]] hello there")).choices[0].message.content == "re: hello there"


async def test_a_hanging_request_ends_when_its_client_goes(model: ModelStandin, client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.APITimeoutError):
        await ask(client, "[[hang]]", timeout=1)
    await until(lambda: model.calls[0].disconnected)
    assert (model.calls[0].kind, model.calls[0].status) == ("hang", None)


async def test_a_client_that_leaves_a_stream_is_noticed(model: ModelStandin, client: openai.AsyncOpenAI) -> None:
    async with await ask(client, "[[stream 1000 20]]", stream=True) as stream:
        await anext(stream)
    await until(lambda: model.calls[0].disconnected)
    assert model.calls[0].deltas < 1000


@pytest.mark.parametrize("header", [None, "Bearer sk-wrong-key-0", "Basic abc"])
async def test_a_wrong_key_is_refused(model: ModelStandin, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    async with aiohttp.ClientSession(headers=headers) as http:
        for answer in (
            await http.post(f"{model.url}/v1/chat/completions", json={"model": "m", "messages": [user("x")]}),
            await http.get(f"{model.url}/v1/models"),
        ):
            assert answer.status == 401
            assert (await answer.json())["error"]["type"] == "invalid_request_error"
            assert "sk-wrong-key-0" not in await answer.text()
    assert [call.kind for call in model.calls] == ["refused 401"]


# -- control and record ----------------------------------------------------------------------------------


async def test_control_breaks_the_next_requests(model: ModelStandin, client: openai.AsyncOpenAI) -> None:
    async with aiohttp.ClientSession(model.url) as http:
        queued = await http.post("/_control/faults", json={"script": "[[status 500]]", "count": 2})
        assert queued.status == 200
        for _ in range(2):
            with pytest.raises(openai.InternalServerError):
                await ask(client, "hello")
        assert (await ask(client, "hello")).choices[0].message.content == "re: hello"

        await http.post("/_control/faults", json={"script": "[[status 500]]", "count": 2})
        await http.delete("/_control/faults")
        assert (await ask(client, "hello")).choices[0].message.content == "re: hello"

        assert (await http.post("/_control/faults", json={"script": "[[nonsense]]"})).status == 400
        assert (await http.post("/_control/delay", json={"second": 1})).status == 400
        listed = (await (await http.get("/_control/requests")).json())["requests"]
        assert [request["kind"] for request in listed] == ["status 500", "status 500", "text", "text"]


async def test_control_sets_and_drops_the_waits(model: ModelStandin, client: openai.AsyncOpenAI) -> None:
    async with aiohttp.ClientSession(model.url) as http:
        await http.post("/_control/delay", json={"seconds": 0.2})
        began = time.monotonic()
        await ask(client, "hello")
        assert time.monotonic() - began >= 0.2
        await http.post("/_control/instant")
        began = time.monotonic()
        await ask(client, "[[delay 30]] hello")
        assert len(await streamed(client, "[[stream 3 30000]]")) == 5
        assert time.monotonic() - began < 10


async def test_the_record_of_a_process_outlives_its_clients(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    async with spawned("model", "--record", str(path)) as (url, _), client_of(url) as client:
        await ask(client, "hello", extra_headers={"Idempotency-Key": "k1"})
        with pytest.raises(openai.APITimeoutError):
            await ask(client, "[[hang]]", timeout=1)
        await until(lambda: len(read_record(path)) == 2 and read_record(path)[1].disconnected)
    first, second = read_record(path)
    assert (first.text, first.kind, first.idempotency_key, first.disconnected) == (
        "hello",
        "text",
        "k1",
        False,
    )
    assert (second.text, second.kind) == ("[[hang]]", "hang")
    assert len(first.digest) == 64
    assert first.digest != second.digest


async def test_it_is_cheap() -> None:
    """At least 500 requests a second of one core, streamed ones too, by the process's own CPU time."""
    body = json.dumps({"model": "m", "stream": True, "messages": [user("hello")]}).encode()
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    async with spawned("model") as (url, pid), aiohttp.ClientSession(url, headers=headers) as http:
        before = cpu_seconds(pid)
        for _ in range(500):
            async with http.post("/v1/chat/completions", data=body) as answer:
                assert (await answer.read()).endswith(b"data: [DONE]\n\n")
        assert cpu_seconds(pid) - before < 1.0
