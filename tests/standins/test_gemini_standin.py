"""Does the Gemini stand-in behave like the vendor? Asked by the vendor's own SDK, else by plain HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from google import genai
from google.genai import errors, types

from tests.standins import spawned
from tests.standins.gemini import KEY, GeminiStandin, gemini_standin, read_record
from tests.waiting import until

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),  # the SDK's own
]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
THREE, TWO = "gemini-3-flash-preview", "gemini-2.5-flash"
LOOK_UP = types.FunctionDeclaration(
    name="look_up",
    description="Look something up",
    parameters_json_schema={"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
)
SEND = types.FunctionDeclaration(name="send", parameters=types.Schema(type=types.Type.OBJECT))
TOOLS: list[Any] = [types.Tool(function_declarations=[LOOK_UP, SEND])]
CALLS = '[[tool look_up {"q": "x"}]] [[tool send]] please'


def client_of(url: str, key: str = KEY, timeout: float = 10.0) -> genai.Client:
    options = types.HttpOptions(base_url=url, timeout=int(timeout * 1000))
    return genai.Client(api_key=key, http_options=options)


@pytest.fixture
async def gemini() -> AsyncIterator[GeminiStandin]:
    async with gemini_standin() as standin:
        yield standin


@pytest.fixture
async def sdk(gemini: GeminiStandin) -> AsyncIterator[Any]:
    client = client_of(gemini.url)
    yield client.aio
    await client.aio.aclose()
    client.close()


async def ask(sdk: Any, contents: Any, model: str = THREE, **config: Any) -> Any:
    given = types.GenerateContentConfig(**config)
    return await sdk.models.generate_content(model=model, contents=contents, config=given)


async def streamed(sdk: Any, contents: Any, model: str = THREE, **config: Any) -> list[Any]:
    given = types.GenerateContentConfig(**config)
    stream = await sdk.models.generate_content_stream(model=model, contents=contents, config=given)
    return [chunk async for chunk in stream]


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.text or "" for chunk in chunks)


def details_of(error: errors.APIError) -> Any:
    body: Any = error.details
    return body["error"]["details"]


# -- answers -----------------------------------------------------------------------------------------------


async def test_a_plain_text_is_echoed_the_same_way_each_time(sdk: Any) -> None:
    first, second = await ask(sdk, "hello"), await ask(sdk, "hello")
    assert (first.text, first.candidates[0].finish_reason) == ("re: hello", types.FinishReason.STOP)
    assert (first.model_version, len(first.response_id)) == (THREE, 22)
    assert first.candidates == second.candidates
    usage = first.usage_metadata
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count > 2


async def test_a_stream_says_what_a_whole_answer_says(sdk: Any) -> None:
    chunks = await streamed(sdk, "hello there", system_instruction="be kind")
    assert text_of(chunks) == "re: hello there"
    assert len(chunks) > 3
    assert [chunk.candidates[0].finish_reason for chunk in chunks][-2:] == [None, types.FinishReason.STOP]
    whole = await ask(sdk, "hello there", system_instruction="be kind")
    assert chunks[-1].usage_metadata == whole.usage_metadata


async def test_the_synchronous_client(gemini: GeminiStandin) -> None:
    def talk() -> tuple[str | None, str, list[str | None]]:
        with client_of(gemini.url) as client:
            answer = client.models.generate_content(model=TWO, contents="hi")
            stream = client.models.generate_content_stream(model=TWO, contents="hi there")
            pieces = "".join(chunk.text or "" for chunk in stream)
            return answer.text, pieces, [model.name for model in client.models.list(config={"page_size": 2})]

    text, pieces, names = await asyncio.to_thread(talk)
    assert (text, pieces) == ("re: hi", "re: hi there")
    assert names == [f"models/{name}" for name in (TWO, THREE, "gemini-2.0-flash-lite", "gemini-embedding-001")]


async def test_the_list_of_models_says_what_each_can_do(sdk: Any) -> None:
    listed = [model async for model in await sdk.models.list()]
    flash = listed[0]
    assert (flash.input_token_limit, flash.output_token_limit, flash.thinking) == (1_048_576, 65_536, True)
    assert "generateContent" in flash.supported_actions
    assert "embedContent" in listed[-1].supported_actions
    assert (await sdk.models.get(model=TWO)).name == f"models/{TWO}"


async def test_pictures_and_documents_are_understood_as_data(gemini: GeminiStandin, sdk: Any) -> None:
    parts = [types.Part.from_bytes(data=PNG, mime_type="image/png"), types.Part.from_text(text="what is it?")]
    answer = await ask(sdk, [types.Content(role="user", parts=parts)])
    assert answer.text == "re: what is it?"
    details = {entry.modality: entry.token_count for entry in answer.usage_metadata.prompt_tokens_details}
    assert details[types.MediaModality.IMAGE] == 258
    document = types.Part.from_bytes(data=b"%PDF-1.7 ...", mime_type="application/pdf")
    assert (await ask(sdk, [document, "and this?"])).text == "re: and this?"
    with pytest.raises(errors.ClientError, match="The document has no pages"):
        await ask(sdk, [types.Part.from_bytes(data=b"no", mime_type="application/pdf"), "x"])
    with pytest.raises(errors.ClientError, match="Unsupported MIME type: image/gif"):
        await ask(sdk, [types.Part.from_bytes(data=b"GIF89a", mime_type="image/gif"), "x"])


async def test_tokens_are_counted(sdk: Any) -> None:
    counted = await sdk.models.count_tokens(model=TWO, contents="hello there")
    answered = await ask(sdk, "hello there", model=TWO)
    assert counted.total_tokens == answered.usage_metadata.prompt_token_count


# -- calls -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [TWO, THREE])
async def test_calls_go_round_and_the_answer_quotes_the_results(sdk: Any, model: str) -> None:
    question = types.Content(role="user", parts=[types.Part.from_text(text=CALLS)])
    first = await ask(sdk, [question], model=model, tools=TOOLS)
    made = first.function_calls
    assert [(call.name, call.args) for call in made] == [("look_up", {"q": "x"}), ("send", {})]
    assert all((call.id is not None) == (model == THREE) for call in made)
    parts = first.candidates[0].content.parts
    assert [part.thought_signature is not None for part in parts] == [True, False]
    results = [
        types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": str(n)}))
        for n, call in enumerate(made)
    ]
    history = [question, first.candidates[0].content, types.Content(role="user", parts=results)]
    answer = await ask(sdk, history, model=model, tools=TOOLS)
    assert answer.text == "re: please\nlook_up -> 0\nsend -> 1"


async def test_the_sdks_own_loop_of_function_calls(sdk: Any) -> None:
    asked: list[str] = []

    def look_up(q: str) -> str:
        """Look something up."""
        asked.append(q)
        return "found"

    answer = await ask(sdk, '[[tool look_up {"q": "x"}]] [[then]] [[tool look_up {"q": "y"}]] go', tools=[look_up])
    assert asked == ["x", "y"]
    assert answer.text.startswith("re: go\nlook_up -> ")


async def test_calls_in_a_stream_come_whole(sdk: Any) -> None:
    chunks = await streamed(sdk, CALLS, tools=TOOLS)
    calls = [call for chunk in chunks for call in chunk.function_calls or []]
    assert [(call.name, call.args) for call in calls] == [("look_up", {"q": "x"}), ("send", {})]
    assert len({call.id for call in calls}) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda part: setattr(part, "thought_signature", None), "missing a thought_signature in functionCall parts"),
        (lambda part: setattr(part.function_call, "args", {"q": "other"}), "Corrupted thought signature"),
        (lambda part: setattr(part, "thought_signature", b"standin/other"), "Corrupted thought signature"),
    ],
)
async def test_a_signature_must_come_back_as_it_was(sdk: Any, change: Any, message: str) -> None:
    question = types.Content(role="user", parts=[types.Part.from_text(text=CALLS)])
    content = (await ask(sdk, [question], tools=TOOLS)).candidates[0].content
    results = [types.Part.from_function_response(name=call, response={"output": "ok"}) for call in ("look_up", "send")]
    change(content.parts[0])
    history = [question, content, types.Content(role="user", parts=results)]
    with pytest.raises(errors.ClientError, match=message):
        await ask(sdk, history, tools=TOOLS)
    content.parts[0].thought_signature = b"skip_thought_signature_validator"
    assert (await ask(sdk, history, tools=TOOLS)).text.startswith("re: please")
    content.parts[0].thought_signature = None
    later = [*history, types.Content(role="model", parts=[types.Part.from_text(text="done")])]
    assert (await ask(sdk, [*later, types.Content(role="user", parts=[types.Part.from_text(text="so?")])])).text


async def test_the_modes_of_calling(sdk: Any) -> None:
    def mode(name: str, *allowed: str) -> dict[str, Any]:
        config = {"mode": name, **({"allowed_function_names": list(allowed)} if allowed else {})}
        return {"tools": TOOLS, "tool_config": {"function_calling_config": config}}

    assert (await ask(sdk, CALLS, **mode("NONE"))).text == "re: please"
    forced = await ask(sdk, "hello", **mode("ANY"))
    assert [(call.name, call.args) for call in forced.function_calls] == [("look_up", {"q": "text"})]
    assert [call.name for call in (await ask(sdk, CALLS, **mode("ANY", "send"))).function_calls] == ["send"]
    assert (await ask(sdk, "hello", **mode("VALIDATED"))).text == "re: hello"


# -- shapes of answers -------------------------------------------------------------------------------------


async def test_an_answer_by_schema(sdk: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "size": {"type": "integer", "minimum": 3}},
        "required": ["name", "size"],
    }
    answer = await ask(sdk, "hi", response_mime_type="application/json", response_json_schema=schema)
    assert json.loads(answer.text) == {"name": "hi", "size": 3}
    chunks = await streamed(sdk, "hi", response_mime_type="application/json", response_schema=schema)
    assert json.loads(text_of(chunks)) == {"name": "hi", "size": 3}
    enum = {"type": "STRING", "enum": ["red", "blue"]}
    assert (await ask(sdk, "hi", response_mime_type="text/x.enum", response_schema=enum)).text == "red"


async def test_thoughts_are_shown_when_asked_for_and_counted_always(sdk: Any) -> None:
    plain = await ask(sdk, "[[think so so]] hello")
    assert (plain.text, plain.usage_metadata.thoughts_token_count) == ("re: hello", 2)
    shown: Any = {"thinking_config": types.ThinkingConfig(include_thoughts=True)}
    parts = (await ask(sdk, "[[think so so]] hello", **shown)).candidates[0].content.parts
    assert [(part.text, bool(part.thought)) for part in parts] == [("so so", True), ("re: hello", False)]
    chunks = await streamed(sdk, "[[think so so]] hello", **shown)
    assert chunks[0].candidates[0].content.parts[0].thought
    assert text_of(chunks) == "re: hello"
    assert chunks[-1].candidates[0].content.parts[0].thought_signature


async def test_a_limit_of_tokens_ends_an_answer(sdk: Any) -> None:
    answer = await ask(sdk, "a long one", max_output_tokens=2)
    assert (answer.text, answer.candidates[0].finish_reason) == ("re: a lo", types.FinishReason.MAX_TOKENS)
    eaten = await ask(sdk, "[[think much too long]] hi", max_output_tokens=2)
    assert (eaten.text, eaten.candidates[0].finish_reason) == (None, types.FinishReason.MAX_TOKENS)


async def test_what_a_server_tool_read_and_what_was_cached_are_counted(sdk: Any) -> None:
    history = [
        types.Content(role="user", parts=[types.Part.from_text(text="x" * 8000)]),
        types.Content(role="model", parts=[types.Part.from_text(text="re")]),
        types.Content(role="user", parts=[types.Part.from_text(text="[[tooluse 7]] and now?")]),
    ]
    usage = (await ask(sdk, history)).usage_metadata
    assert 1900 < usage.cached_content_token_count <= usage.prompt_token_count
    assert usage.tool_use_prompt_token_count == 7
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count + 7


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "OTHER"])
async def test_endings_that_cut_an_answer_short(sdk: Any, reason: str) -> None:
    chunks = await streamed(sdk, f"[[finish {reason}]] hello there")
    assert chunks[-1].candidates[0].finish_reason == reason
    assert chunks[-1].candidates[0].content is None
    assert text_of(chunks) in "re: hello there"


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"])
async def test_a_call_that_failed_has_no_content(sdk: Any, reason: str) -> None:
    answer = await ask(sdk, f"[[finish {reason}]] hello")
    assert (answer.candidates[0].finish_reason, answer.candidates[0].content) == (reason, None)
    bad = await ask(sdk, "[[badjson]] [[tool look_up {}]]", tools=TOOLS)
    assert bad.candidates[0].finish_reason == types.FinishReason.MALFORMED_FUNCTION_CALL


@pytest.mark.parametrize("reason", ["SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "OTHER"])
async def test_a_blocked_prompt_has_no_candidate(sdk: Any, reason: str) -> None:
    for answer in (await ask(sdk, f"[[block {reason}]] x"), *await streamed(sdk, f"[[block {reason}]] x")):
        assert answer.prompt_feedback.block_reason == reason
        assert not answer.candidates
        assert answer.usage_metadata.prompt_token_count


# -- embeddings --------------------------------------------------------------------------------------------


async def test_embeddings(sdk: Any) -> None:
    async def embed(texts: Any, **config: Any) -> list[list[float]]:
        answer = await sdk.models.embed_content(
            model="gemini-embedding-001", contents=texts, config=types.EmbedContentConfig(**config)
        )
        return [entry.values for entry in answer.embeddings]

    def near(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    cat, cats, boat = await embed(["the black cat", "a black cat", "ships at sea"], task_type="RETRIEVAL_DOCUMENT")
    assert len(cat) == 3072
    assert near(cat, cat) == pytest.approx(1, abs=0.01)
    assert near(cat, cats) > 0.5 > near(cat, boat)
    assert [len(values) for values in await embed(["x"], output_dimensionality=128)] == [128]
    with pytest.raises(errors.ClientError, match="at most 100 requests"):
        await embed(["x"] * 101)


# -- failures ----------------------------------------------------------------------------------------------

REFUSALS = [
    ("[[status 400]]", 400, "INVALID_ARGUMENT"),
    ("[[refuse FAILED_PRECONDITION]]", 400, "FAILED_PRECONDITION"),
    ("[[status 401]]", 401, "UNAUTHENTICATED"),
    ("[[refuse PERMISSION_DENIED]]", 403, "PERMISSION_DENIED"),
    ("[[status 404]]", 404, "NOT_FOUND"),
    ("[[status 429 3.5]]", 429, "RESOURCE_EXHAUSTED"),
    ("[[status 500]]", 500, "INTERNAL"),
    ("[[refuse UNAVAILABLE]]", 503, "UNAVAILABLE"),
    ("[[status 504]]", 504, "DEADLINE_EXCEEDED"),
    ("[[stauts 500]]", 400, "INVALID_ARGUMENT"),
    ("[[finish LATER]]", 400, "INVALID_ARGUMENT"),
    ("[[refuse 503]]", 400, "INVALID_ARGUMENT"),
]


@pytest.mark.parametrize(("text", "code", "status"), REFUSALS)
@pytest.mark.parametrize("call", [ask, streamed])
async def test_errors_become_the_sdks_exceptions(sdk: Any, call: Any, text: str, code: int, status: str) -> None:
    kind = errors.ServerError if code >= 500 else errors.ClientError
    with pytest.raises(kind) as raised:
        await call(sdk, text)
    assert (raised.value.code, raised.value.status) == (code, status)


async def test_a_rate_limit_names_its_quota_and_its_wait(sdk: Any) -> None:
    with pytest.raises(errors.ClientError) as raised:
        await ask(sdk, "[[status 429 3.5]]")
    details = details_of(raised.value)
    assert [entry["@type"].rsplit(".", 1)[1] for entry in details] == ["QuotaFailure", "RetryInfo"]
    assert details[1]["retryDelay"] == "3.5s"
    with pytest.raises(errors.ClientError) as daily:
        await ask(sdk, "[[refuse PER_DAY]]")
    assert "PerDay" in details_of(daily.value)[0]["violations"][0]["quotaId"]


async def test_a_wrong_key_is_told_by_its_reason(gemini: GeminiStandin) -> None:
    client = client_of(gemini.url, key="AIza-wrong")
    with pytest.raises(errors.ClientError) as raised:
        await client.aio.models.generate_content(model=TWO, contents="x")
    assert (raised.value.code, raised.value.status) == (400, "INVALID_ARGUMENT")
    assert details_of(raised.value)[0]["reason"] == "API_KEY_INVALID"
    await client.aio.aclose()
    async with aiohttp.ClientSession() as http:
        answer = await http.get(f"{gemini.url}/v1beta/models")
        assert (answer.status, (await answer.json())["error"]["status"]) == (403, "PERMISSION_DENIED")


async def test_a_model_that_is_not_there_or_cannot_do_it(sdk: Any) -> None:
    for model in ("gemini-1.0", "gemini-embedding-001"):
        with pytest.raises(errors.ClientError, match="is not found for API version v1beta"):
            await ask(sdk, "x", model=model)


@pytest.mark.parametrize(("kind", "answered"), [("error", "UNAVAILABLE"), ("tail", "UNAVAILABLE")])
async def test_an_error_in_the_middle_of_a_stream(sdk: Any, kind: str, answered: str) -> None:
    stream = await sdk.models.generate_content_stream(model=TWO, contents=f"[[{kind} 2 {answered} x1]] hello there")
    assert [(await anext(stream)).text for _ in range(2)] == ["re: ", "hell"]
    with pytest.raises(errors.ServerError) as raised:
        await anext(stream)
    assert raised.value.status == answered
    assert text_of(await streamed(sdk, f"[[{kind} 2 {answered} x1]] hello there", model=TWO)) == "re: hello there"


async def test_garbage_and_a_cut_in_a_stream(gemini: GeminiStandin, sdk: Any) -> None:
    with pytest.raises(errors.UnknownApiResponseError):
        await streamed(sdk, "[[garbage 1]] hello")
    async with aiohttp.ClientSession(headers={"x-goog-api-key": KEY}) as http:
        path = f"{gemini.url}/v1beta/models/{TWO}:streamGenerateContent"
        body = {"contents": [{"parts": [{"text": "[[cut 2]] hello there"}]}]}
        answer = await http.post(path, json=body, params={"alt": "sse"})
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
        body = {"contents": [{"parts": [{"text": "hello there"}]}]}
        whole = await (await http.post(path, json=body)).json()
    assert "".join(chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in whole) == "re: hello there"
    assert [call.kind for call in gemini.calls] == ["garbage", "cut", "text"]


async def test_a_hanging_request_ends_when_its_client_goes(gemini: GeminiStandin) -> None:
    async with aiohttp.ClientSession(headers={"x-goog-api-key": KEY}) as http:
        body = {"contents": [{"parts": [{"text": "[[hang]]"}]}]}
        with pytest.raises(TimeoutError):
            await http.post(
                f"{gemini.url}/v1beta/models/{TWO}:generateContent",
                json=body,
                timeout=aiohttp.ClientTimeout(total=1),
            )
    await until(lambda: gemini.calls[0].disconnected)
    assert (gemini.calls[0].kind, gemini.calls[0].status) == ("hang", None)


# -- control and record ------------------------------------------------------------------------------------


async def test_control_breaks_the_next_requests(gemini: GeminiStandin, sdk: Any) -> None:
    async with aiohttp.ClientSession(gemini.url) as http:
        queued = await http.post("/_control/faults", json={"script": "[[refuse INTERNAL]]", "count": 1})
        assert queued.status == 200
        with pytest.raises(errors.ServerError):
            await ask(sdk, "hello")
        assert (await ask(sdk, "hello")).text == "re: hello"
        assert (await http.post("/_control/faults", json={"script": "[[finish x]]"})).status == 400
        await http.post("/_control/delay", json={"seconds": 30})
        await http.post("/_control/instant")
        assert text_of(await streamed(sdk, "[[stream 3 9000]]")).startswith("piece 1 of 3. piece 2")
        listed = (await (await http.get("/_control/requests")).json())["requests"]
    assert [request["kind"] for request in listed] == ["refuse INTERNAL", "text", "text"]


async def test_the_record_of_a_process_outlives_its_clients(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    async with spawned("gemini", "--record", str(path)) as (url, _):
        client = client_of(url)
        await client.aio.models.generate_content(model=TWO, contents="hello")
        await client.aio.aclose()
    (call,) = read_record(path)
    assert (call.text, call.kind, call.model, call.stream) == ("hello", "text", TWO, False)
