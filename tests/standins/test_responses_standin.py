"""Does the vendor's client understand the stand-in's responses and embeddings, and is it refused as by the vendor?"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.standins.model import KEY, ModelStandin, model_standin
from tests.waiting import until

pytestmark = pytest.mark.timeout(60)

THINKER, PLAIN = "gpt-5", "gpt-4.1"
STATELESS: dict[str, Any] = {"store": False, "include": ["reasoning.encrypted_content"]}
EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
TWO = '[[tool look_up {"q": "a ]] b"}]] [[tool send]] please'
PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\nrest").decode()
PDF = "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.7 rest").decode()
CLOSED = {
    "type": "object",
    "properties": {"said": {"type": "string"}, "sure": {"type": "boolean"}},
    "required": ["said", "sure"],
    "additionalProperties": False,
}


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": {"type": "object"}, "strict": False, **more}


TOOLS = [tool("look_up"), tool("send")]


def user(*content: Any) -> dict[str, Any]:
    parts = [{"type": "input_text", "text": part} if isinstance(part, str) else part for part in content]
    return {"role": "user", "content": parts}


def call(call_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "look_up", "arguments": "{}", **more}


def output(call_id: str, text: str = "ok") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


@pytest.fixture
async def model() -> AsyncIterator[ModelStandin]:
    async with model_standin() as standin:
        yield standin


@pytest.fixture
async def client(model: ModelStandin) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{model.url}/v1", api_key=KEY, max_retries=0, timeout=10) as found:
        yield found


async def ask(client: openai.AsyncOpenAI, said: Any, **more: Any) -> Response:
    """The answer, checked against the client's types: it only warns of what does not fit them."""
    response = await client.responses.create(**{"model": PLAIN, "input": said, **more})
    return Response.model_validate(response.model_dump(mode="json", exclude_unset=True, by_alias=True))


async def streamed(client: openai.AsyncOpenAI, said: Any, **more: Any) -> list[Any]:
    """The events, checked against the client's types and numbered without a gap."""
    asked = {"model": PLAIN, "input": said, **more}
    async with await client.responses.create(**asked, stream=True) as stream:
        raw = [event.model_dump(mode="json", exclude_unset=True, by_alias=True) async for event in stream]
    assert [event["sequence_number"] for event in raw] == list(range(len(raw)))
    return [EVENTS.validate_python(event) for event in raw]


def kinds(events: list[Any]) -> list[str]:
    return [event.type for event in events]


# -- answers ---------------------------------------------------------------------------------------------


async def test_a_text(model: ModelStandin, client: openai.AsyncOpenAI) -> None:
    first, second = await ask(client, "hello"), await ask(client, "hello", instructions="be kind")
    assert (first.output_text, first.status, first.error, first.incomplete_details) == (
        "re: hello",
        "completed",
        None,
        None,
    )
    assert second.instructions == "be kind"
    assert first.usage is not None
    assert first.usage.total_tokens == first.usage.input_tokens + first.usage.output_tokens > 0
    assert [(made.kind, made.text, made.messages) for made in model.calls] == [("text", "hello", 1)] * 2


async def test_the_synchronous_client(model: ModelStandin) -> None:
    def talk() -> tuple[str, list[str], list[str]]:
        with openai.OpenAI(base_url=f"{model.url}/v1", api_key=KEY, max_retries=0, timeout=10) as client:
            text = client.responses.create(model=PLAIN, input="hi").output_text
            with client.responses.create(model=PLAIN, input="hi", stream=True) as stream:
                events = [event.type for event in stream]
            return text, events, [entry.id for entry in client.models.list()]

    text, events, names = await asyncio.to_thread(talk)
    assert (text, events[0], events[-1], names) == ("re: hi", "response.created", "response.completed", ["standin"])


