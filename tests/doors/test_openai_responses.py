"""Responses through the official client: created, streamed, gone on from, read, cancelled, deleted."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.doors.openai_support import ASK_WEATHER, WEATHER, asked, client_of, data_url, picture, served
from tests.doors.running import Running
from tests.standins.model import ModelStandin
from tests.waiting import until

pytestmark = pytest.mark.proves("v1.responses")

TOOL: dict[str, Any] = {"type": "function", **WEATHER["function"], "strict": False}


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


async def ask(client: openai.AsyncOpenAI, input: Any, **more: Any) -> Any:
    return await client.responses.create(model="default", input=input, **more)


def told(model: ModelStandin) -> list[tuple[str, Any]]:
    return [(one["role"], one["content"]) for one in asked(model)["messages"]]


# --- whole ----------------------------------------------------------------------------------------------------


async def test_a_response(gateway: Running, client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    said = await ask(
        client, "hello", instructions="Be brief.", metadata={"a": "b"}, temperature=0.5, max_output_tokens=99,
        reasoning={"effort": "low"}, truncation="auto", parallel_tool_calls=False,
    )  # fmt: skip
    assert (said.status, said.output_text, said.model, said.object) == ("completed", "re: hello", "default", "response")
    assert (said.instructions, said.metadata, said.temperature) == ("Be brief.", {"a": "b"}, 0.5)
    assert (said.max_output_tokens, said.reasoning.effort, said.parallel_tool_calls) == (99, "low", False)
    assert said.usage.total_tokens == said.usage.input_tokens + said.usage.output_tokens > 0
    assert told(model) == [("system", "Be brief."), ("user", "hello")]
    assert await client.responses.retrieve(said.id) == said
    raw = await gateway.call("GET", f"/v1/responses/{said.id}", token=client.api_key)
    assert raw.json()["output"][0]["content"][0]["annotations"] == []


async def test_a_list_of_items_is_a_history(client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"}
    said = await ask(
        client,
        [
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "input_text", "text": "one"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a moment"}]},
            call,
            {"type": "function_call_output", "call_id": "c1", "output": "rain"},
            {"role": "user", "content": "two"},
        ],
    )
    assert said.output_text == "re: two"
    assert [role for role, _ in told(model)] == ["user", "user", "assistant", "tool", "user"]


async def test_the_blocking_client_and_the_async_one_agree(gateway: Running, client: openai.AsyncOpenAI) -> None:
    def blocking() -> str:
        with openai.OpenAI(api_key=client.api_key, base_url=f"{gateway.url}/v1", max_retries=0, timeout=20) as one:
            return one.responses.create(model="default", input="hello").output_text

    assert await asyncio.to_thread(blocking) == (await ask(client, "hello")).output_text


async def test_a_form_that_is_not_met_is_an_error(client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    form = {"type": "json_schema", "name": "a", "schema": {"type": "object"}, "strict": True}
    model.fault("[[badjson]]", 2)
    with pytest.raises(openai.InternalServerError, match="did not answer in the form"):
        await ask(client, "hello", text={"format": form})
    said = await ask(client, "hello", text={"format": form})
    assert isinstance(json.loads(said.output_text), dict)


async def test_an_answer_that_is_cut_is_incomplete(client: openai.AsyncOpenAI) -> None:
    said = await ask(client, "[[finish length]] hello")
    assert (said.status, said.incomplete_details.reason) == ("incomplete", "max_output_tokens")


async def test_files(gateway: Running, client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    parts = [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": data_url(picture()), "detail": "auto"},
        {"type": "input_file", "filename": "a.txt", "file_data": data_url(b"hi", "text/plain")},
    ]
    said = await ask(client, [{"role": "user", "content": parts}])
    assert "a.txt" in str(told(model)[-1])
    page = await gateway.call("GET", f"/v1/responses/{said.id}/input_items", token=client.api_key)
    assert page.json()["data"][0]["content"] == [
        {"type": "input_text", "text": "look"}, {"type": "input_image"}, {"type": "input_file", "filename": "a.txt"},
    ]  # fmt: skip


# --- gone on from ---------------------------------------------------------------------------------------------


async def test_a_response_goes_on(gateway: Running, client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    first = await ask(client, "one", instructions="Be brief.")
    second = await ask(client, "two", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert told(model) == [("user", "one"), ("assistant", "re: one"), ("user", "two")]
    await ask(client, "three", previous_response_id=second.id)
    assert len(told(model)) == 5
    assert len(await gateway.parts.store.fetch("SELECT id FROM sessions", {})) == 1


async def test_two_go_on_from_one(gateway: Running, client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    first = await ask(client, "one")
    found = await asyncio.gather(*(ask(client, word, previous_response_id=first.id) for word in ("left", "right")))
    assert len(await gateway.parts.store.fetch("SELECT id FROM sessions", {})) == 2
    for body in (asked(model, -1), asked(model, -2)):
        assert [one["content"] for one in body["messages"]][:2] == ["one", "re: one"]
        assert len(body["messages"]) == 3
    for one in found:
        await ask(client, "on", previous_response_id=one.id)
        assert [content for _, content in told(model)][2] == one.output_text.removeprefix("re: ")
    again = await ask(client, "anew", previous_response_id=first.id)
    assert again.output_text == "re: anew"
    assert len(told(model)) == 3


async def test_a_loop_of_the_clients_tool(client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    first = await ask(client, ASK_WEATHER, tools=[TOOL])
    (call,) = first.output
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "weather", {"place": "Kiel"})
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
    said = await ask(client, [output], previous_response_id=first.id, tools=[TOOL])
    assert "weather -> rain" in said.output_text
    items: list[Any] = [{"role": "user", "content": ASK_WEATHER}, call.model_dump(), output]
    assert "weather -> rain" in (await ask(client, items, tools=[TOOL])).output_text
    assert [role for role, _ in told(model)] == ["user", "assistant", "tool"]


async def test_a_retry_is_the_same_response(client: openai.AsyncOpenAI, model: ModelStandin) -> None:
    first = await ask(client, ASK_WEATHER, tools=[TOOL])
    output = {"type": "function_call_output", "call_id": first.output[0].call_id, "output": "rain"}
    more: dict[str, Any] = {"previous_response_id": first.id, "extra_headers": {"Idempotency-Key": "k1"}}
    one, two = await ask(client, [output], **more), await ask(client, [output], **more)
    assert one == two
    assert len(model.calls) == 2
    with pytest.raises(openai.ConflictError):
        await ask(client, "other", **more)


# --- streams --------------------------------------------------------------------------------------------------


async def test_a_stream_tells_everything_in_order(client: openai.AsyncOpenAI) -> None:
    stream = await ask(client, "[[stream 3 150]] hello", stream=True)
    events = [event async for event in stream]
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
    ]  # fmt: skip
    assert kinds[-4:] == [
        "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
    ]  # fmt: skip
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(deltas) >= 2
    final = events[-1].response
    assert "".join(deltas).strip() == final.output_text == "piece 1 of 3. piece 2 of 3. piece 3 of 3."
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert await client.responses.retrieve(final.id) == final


async def test_a_stream_of_a_call(client: openai.AsyncOpenAI) -> None:
    async with client.responses.stream(model="default", input=ASK_WEATHER, tools=[TOOL]) as stream:  # type: ignore[list-item]
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert kinds[2:] == [
        "response.output_item.added", "response.function_call_arguments.delta",
        "response.function_call_arguments.done", "response.output_item.done", "response.completed",
    ]  # fmt: skip
    assert [item.type for item in final.output] == ["function_call"]


async def test_a_stream_that_fails_says_so(client: openai.AsyncOpenAI) -> None:
    events = [event async for event in await ask(client, "[[status 400]] hello", stream=True)]
    assert [event.type for event in events] == ["response.created", "response.in_progress", "response.failed"]
    failed = events[-1].response
    assert (failed.status, failed.error.code) == ("failed", "server_error")
    assert "could not get an answer" in failed.error.message
    assert (await client.responses.retrieve(failed.id)).status == "failed"


async def test_leaving_a_stream_stops_the_turn(gateway: Running, client: openai.AsyncOpenAI) -> None:
    stream = await ask(client, "[[stream 50 100]] hello", stream=True)
    first = await anext(aiter(stream))
    await stream.close()

    async def cancelled() -> bool:
        return (await client.responses.retrieve(first.response.id)).status == "cancelled"

    await until(cancelled, what="the response to be cancelled")


async def test_a_stopping_gateway_lets_waiting_clients_go(gateway: Running, client: openai.AsyncOpenAI) -> None:
    stream = await ask(client, "[[stream 50 100]] hello", stream=True)
    await anext(aiter(stream))
    gateway.app.streams.close()
    last = [event async for event in stream][-1]
    assert (last.type, "Idempotency-Key" in last.message) == ("error", True)


# --- stored ---------------------------------------------------------------------------------------------------


async def test_one_in_the_background_can_be_cancelled(client: openai.AsyncOpenAI) -> None:
    begun = await ask(client, "[[delay 20]] hello", background=True)
    assert begun.status in ("queued", "in_progress")
    with pytest.raises(openai.ConflictError):
        await ask(client, "on", previous_response_id=begun.id)
    with pytest.raises(openai.ConflictError):
        await client.responses.delete(begun.id)
    stopped = await client.responses.cancel(begun.id)
    assert (stopped.status, stopped.output) == ("cancelled", [])
    assert (await client.responses.cancel(begun.id)).status == "cancelled"


async def test_one_in_the_background_is_there_later(client: openai.AsyncOpenAI) -> None:
    begun = await ask(client, "hello", background=True)

    async def done() -> bool:
        return (await client.responses.retrieve(begun.id)).status == "completed"

    await until(done, what="the response")
    assert (await client.responses.retrieve(begun.id)).output_text == "re: hello"


async def test_what_is_deleted_is_gone(gateway: Running, client: openai.AsyncOpenAI) -> None:
    said = await ask(client, "hello")
    await client.responses.delete(said.id)
    for again in (client.responses.retrieve(said.id), client.responses.delete(said.id)):
        with pytest.raises(openai.NotFoundError) as gone:
            await again
        assert gone.value.code == "response_not_found"
    with pytest.raises(openai.BadRequestError) as refused:
        await ask(client, "on", previous_response_id=said.id)
    assert refused.value.param == "previous_response_id"
    assert [one["type"] for one in await gateway.record()].count("change.response.deleted") == 1


async def test_what_is_not_stored_is_not_given_out(client: openai.AsyncOpenAI) -> None:
    said = await ask(client, "hello", store=False)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(said.id)


async def test_nobody_sees_a_response_of_somebody_else(gateway: Running, client: openai.AsyncOpenAI) -> None:
    said = await ask(client, "hello")
    chat = await client.chat.completions.create(model="default", messages=[{"role": "user", "content": "x"}])
    other = client.with_options(api_key=await gateway.token("chat", "admin"))
    for one, name in ((other, said.id), (client, chat.id.replace("chatcmpl-", "resp_")), (client, said.id[5:])):
        with pytest.raises(openai.NotFoundError):
            await one.responses.retrieve(name)
    with pytest.raises(openai.NotFoundError):
        await other.responses.input_items.list(said.id)
    with pytest.raises(openai.NotFoundError):
        await other.responses.cancel(said.id)
    with pytest.raises(openai.BadRequestError):
        await ask(other, "on", previous_response_id=said.id)


async def test_input_items_by_page(gateway: Running, client: openai.AsyncOpenAI) -> None:
    said = await ask(client, [{"role": "user", "content": word} for word in ("one", "two", "three")])
    page = await client.responses.input_items.list(said.id, limit=2, order="asc")
    assert [item.content[0].text for item in page.data] == ["one", "two"]  # type: ignore[union-attr]
    assert page.has_more
    everything = [item async for item in client.responses.input_items.list(said.id, limit=1)]
    assert [item.content[0].text for item in everything] == ["three", "two", "one"]  # type: ignore[union-attr]
    for wrong in ("limit=0", "after=nobody", "order=random"):
        found = await gateway.call("GET", f"/v1/responses/{said.id}/input_items?{wrong}", token=client.api_key)
        assert (found.status, found.json()["error"]["param"]) == (400, wrong.partition("=")[0])


# --- errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"input": []}, "input"),
        ({"input": "  "}, "input"),
        ({"input": [{"role": "user"}]}, "input"),
        ({"input": [{"content": "x"}]}, "input[0].role"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0]"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "input[0].call_id"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "https://x"}]}]},
         "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://x"}]}]},
         "input[0].content[0].image_url"),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input[0].content[0].type"),
        ({"previous_response_id": "resp_x"}, "previous_response_id"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [TOOL, TOOL]}, "tools[1].name"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "function", "name": "f"}}, "tool_choice.name"),
        ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema"),
        ({"text": {"verbosity": "high"}}, "text.verbosity"),
        ({"reasoning": {"effort": "max"}}, "reasoning.effort"),
        ({"reasoning": {"summary": "auto"}}, "reasoning.summary"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"truncation": "disabled"}, "truncation"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "x"}}, "prompt"),
        ({"include": ["reasoning.encrypted_content"]}, "include"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata"),
        ({"metadata": {"a": "x" * 513}}, "metadata"),
        ({"background": True, "store": False}, "background"),
        ({"background": True, "stream": True}, "background"),
        ({"instructions": "x" * 100_001}, "instructions"),
        ({"extra_body": {"made_up": 1}}, "made_up"),
        ({"extra_headers": {"X-Quarterdeck-Session": "ann"}}, "X-Quarterdeck-Session"),
    ],
)  # fmt: skip
async def test_what_is_not_served_is_named(
    client: openai.AsyncOpenAI, model: ModelStandin, wish: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(**{"model": "default", "input": "hi", **wish})
    assert refused.value.param == param
    assert model.calls == []


async def test_an_answer_does_not_come_twice(client: openai.AsyncOpenAI) -> None:
    first = await ask(client, "one")
    with pytest.raises(openai.BadRequestError, match="was said in the previous response"):
        await ask(client, [{"role": "assistant", "content": "re: one"}], previous_response_id=first.id)
