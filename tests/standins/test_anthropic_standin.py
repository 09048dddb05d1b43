"""Does the Anthropic stand-in behave like the vendor? Asked by the vendor's own client, else by plain HTTP."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import pytest
from anthropic.types import Message

from tests.standins import spawned
from tests.standins.anthropic import (
    KEY,
    NEWER,
    OLDER,
    THINKER,
    AnthropicStandin,
    Cache,
    Settings,
    anthropic_standin,
    read_record,
)
from tests.standins.files import PDF, png
from tests.waiting import until

pytestmark = pytest.mark.timeout(60)
TOOL = {"name": "look_up", "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}}}
SEND = {"name": "send", "input_schema": {"type": "object"}}
TWO = '[[tool look_up {"q": "a ]] b", "n": [[1]]}]] [[tool send]] please'
ADAPTIVE = {"type": "adaptive"}


def client_of(url: str, key: str = KEY, retries: int = 0) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=retries, timeout=10)


@pytest.fixture
async def model() -> AsyncIterator[AnthropicStandin]:
    async with anthropic_standin() as standin:
        yield standin


@pytest.fixture
async def client(model: AnthropicStandin) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with client_of(model.url) as made:
        yield made


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def result(call_id: str, text: str = "ok") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": text}


def request(*messages: Any, model: str = NEWER.name, max_tokens: int = 2000, **more: Any) -> dict[str, Any]:
    given = [user(message) if isinstance(message, str) else message for message in messages]
    return {"model": model, "max_tokens": max_tokens, "messages": given, **more}


async def ask(client: anthropic.AsyncAnthropic, *messages: Any, **more: Any) -> Message:
    return await client.messages.create(**request(*messages, **more))


async def streamed(client: anthropic.AsyncAnthropic, *messages: Any, **more: Any) -> Message:
    """What the vendor's own accumulator makes of a stream."""
    async with client.messages.stream(**request(*messages, **more)) as stream:
        return await stream.get_final_message()


def said(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


# -- answers ---------------------------------------------------------------------------------------------


async def test_a_plain_text_is_echoed_the_same_way_each_time(client: anthropic.AsyncAnthropic) -> None:
    first, second = await ask(client, "hello"), await ask(client, "hello")
    assert (said(first), first.stop_reason, first.role) == ("re: hello", "end_turn", "assistant")
    assert first.model_dump() == second.model_dump()
    assert first.usage.input_tokens > 0
    assert first.usage.output_tokens > 0


async def test_the_synchronous_client(model: AnthropicStandin) -> None:
    def talk() -> tuple[str, str, list[str]]:
        with anthropic.Anthropic(base_url=model.url, api_key=KEY, max_retries=0, timeout=10) as client:
            answer = client.messages.create(**request("hi"))
            with client.messages.stream(**request("hi")) as stream:
                texts = "".join(stream.text_stream)
            return said(answer), texts, [entry.id for entry in client.models.list()]

    assert await asyncio.to_thread(talk) == ("re: hi", "re: hi", [entry.name for entry in Settings().models])


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("hello there", {}),
        (TWO, {"tools": [TOOL, SEND]}),
        ("[[before let me see]] " + TWO, {"tools": [TOOL, SEND], "thinking": ADAPTIVE}),
        ("[[think 2]] [[redacted]] hm", {"thinking": ADAPTIVE}),
        ("[[think 2]] hm", {"thinking": {**ADAPTIVE, "display": "omitted"}}),
        ("[[refusal]]", {}),
        ("[[finish pause_turn]] x", {}),
        ("[[long 3000]] m1", {}),
        ("[[empty]]", {}),
        ("a stop here", {"stop_sequences": ["stop"]}),
        ("cut by the limit", {"max_tokens": 2}),
    ],
)
async def test_a_stream_says_what_a_whole_answer_says(
    client: anthropic.AsyncAnthropic, text: str, more: dict[str, Any]
) -> None:
    whole, stream = await ask(client, text, **more), await streamed(client, text, **more)
    left_out = {"id": True, "content": {"__all__": {"id", "citations", "parsed_output"}}}
    assert whole.model_dump(exclude=left_out) == stream.model_dump(exclude=left_out)