async def test_a_stream_says_what_a_whole_answer_says(client: openai.AsyncOpenAI) -> None:
    whole = await ask(client, "hello there", model=THINKER, reasoning={"summary": "auto"}, **STATELESS)
    events = await streamed(client, "hello there", model=THINKER, reasoning={"summary": "auto"}, **STATELESS)
    assert kinds(events)[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "re: hello there"
    final = events[-1].response
    assert final.model_dump(exclude={"id", "created_at", "output"}) == whole.model_dump(
        exclude={"id", "created_at", "output"}
    )
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert [item.type for item in done] == ["reasoning", "message"] == [item.type for item in whole.output]
    assert [item.model_dump() for item in done] == [item.model_dump() for item in final.output]


async def test_the_clients_own_accumulation_of_a_stream(client: openai.AsyncOpenAI) -> None:
    async with client.responses.stream(model=PLAIN, input=TWO, tools=TOOLS) as stream:  # type: ignore[arg-type]
        final = await stream.get_final_response()
    made = [item for item in final.output if item.type == "function_call"]
    assert [(item.name, json.loads(item.arguments)) for item in made] == [("look_up", {"q": "a ]] b"}), ("send", {})]


async def test_calls_and_their_results(client: openai.AsyncOpenAI) -> None:
    made = (await ask(client, TWO, tools=TOOLS)).output
    assert [item.type for item in made] == ["function_call", "function_call"]
    history = [user(TWO), *(item.model_dump(exclude_none=True) for item in made)]
    results = [output(item.call_id, f"result {n}") for n, item in enumerate(made) if item.type == "function_call"]
    answer = await ask(client, [*history, *results], tools=TOOLS)
    assert answer.output_text == "re: please\nlook_up -> result 0\nsend -> result 1"
    third = [*history, *results, {"role": "assistant", "content": answer.output_text}, user("and now?")]
    assert (await ask(client, third)).output_text == "re: and now?"


async def test_arguments_come_in_fragments(client: openai.AsyncOpenAI) -> None:
    events = await streamed(client, TWO, tools=TOOLS)
    opened = [event.item for event in events if event.type == "response.output_item.added"]
    assert [(item.name, item.arguments) for item in opened] == [("look_up", ""), ("send", "")]
    pieces = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert len(pieces) > 2
    assert "".join(pieces) == '{"q": "a ]] b"}{}'


async def test_tool_choice_and_parallel_calls(client: openai.AsyncOpenAI) -> None:
    async def called(said: str, **more: Any) -> list[str]:
        made = (await ask(client, said, tools=TOOLS, **more)).output
        return [item.name for item in made if item.type == "function_call"]

    assert await called(TWO, tool_choice="none") == []
    assert await called(TWO, parallel_tool_calls=False) == ["look_up"]
    assert await called("hi", tool_choice="required") == ["look_up"]
    assert await called("hi", tool_choice={"type": "function", "name": "send"}) == ["send"]
    assert await called("hi") == []


async def test_reasoning_travels_sealed(client: openai.AsyncOpenAI) -> None:
    asked: dict[str, Any] = {"model": THINKER, "tools": TOOLS, **STATELESS}
    thought = {"reasoning": {"effort": "low", "summary": "auto"}}
    made = await ask(client, "[[think 2]] [[tool look_up]] go", **asked, **thought)
    reasoning, function_call = made.output
    assert reasoning.type == "reasoning"
    assert [part.text for part in reasoning.summary] == ["thought 1 of 2. ", "thought 2 of 2. "]
    assert made.usage is not None
    assert made.usage.output_tokens_details.reasoning_tokens == 8
    assert function_call.type == "function_call"
    history: list[Any] = [
        user("[[think 2]] [[tool look_up]] go"),
        reasoning.model_dump(exclude_none=True),
        function_call.model_dump(exclude_none=True),
        output(function_call.call_id),
    ]
    assert (await ask(client, history, **asked)).output_text == "re: go\nlook_up -> ok"
    without = await ask(client, "[[think 2]] go", model=THINKER)
    assert without.output[0].type == "reasoning"
    assert (without.output[0].summary, without.output[0].encrypted_content) == ([], None)

    events = await streamed(client, "[[think 2]] go", **asked, **thought)
    deltas = [event.delta for event in events if event.type == "response.reasoning_summary_text.delta"]
    assert deltas == ["thought 1 of 2. ", "thought 2 of 2. "]
    begun = next(event.item for event in events if event.type == "response.output_item.added")
    assert begun.encrypted_content != reasoning.encrypted_content
    for spoilt in ("gAAAAAx", reasoning.encrypted_content[:-4] + "AAA="):  # type: ignore[index]
        history[1]["encrypted_content"] = spoilt
        with pytest.raises(openai.BadRequestError) as raised:
            await ask(client, history, **asked)
        assert raised.value.code == "invalid_encrypted_content"


async def test_what_was_stored_can_be_named(client: openai.AsyncOpenAI) -> None:
    first = await ask(client, "[[tool look_up]] go", model=THINKER, tools=TOOLS)
    made = first.output[1]
    assert made.type == "function_call"
    second = await ask(client, [output(made.call_id)], previous_response_id=first.id, model=THINKER)
    assert (second.output_text, second.previous_response_id) == ("re: go\nlook_up -> ok", first.id)
    third = await ask(client, "more", previous_response_id=second.id)
    assert third.output_text == "re: more"
    secret = await ask(client, "hi", store=False)
    with pytest.raises(openai.BadRequestError) as raised:
        await ask(client, "more", previous_response_id=secret.id)
    assert raised.value.code == "previous_response_not_found"


async def test_images_and_files_are_read(model: ModelStandin, client: openai.AsyncOpenAI) -> None:
    picture = {"type": "input_image", "image_url": PNG, "detail": "auto"}
    file = {"type": "input_file", "filename": "a.pdf", "file_data": PDF}
    assert (await ask(client, [user("look", picture, file)])).output_text == "re: look"
    assert (await ask(client, [user("look", {**picture, "image_url": "https://example.org/a.png"})])).output_text
    seen = output("c1")
    seen["output"] = [{"type": "input_text", "text": "found"}, picture]
    assert (await ask(client, [user("go"), call("c1"), seen])).output_text == "re: go\nlook_up -> found"


@pytest.mark.parametrize("strict", [True, False])
async def test_answers_by_schema(client: openai.AsyncOpenAI, strict: bool) -> None:
    form = {"type": "json_schema", "name": "answer", "schema": CLOSED, "strict": strict}
    answer = await ask(client, "hello", text={"format": form})
    assert json.loads(answer.output_text) == {"said": "re: hello", "sure": True}
    with pytest.raises(json.JSONDecodeError):
        json.loads((await ask(client, "[[badjson]]", text={"format": form})).output_text)
    asked = await ask(client, "answer in JSON", text={"format": {"type": "json_object"}})
    assert json.loads(asked.output_text) == {"answer": "re: answer in JSON"}


@pytest.mark.parametrize(
    ("said", "status", "reason", "text"),
    [
        ("[[finish length]] abcd", "incomplete", "max_output_tokens", "re: "),
        ("[[finish content_filter]] abcd", "incomplete", "content_filter", "re: "),
        ("[[empty]]", "completed", None, ""),
        ("[[refusal]]", "completed", None, ""),
    ],
)
async def test_other_endings(client: openai.AsyncOpenAI, said: str, status: str, reason: str | None, text: str) -> None:
    whole = await ask(client, said)
    final = (await streamed(client, said))[-1]
    assert final.type == f"response.{status}"
    for found in (whole, final.response):
        assert (found.status, found.output_text) == (status, text)
        assert (found.incomplete_details.reason if found.incomplete_details else None) == reason
    (message,) = whole.output
    assert message.type == "message"
    assert message.content[0].type == ("refusal" if said == "[[refusal]]" else "output_text")


async def test_a_refusal_comes_in_pieces(client: openai.AsyncOpenAI) -> None:
    events = await streamed(client, "[[refusal]]")
    pieces = [event.delta for event in events if event.type == "response.refusal.delta"]
    (done,) = [event.refusal for event in events if event.type == "response.refusal.done"]
    assert "".join(pieces) == done == "I'm sorry, but I can't help with that."


# -- failures --------------------------------------------------------------------------------------------


async def test_an_error_in_the_stream(model: ModelStandin, client: openai.AsyncOpenAI) -> None:
    events = await streamed(client, "[[error server_error 2]] hello there")
    assert kinds(events).count("response.output_text.delta") == 2
    assert (events[-1].type, events[-1].code) == ("error", "server_error")
    failed = await streamed(client, "[[failed rate_limit_exceeded 1]] hello there")
    assert (failed[-1].type, failed[-1].response.status) == ("response.failed", "failed")
    assert failed[-1].response.error.code == "rate_limit_exceeded"
    assert [made.kind for made in model.calls] == ["error", "failed"]
    assert (await ask(client, "[[failed server_error 0]]")).status == "failed"
    with pytest.raises(openai.InternalServerError):
        await ask(client, "[[error server_error 0]]")


async def test_broken_streams(model: ModelStandin, client: openai.AsyncOpenAI) -> None:
    for said in ("[[cut 2]] hello there", "[[cut 0]] hello there"):
        with pytest.raises(openai.APIConnectionError):
            await streamed(client, said)
    with pytest.raises(json.JSONDecodeError):
        await streamed(client, "[[garbage 1]] hello there")
    with pytest.raises(openai.APITimeoutError):
        await ask(client, "[[hang]]", timeout=1)
    await until(lambda: model.calls[-1].disconnected)
    with pytest.raises(openai.RateLimitError):
        await ask(client, "[[status 429 1]]")


# -- rules -----------------------------------------------------------------------------------------------

WITH_TOOL: dict[str, Any] = {"tools": TOOLS}
REASONED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAAx"}
SAID = {"role": "assistant", "content": "x"}
ITEMS: list[tuple[list[Any], str, str | None]] = [
    ([], "Invalid 'input': empty array.", "input"),
    ([{}], "Missing required parameter: 'input[0].type'.", "input[0].type"),
    ([{"type": "robot"}], "Invalid value: 'robot'. Supported values are", "input[0]"),
    ([{"role": "robot", "content": "x"}], "Invalid value: 'robot'.", "input[0].role"),
    ([{"role": "user"}], "Missing required parameter: 'input[0].content'.", "input[0].content"),
    ([{"role": "user", "content": "x", "name": "y"}], "Unknown parameter: 'input[0].name'.", "input[0].name"),
    (
        [user("x"), {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}],
        "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
        "input[1].content[0]",
    ),
    ([user({"type": "output_text", "text": "x"})], "Invalid value: 'output_text'.", "input[0].content[0]"),
    ([user("x"), call("c1")], "No tool output found for function call c1.", "input"),
    ([user("x"), output("c1")], "No tool call found for function call output with call_id c1.", "input"),
    ([user("x"), output("c1"), call("c1")], "No tool call found for function call output", "input"),
    ([user("x"), call("c" * 65), output("c" * 65)], "string too long. Expected a string with maximum length 64", None),
    ([user("x"), call("c1", name="a.b"), output("c1")], "does not match pattern", "input[1].name"),
    ([user("x"), call("c1", id="x_1"), output("c1")], "Expected an ID that begins with 'fc'.", "input[1].id"),
    ([user("x"), {**SAID, "id": "item_1"}], "Expected an ID that begins with 'msg'.", "input[1].id"),
    ([user("x"), {**SAID, "id": "msg_1"}, {**SAID, "id": "msg_1"}], "Duplicate item found with id msg_1.", "input"),
    ([{**REASONED, "status": "completed"}], "Unknown parameter: 'input[0].status'.", "input[0].status"),
    ([{"type": "reasoning", "id": "rs_1"}], "Missing required parameter: 'input[0].summary'.", "input[0].summary"),
    ([REASONED, SAID], "The encrypted content gAAA...AAAx could not be verified.", None),
    ([user({"type": "input_image", "image_url": "x"})], "Expected a valid URL", "input[0].content[0].image_url"),
    ([user({"type": "input_image", "image_url": PDF})], "You uploaded an unsupported image.", None),
    ([user({"type": "input_image", "image_url": PNG, "detail": "x"})], "Invalid value: 'x'.", None),
    ([user({"type": "input_file", "filename": "a", "file_data": PNG})], "application/pdf MIME type", None),
    ([user({"type": "input_file", "file_data": PDF})], "Missing required parameter", "input[0].content[0].filename"),
]
FIELDS: list[tuple[dict[str, Any], str, str | None]] = [
    ({"input": None}, "Missing required parameter: 'input'.", "input"),
    ({"model": ""}, "you must provide a model parameter", None),
    ({"extra_body": {"seed": 1}}, "Unknown parameter: 'seed'.", "seed"),
    ({"extra_body": {"reasoning_effort": "low"}}, "this parameter has moved to 'reasoning.effort'", None),
    ({"max_output_tokens": 10}, "integer below minimum value. Expected a value >= 16, but got 10", "max_output_tokens"),
    ({"temperature": 3}, "above maximum value", "temperature"),
    ({"model": THINKER, "temperature": 0.5}, "Unsupported parameter: 'temperature' is not supported with", None),
    ({"reasoning": {"effort": "low"}}, "'reasoning.effort' is not supported with this model.", "reasoning.effort"),
    ({"model": THINKER, "reasoning": {"effort": "x"}}, "Invalid value: 'x'.", "reasoning.effort"),
    ({"include": ["reasoning.encrypted_content"]}, "Encrypted content is not supported", "include"),
    ({"truncation": "some"}, "Invalid value: 'some'. Supported values are: 'auto' and 'disabled'.", "truncation"),
    ({"prompt_cache_key": "x" * 65}, "string too long", "prompt_cache_key"),
    (
        {"tools": [{"type": "function", "function": {"name": "x"}}]},
        "Missing required parameter: 'tools[0].name'.",
        None,
    ),
    ({"tools": [tool("x", parameters={"type": "string"})]}, "schema must be a JSON Schema of 'type", None),
    ({"tools": [tool("x", strict=True)]}, "'additionalProperties' is required to be supplied and to be false", None),
    ({"tools": [tool("x", strict=True, parameters={**CLOSED, "required": ["said"]})]}, "Missing 'sure'", None),
    ({"tools": [tool("x"), tool("x")]}, "tool names must be unique", "tools"),
    ({"tools": [tool("x")] * 129}, "array too long", "tools"),
    ({"tool_choice": "required"}, "must be specified with 'tools'", "tool_choice"),
    ({**WITH_TOOL, "tool_choice": {"type": "function", "name": "x"}}, "'x' not found in 'tools'", "tool_choice"),
    ({**WITH_TOOL, "tool_choice": "any"}, "Invalid value: 'any'.", "tool_choice"),
    ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "Missing required parameter", "text.format.schema"),
    ({"text": {"format": {"type": "json_object"}}}, "must contain the word 'json'", "input"),
    (
        {"text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}, "strict": True}}},
        "Invalid schema for response_format 'x'",
        "text.format.schema",
    ),
    ({"extra_body": {"stream_options": {}}}, "only allowed when 'stream' is enabled", "stream_options"),
]
TABLE = [*(({"input": items}, *told) for items, *told in ITEMS), *FIELDS]


@pytest.mark.parametrize(("asked", "message", "param"), TABLE)
async def test_a_request_against_the_rules_is_refused(
    model: ModelStandin, client: openai.AsyncOpenAI, asked: dict[str, Any], message: str, param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.responses.create(**{"model": PLAIN, "input": "x", **asked})
    error = raised.value.body
    assert isinstance(error, dict)
    assert error["type"] == "invalid_request_error"
    assert message in error["message"]
    assert param in (None, error["param"])
    assert model.calls[0].kind == "refused 400"


async def test_reasoning_stands_before_what_it_led_to(client: openai.AsyncOpenAI) -> None:
    made = (await ask(client, "go", model=THINKER, **STATELESS)).output[0].model_dump(exclude_none=True)
    for items in ([made], [made, user("x")]):
        with pytest.raises(openai.BadRequestError, match="without its required following item"):
            await ask(client, items, model=THINKER)
    with pytest.raises(openai.NotFoundError, match="Items are not persisted"):
        await ask(client, [{**made, "encrypted_content": None}, SAID], model=THINKER)
    assert (await ask(client, [user("a"), made, SAID, user("b")], model=THINKER)).output_text == "re: b"


# -- vectors ---------------------------------------------------------------------------------------------


async def test_vectors(model: ModelStandin, client: openai.AsyncOpenAI) -> None:
    texts = ["red apples", "apples are red", "a grey engine", "the tokens"]
    found = await client.embeddings.create(model="text-embedding-3-small", input=texts, dimensions=256)
    vectors = [entry.embedding for entry in found.data]
    assert [len(vector) for vector in vectors] == [256] * 4
    assert [entry.index for entry in found.data] == [0, 1, 2, 3]

    def near(one: int, other: int) -> float:
        return sum(x * y for x, y in zip(vectors[one], vectors[other], strict=True))

    assert near(0, 0) == pytest.approx(1, abs=1e-5)
    assert near(0, 1) > 0.6 > near(0, 2)
    plain = await client.embeddings.create(
        model="text-embedding-3-small", input="red apples", dimensions=256, encoding_format="float"
    )
    assert plain.data[0].embedding == pytest.approx(vectors[0], abs=1e-6)
    tokens = await client.embeddings.create(model="text-embedding-3-large", input=[1, 2, 3])
    assert (len(tokens.data[0].embedding), tokens.usage.prompt_tokens) == (3072, 3)
    assert [made.kind for made in model.calls] == ["text"] * 3


VECTORS: list[tuple[dict[str, Any], str]] = [
    ({"input": ""}, "'$.input' is invalid."),
    ({"input": []}, "'$.input' is invalid."),
    ({"input": ["x", ""]}, "'$.input' is invalid."),
    ({"input": ["x"] * 2049}, "'$.input' is invalid."),
    ({"input": "x" * 40_000}, "maximum context length is 8192 tokens, however you requested 10000 tokens"),
    ({"input": ["x" * 32_000] * 40}, "Requested 320000 tokens, max 300000 tokens per request"),
    ({"input": "x", "dimensions": 0}, "integer below minimum value"),
    ({"input": "x", "dimensions": 4000}, "integer above maximum value"),
    ({"input": "x", "dimensions": 8, "model": "text-embedding-ada-002"}, "does not support specifying dimensions"),
    ({"input": "x", "encoding_format": "hex"}, "Invalid value: 'hex'."),
    ({"input": "x", "extra_body": {"made_up": 1}}, "Unknown parameter: 'made_up'."),
    ({"input": "x", "model": ""}, "you must provide a model parameter"),
]


@pytest.mark.parametrize(("asked", "message"), VECTORS)
async def test_vectors_against_the_rules_are_refused(
    client: openai.AsyncOpenAI, asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.embeddings.create(**{"model": "text-embedding-3-small", **asked})
    assert message in str(raised.value)


async def test_faults_of_vectors(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.RateLimitError):
        await client.embeddings.create(model="m", input="[[status 429]]")
    with pytest.raises(openai.APIConnectionError):
        await client.embeddings.create(model="m", input="[[cut 0]] x")
    with pytest.raises(openai.InternalServerError):
        await client.embeddings.create(model="m", input="[[error server_error 0]] x")