async def test_the_events_of_a_stream(client: anthropic.AsyncAnthropic) -> None:
    asked = request('[[think 1]] [[tool look_up {"q": 1}]] x', tools=[TOOL], thinking=ADAPTIVE, stream=True)
    events = [event async for event in await client.messages.create(**asked)]
    kinds = [event.type for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    deltas = [event.delta.type for event in events if event.type == "content_block_delta"]
    assert list(dict.fromkeys(deltas)) == ["thinking_delta", "signature_delta", "input_json_delta"]
    starts = [event for event in events if event.type == "content_block_start"]
    assert [event.content_block.type for event in starts] == ["thinking", "tool_use"]
    assert kinds.count("content_block_stop") == 2
    start, end = events[0], events[-2]
    assert start.type == "message_start"
    assert end.type == "message_delta"
    assert start.message.stop_reason is None
    assert end.delta.stop_reason == "tool_use"
    assert (start.message.usage.output_tokens, end.usage.output_tokens > 1) == (1, True)


async def test_the_way_of_a_stream_on_the_wire(model: AnthropicStandin) -> None:
    headers = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
    async with aiohttp.ClientSession(model.url, headers=headers) as http:
        answer = await http.post("/v1/messages", json=request("hi", stream=True))
        body = await answer.read()
    assert answer.content_type == "text/event-stream"
    assert answer.headers["request-id"].startswith("req_")
    assert body.startswith(b'event: message_start\ndata: {"type":"message_start"')
    assert b'event: ping\ndata: {"type":"ping"}\n\n' in body
    assert body.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


async def test_parallel_calls_and_then_their_results(client: anthropic.AsyncAnthropic) -> None:
    made = await streamed(client, TWO, tools=[TOOL, SEND])
    calls = [block for block in made.content if block.type == "tool_use"]
    assert made.stop_reason == "tool_use"
    assert [(call.name, call.input) for call in calls] == [("look_up", {"q": "a ]] b", "n": [[1]]}), ("send", {})]
    assert len({call.id for call in calls}) == 2
    results = [result(call.id, f"result {number}") for number, call in enumerate(calls)]
    answer = await ask(client, TWO, made.to_param(), user(results), tools=[TOOL, SEND])
    assert said(answer) == "re: please\nlook_up -> result 0\nsend -> result 1"


async def test_rounds_of_calls_with_thinking_that_is_returned(client: anthropic.AsyncAnthropic) -> None:
    text = "[[think 1]] [[tool look_up]] [[then]] [[tool send]] go"
    more = {"tools": [TOOL, SEND], "thinking": {"type": "enabled", "budget_tokens": 1024}, "model": OLDER.name}
    messages: list[Any] = [user(text)]
    names, thoughts = [], []
    while (answer := await ask(client, *messages, **more)).stop_reason == "tool_use":
        (call,) = (block for block in answer.content if block.type == "tool_use")
        names.append(call.name)
        thoughts += [block.thinking for block in answer.content if block.type == "thinking"]
        messages += [answer.to_param(), user([result(call.id)])]
    assert names == ["look_up", "send"]
    assert thoughts == ["round 0: thought 1 of 1. ", "round 1: thought 1 of 1. "]
    assert said(answer) == "re: go\nlook_up -> ok\nsend -> ok"
    assert answer.usage.output_tokens_details is not None
    assert answer.usage.output_tokens_details.thinking_tokens > 0


async def test_thinking_is_on_where_the_request_or_the_model_says_so(client: anthropic.AsyncAnthropic) -> None:
    for more, thinks in (
        ({}, False),
        ({"thinking": ADAPTIVE}, True),
        ({"thinking": {"type": "disabled"}}, False),
        ({"model": THINKER.name}, True),
    ):
        answer = await ask(client, "[[think 1]] x", **more)
        assert [block.type for block in answer.content] == ["thinking", "text"][not thinks :]


async def test_the_last_asking_turn_decides(client: anthropic.AsyncAnthropic) -> None:
    old = await ask(client, "[[tool look_up]] old", tools=[TOOL])
    (call,) = (block for block in old.content if block.type == "tool_use")
    steered = user([result(call.id), {"type": "text", "text": "new"}])
    assert said(await ask(client, "[[tool look_up]] old", old.to_param(), steered, tools=[TOOL])) == "re: new"
    assert said(await ask(client, "in", "turns")) == "re: in\nturns"


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({"type": "auto"}, ["look_up", "send"]),
        ({"type": "auto", "disable_parallel_tool_use": True}, ["look_up"]),
        ({"type": "none"}, []),
    ],
)
async def test_the_choice_of_tools(client: anthropic.AsyncAnthropic, choice: Any, names: list[str]) -> None:
    answer = await ask(client, TWO, tools=[TOOL, SEND], tool_choice=choice)
    assert [block.name for block in answer.content if block.type == "tool_use"] == names


@pytest.mark.parametrize(("choice", "name"), [({"type": "any"}, "look_up"), ({"type": "tool", "name": "send"}, "send")])
async def test_a_forced_tool(client: anthropic.AsyncAnthropic, choice: Any, name: str) -> None:
    answer = await ask(client, "just talk", tools=[TOOL, SEND], tool_choice=choice)
    assert [(block.type, block.name) for block in answer.content if block.type == "tool_use"] == [("tool_use", name)]


async def test_an_answer_in_a_form(client: anthropic.AsyncAnthropic) -> None:
    fields = {"said": {"type": "string"}, "n": {"type": "integer"}, "kind": {"enum": ["a", "b"]}}
    schema = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    wanted = {"format": {"type": "json_schema", "schema": schema}}
    assert said(await ask(client, "x", output_config=wanted)) == '{"said": "re: x", "n": 0, "kind": "a"}'


async def test_images_and_documents(client: anthropic.AsyncAnthropic) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(png(8, 8))}}
    document = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": b64(PDF)}}
    answer = await ask(client, user([image, document, {"type": "text", "text": "what is it?"}]))
    assert said(answer) == "re: what is it?"
    assert answer.usage.input_tokens > 4000


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def test_a_slow_answer(model: AnthropicStandin, client: anthropic.AsyncAnthropic) -> None:
    began = time.monotonic()
    answer = await streamed(client, "[[stream 5 40]]")
    assert time.monotonic() - began >= 0.2
    assert said(answer).startswith("piece 1 of 5. piece 2")
    assert model.calls[-1].deltas == 5


# -- the cache -------------------------------------------------------------------------------------------

MARK = {"cache_control": {"type": "ephemeral"}}
LONG = {"type": "text", "text": "x" * 8000}


async def figures(client: anthropic.AsyncAnthropic, *messages: Any, **more: Any) -> tuple[int, int, int]:
    usage = (await ask(client, *messages, **more)).usage
    assert usage.cache_creation is not None
    return usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0, usage.input_tokens


async def test_a_marked_prefix_is_written_once_and_then_read(client: anthropic.AsyncAnthropic) -> None:
    system = [{**LONG, **MARK}]
    read, written, fresh = await figures(client, "one", system=system)
    assert read == 0
    assert written > 2000
    assert 0 < fresh < 50
    assert (await figures(client, "another", system=system))[:2] == (written, 0)
    assert (await figures(client, "another", system=[{"type": "text", "text": "y" * 8000, **MARK}]))[0] == 0
    assert (await figures(client, "another", system=system, model=OLDER.name))[0] == 0
    assert (await figures(client, "another", system=system, thinking=ADAPTIVE))[0] == written


async def test_a_growing_conversation_reads_what_it_wrote_before(client: anthropic.AsyncAnthropic) -> None:
    first = user([{**LONG, **MARK}])
    _, written, _ = await figures(client, first)
    grown = [user([LONG]), {"role": "assistant", "content": "re"}, user([{"type": "text", "text": "and?", **MARK}])]
    read, more, fresh = await figures(client, *grown)
    assert read == written
    assert 0 < more < 100
    assert fresh == 0


async def test_what_is_not_cached(client: anthropic.AsyncAnthropic) -> None:
    assert (await figures(client, "x", system=[LONG]))[:2] == (0, 0)
    short = [{"type": "text", "text": "x" * 3000, **MARK}]
    assert (await figures(client, "x", system=short))[:2] == (0, 0)
    blocks = [{"type": "text", "text": f"block {number}"} for number in range(30)]
    await figures(client, user([{**LONG, **MARK}]))
    read, written, _ = await figures(client, user([LONG, *blocks, {"type": "text", "text": "end", **MARK}]))
    assert read == 0, "the kept prefix is more than 20 blocks before the marker"
    assert written > 2000


async def test_the_marker_on_top_moves_with_the_conversation(client: anthropic.AsyncAnthropic) -> None:
    _, written, fresh = await figures(client, user([LONG]), **MARK)
    assert written > 2000
    assert fresh == 0
    assert (await figures(client, user([LONG]), "more", **MARK))[0] == written


async def test_a_kept_prefix_lasts_as_long_as_it_is_used() -> None:
    now = [0.0]
    async with anthropic_standin(cache=Cache(lambda: now[0])) as model, client_of(model.url) as client:
        for mark, seconds in ((MARK, 300), ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, 3600)):
            system = [{"type": "text", "text": f"{seconds}" + "x" * 8000, **mark}]
            usage = (await ask(client, "a", system=system)).usage
            assert usage.cache_creation is not None
            halves = usage.cache_creation.ephemeral_5m_input_tokens, usage.cache_creation.ephemeral_1h_input_tokens
            assert [half > 0 for half in halves] == [seconds == 300, seconds == 3600]
            for later, there in ((seconds - 1, True), (seconds - 1, True), (seconds + 1, False)):
                now[0] += later
                assert bool((await figures(client, "b", system=system))[0]) == there


# -- models ----------------------------------------------------------------------------------------------


async def test_the_list_of_models_comes_in_pages(model: AnthropicStandin, client: anthropic.AsyncAnthropic) -> None:
    names = [entry.name for entry in Settings().models]
    page = await client.models.list(limit=3)
    assert (page.has_more, [entry.id for entry in page.data]) == (True, names[:3])
    assert [entry.id async for entry in client.models.list(limit=1)] == names
    back = await client.models.list(before_id=names[2], limit=1)
    assert [entry.id for entry in back.data] == names[1:2]
    one = await client.models.retrieve(OLDER.name)
    assert one.capabilities is not None
    assert (one.max_input_tokens, one.max_tokens) == (200_000, 8192)
    assert one.capabilities.thinking.types.enabled.supported
    assert not one.capabilities.thinking.types.adaptive.supported
    assert one.capabilities.structured_outputs.supported
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("nobody")


# -- failures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "error", "kind"),
    [
        ("[[status 400]]", anthropic.BadRequestError, "invalid_request_error"),
        ("[[status 401]]", anthropic.AuthenticationError, "authentication_error"),
        ("[[status 402]]", anthropic.APIStatusError, "billing_error"),
        ("[[status 403]]", anthropic.PermissionDeniedError, "permission_error"),
        ("[[status 404]]", anthropic.NotFoundError, "not_found_error"),
        ("[[status 413]]", anthropic.APIStatusError, "request_too_large"),
        ("[[status 429 0.2]]", anthropic.RateLimitError, "rate_limit_error"),
        ("[[status 500]]", anthropic.InternalServerError, "api_error"),
        ("[[status 504]]", anthropic.InternalServerError, "timeout_error"),
        ("[[status 529]]", anthropic.InternalServerError, "overloaded_error"),
        ("[[credit]]", anthropic.BadRequestError, "invalid_request_error"),
        ("[[stauts 500]]", anthropic.BadRequestError, "invalid_request_error"),
        ("[[finish soon]]", anthropic.BadRequestError, "invalid_request_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_errors_become_the_clients_exceptions(
    client: anthropic.AsyncAnthropic, text: str, error: type[anthropic.APIStatusError], kind: str, stream: bool
) -> None:
    with pytest.raises(error) as raised:
        await (streamed if stream else ask)(client, text)
    body = raised.value.body
    assert isinstance(body, dict)
    assert set(body) == {"type", "error", "request_id"}
    assert (body["type"], raised.value.type) == ("error", kind)
    assert raised.value.request_id == body["request_id"] != ""


async def test_a_rate_limit_names_its_wait(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.RateLimitError) as raised:
        await ask(client, "[[status 429 1.2]]")
    assert raised.value.response.headers["retry-after"] == "2"
    assert raised.value.response.headers["anthropic-ratelimit-requests-remaining"] == "0"


async def test_counted_faults_are_used_up_in_order(model: AnthropicStandin) -> None:
    text = "[[status 500 x1]] [[status 529 x1]] hello"
    async with client_of(model.url, retries=2) as client:
        assert said(await ask(client, text)) == "re: hello"
    assert [call.kind for call in model.calls] == ["status 500", "status 529", "text"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_cut_answer_raises_and_the_second_attempt_is_whole(
    model: AnthropicStandin, client: anthropic.AsyncAnthropic, stream: bool
) -> None:
    with pytest.raises(Exception, match=r"(?i)connection|closed|incomplete|peer"):
        await (streamed if stream else ask)(client, "[[cut 2 x1]] hello there")
    assert (model.calls[0].kind, model.calls[0].deltas) == ("cut", 2 if stream else 0)
    assert said(await ask(client, "[[cut 2 x1]] hello there")) == "re: hello there"


async def test_an_error_in_the_middle_of_a_stream(model: AnthropicStandin, client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.APIStatusError, match="Overloaded") as raised:
        await streamed(client, "[[error overloaded_error 2 x1]] hello there")
    assert raised.value.type == "overloaded_error"
    assert model.calls[0].deltas == 2
    with pytest.raises(anthropic.InternalServerError, match="Overloaded"):
        await ask(client, "[[error overloaded_error 2]] hello there")


async def test_something_that_is_not_json(model: AnthropicStandin, client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the client's own decoder
        await streamed(client, "[[garbage 1]] hello there")
    headers = {"x-api-key": KEY, "anthropic-version": "2026-10-21"}
    async with aiohttp.ClientSession(model.url, headers=headers) as http:
        answer = await http.post("/v1/messages", json=request("[[garbage 1]] hello"))
        with pytest.raises(ValueError):  # noqa: PT011
            await answer.json()


async def test_a_hanging_request_ends_when_its_client_goes(
    model: AnthropicStandin, client: anthropic.AsyncAnthropic
) -> None:
    with pytest.raises(anthropic.APITimeoutError):
        await client.with_options(timeout=1).messages.create(**request("[[hang]]"))
    await until(lambda: model.calls and model.calls[0].disconnected)
    assert (model.calls[0].kind, model.calls[0].status) == ("hang", None)


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({}, 401, "x-api-key header is required"),
        ({"x-api-key": "sk-wrong-key-0"}, 401, "invalid x-api-key"),
        ({"Authorization": "Bearer sk-wrong-key-0"}, 401, "invalid x-api-key"),
        ({"x-api-key": "sk-wrong-key-0", "Authorization": f"Bearer {KEY}"}, 401, "invalid x-api-key"),
        ({"x-api-key": KEY}, 400, "anthropic-version: header is required"),
        ({"x-api-key": KEY, "anthropic-version": "2020-01-01"}, 400, "is not a valid version"),
        ({"x-api-key": KEY, "anthropic-version": "2026-10-21", "content-type": "text/plain"}, 400, "content-type"),
    ],
)
async def test_the_head_of_a_request(model: AnthropicStandin, headers: dict[str, str], status: int, said: str) -> None:
    sent = {"content-type": "application/json", **headers}
    async with aiohttp.ClientSession(model.url, headers=sent) as http:
        answer = await http.post("/v1/messages", data=b"{}")
        assert (answer.status, said in await answer.text()) == (status, True)
        assert "sk-wrong-key-0" not in await answer.text()
    assert [call.kind for call in model.calls] == [f"refused {status}"]


# -- control and record ----------------------------------------------------------------------------------


async def test_control_breaks_the_next_requests(model: AnthropicStandin, client: anthropic.AsyncAnthropic) -> None:
    async with aiohttp.ClientSession(model.url) as http:
        await http.post("/_control/faults", json={"script": "[[error api_error 0]]", "count": 2})
        for _ in range(2):
            with pytest.raises(anthropic.InternalServerError):
                await ask(client, "hello")
        assert said(await ask(client, "hello")) == "re: hello"
        await http.post("/_control/faults", json={"script": "[[status 500]]", "count": 2})
        await http.delete("/_control/faults")
        await http.post("/_control/delay", json={"seconds": 30})
        await http.post("/_control/instant")
        assert said(await ask(client, "hello")) == "re: hello"
        assert (await http.post("/_control/faults", json={"script": "[[nonsense]]"})).status == 400
        listed = (await (await http.get("/_control/requests")).json())["requests"]
        assert [entry["kind"] for entry in listed] == ["error", "error", "text", "text"]


async def test_the_record_of_a_process_outlives_its_clients(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    async with spawned("anthropic", "--record", str(path)) as (url, _), client_of(url) as client:
        await ask(client, "hello")
        await ask(client, TWO, tools=[TOOL, SEND])
    assert [(call.text, call.kind, call.status) for call in read_record(path)] == [
        ("hello", "text", 200),
        (TWO, "tools", 200),
    ]
