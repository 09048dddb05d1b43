"""The responses provider over real HTTP: against the model stand-in, which enforces the vendor's rules."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.errors import NotAllowed
from quarterdeck.base.secrets import SecretReader, SecretRef
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.model.asking import AnswerForm, Options, ToolSpec
from quarterdeck.model.media import IMAGES, PDF
from quarterdeck.model.message import AssistantMessage, Attachment, Said, ToolResult, UserMessage
from quarterdeck.net.client import Client
from quarterdeck.ports import ListedModel, ModelProfile, ModelRequest, Provider, ProviderFailed
from quarterdeck.providers.http.adapter import HttpProvider
from quarterdeck.providers.openai_responses.adapter import ResponsesWire, configured
from quarterdeck.providers.openai_responses.wire import Manner
from tests.providers.asking import PATIENT, QUICK, asked, failed, history, permit_for, provider_at, vectors
from tests.providers.histories import FILES
from tests.standins.model import KEY, ModelStandin, Settings, model_standin
from tests.waiting import until

pytestmark = [pytest.mark.timeout(60), pytest.mark.proves("provider.openai-responses")]
WIRE = ResponsesWire(ModelProfile(), Manner(reads=(*IMAGES, PDF), summary="auto"))
LOOK_UP = ToolSpec("look_up", "Looks up.", '{"type":"object","properties":{}}')
SEND = ToolSpec("send", "Sends.", '{"type":"object","properties":{}}')
PLAIN, THINKER = "gpt-4.1", "gpt-5"
CLOSED = '{"type":"object","properties":{"said":{"type":"string"}},"required":["said"],"additionalProperties":false}'


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client() as made:
        yield made


@pytest.fixture
async def model() -> AsyncIterator[ModelStandin]:
    async with model_standin() as standin:
        yield standin


@pytest.fixture
def provider(client: Client, model: ModelStandin) -> HttpProvider:
    return provider_at(client, model.url, WIRE)


def request(*messages: str | Said, model: str = PLAIN, **more: Any) -> ModelRequest:
    return ModelRequest(model, "Be kind.", history(*messages), (LOOK_UP, SEND), **more)


# -- answers -----------------------------------------------------------------------------------------------


async def test_a_plain_answer(provider: HttpProvider, model: ModelStandin) -> None:
    answer, shown = await asked(provider, request("hello", cache_key="s1"))
    assert (answer.message, answer.finish, answer.model) == (AssistantMessage("re: hello"), "stop", PLAIN)
    assert shown == "re: hello"
    assert answer.usage.reported
    assert answer.usage.input > 0
    (sent,) = model.bodies
    assert (sent["store"], sent["stream"], sent["instructions"], sent["prompt_cache_key"]) == (
        False,
        True,
        "Be kind.",
        "s1",
    )


@pytest.mark.parametrize("name", [PLAIN, THINKER])
async def test_calls_in_parallel_and_the_answer_to_their_results(
    provider: HttpProvider, model: ModelStandin, name: str
) -> None:
    text = '[[think 2]] [[tool look_up {"q": "a ]] b"}]] [[tool send]] [[then]] [[tool look_up]] go'
    first, _ = await asked(provider, request(text, model=name))
    assert first.finish == "tool_calls"
    assert [(c.name, c.arguments) for c in first.message.calls] == [("look_up", '{"q": "a ]] b"}'), ("send", "{}")]
    results = [ToolResult(c.id, c.name, f"result of {c.name}") for c in reversed(first.message.calls)]
    second, _ = await asked(provider, request(text, first.message, *results, model=name))
    third = ToolResult(second.message.calls[0].id, "look_up", "3")
    said = (text, first.message, *results, second.message, third)
    last, _ = await asked(provider, request(*said, model=name))
    assert last.message.text == "re: go\nsend -> result of send\nlook_up -> result of look_up\nlook_up -> 3"
    after, _ = await asked(provider, request(*said, last.message, "thanks", model=name))
    assert after.message.text == "re: thanks"
    assert [call.kind for call in model.calls] == ["tools", "tools", "text", "text"]


async def test_reasoning_is_kept_apart_and_goes_back_sealed(provider: HttpProvider, model: ModelStandin) -> None:
    first, shown = await asked(provider, request("[[think 2]] [[tool look_up]] go", model=THINKER))
    assert first.message.reasoning == "thought 1 of 2. thought 2 of 2. "
    assert (first.message.text, shown) == ("", "")
    assert first.usage.reasoning == 8
    result = ToolResult(first.message.calls[0].id, "look_up", "r")
    await asked(provider, request("[[think 2]] [[tool look_up]] go", first.message, result, model=THINKER))
    sent: Any = model.bodies[-1]
    kinds = [item["type"] for item in sent["input"]]
    assert kinds == ["message", "reasoning", "function_call", "function_call_output"]
    assert sent["input"][1]["encrypted_content"].startswith("gAAAAA")
    assert [part["text"] for part in sent["input"][1]["summary"]] == ["thought 1 of 2. ", "thought 2 of 2. "]
    assert sent["include"] == ["reasoning.encrypted_content"]
    other, _ = await asked(provider, request("go", first.message, result, model="o3"))
    assert other.message.text == "re: go\nlook_up -> r"
    assert "reasoning" not in [item["type"] for item in json.loads(json.dumps(model.bodies[-1]))["input"]]


async def test_images_and_documents_are_read(provider: HttpProvider, model: ModelStandin) -> None:
    files = (Attachment("a.png", "image/png", 9, "png"), Attachment("b.pdf", "application/pdf", 9, "pdf"))
    answer, _ = await asked(provider, request(UserMessage("look", files), files=FILES))
    assert answer.message.text == "re: look"
    sent: Any = model.bodies[0]
    assert [part["type"] for part in sent["input"][0]["content"]] == ["input_text", "input_image", "input_file"]


async def test_answers_by_schema_and_chosen_tools(provider: HttpProvider) -> None:
    for form in (AnswerForm(CLOSED), AnswerForm(CLOSED, strict=False)):
        answer, _ = await asked(provider, request("hello", options=Options(form=form)))
        assert json.loads(answer.message.text) == {"said": "re: hello"}
    answer, _ = await asked(provider, request("hello", options=Options(form=AnswerForm())))
    assert json.loads(answer.message.text) == {"answer": "re: hello"}

    async def called(text: str, **wishes: Any) -> list[str]:
        answer, _ = await asked(provider, request(text, options=Options(**wishes)))
        return [call.name for call in answer.message.calls]

    assert await called("hi", tool_choice="send") == ["send"]
    assert await called("hi", tool_choice="required") == ["look_up"]
    assert await called("[[tool send]] hi", tool_choice="none") == []
    assert await called("[[tool send]] [[tool look_up]] hi", parallel_calls=False) == ["send"]


@pytest.mark.parametrize(
    ("text", "finish", "said"),
    [
        ("[[finish length]] abcd", "length", "re: "),
        ("[[finish content_filter]] abcd", "filter", "re: "),
        ("[[empty]]", "stop", ""),
        ("[[refusal]]", "refusal", "I'm sorry, but I can't help with that."),
    ],
)
async def test_other_endings(provider: HttpProvider, text: str, finish: str, said: str) -> None:
    for name in (PLAIN, THINKER):
        answer, shown = await asked(provider, request(text, model=name))
        assert (answer.finish, answer.message.text, shown) == (finish, said, said)
        after, _ = await asked(provider, request(text, answer.message, "and now?", model=name))
        assert after.message.text == "re: and now?"


async def test_bad_arguments_do_not_poison_the_next_request(provider: HttpProvider) -> None:
    first, _ = await asked(provider, request("[[badjson]] [[tool look_up {}]] go", model=THINKER))
    (call,) = first.message.calls
    assert call.arguments == '{"unfinished": "'
    result = ToolResult(call.id, call.name, "not JSON", "error")
    answer, _ = await asked(provider, request("go", first.message, result, model=THINKER))
    assert answer.message.text == "re: go\nlook_up -> not JSON"


async def test_a_long_history_is_cached(provider: HttpProvider) -> None:
    answer, _ = await asked(provider, request("x" * 8000, AssistantMessage("re"), "and now?"))
    assert answer.usage.cached % 128 == 0
    assert 1900 < answer.usage.cached <= 2010


# -- failures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "retryable", "retry_after"),
    [
        ("[[status 400]]", "invalid", False, None),
        ("[[status 429 1.2]]", "rate", True, 1.2),
        ("[[status 500]]", "server", True, None),
        ("[[status 503]]", "overload", True, None),
        ("[[cut 0]] hello", "cut", True, None),
        ("[[cut 2]] hello there", "cut", True, None),
        ("[[garbage 2]] hello there", "server", True, None),
        ("[[error server_error 2]] hello there", "server", True, None),
        ("[[error context_length_exceeded 0]] hello", "context", False, None),
        ("[[failed rate_limit_exceeded 1]] hello", "rate", True, None),
        ("[[failed invalid_image_format 0]] hello", "invalid", False, None),
        ("[[hang]]", "timeout", True, None),
        ("[[stream 3 900]]", "timeout", True, None),
    ],
)
async def test_failures(
    client: Client, model: ModelStandin, text: str, kind: str, retryable: bool, retry_after: float | None
) -> None:
    timeouts = QUICK if kind == "timeout" else PATIENT
    found = await failed(provider_at(client, model.url, WIRE, timeouts=timeouts), request(text))
    assert (found.kind, found.retryable, found.retry_after) == (kind, retryable, retry_after)
    assert len(model.calls) == 1  # never tried again by itself


async def test_sealed_reasoning_that_does_not_open_is_told(provider: HttpProvider) -> None:
    first, _ = await asked(provider, request("[[tool look_up]] go", model=THINKER))
    assert first.message.state is not None
    data = first.message.state.data.replace("gAAAAA", "gAAAAB")
    spoilt = msgspec.structs.replace(first.message, state=msgspec.structs.replace(first.message.state, data=data))
    result = ToolResult(first.message.calls[0].id, "look_up", "r")
    found = await failed(provider, request("go", spoilt, result, model=THINKER))
    assert (found.kind, found.retryable) == ("invalid", False)
    assert "invalid_encrypted_content" in str(found)


async def test_a_conversation_that_is_too_long_a_wrong_key_and_a_model_that_does_not_exist(client: Client) -> None:
    async with model_standin(Settings(context_tokens=400, models=(PLAIN,))) as model:
        provider = provider_at(client, model.url, WIRE)
        assert (await failed(provider, request("x" * 2000))).kind == "context"
        assert (await failed(provider, request("x", model="other"))).kind == "access"
        assert (await failed(provider_at(client, model.url, WIRE, "sk-wrong"), request("x"))).kind == "auth"
        assert await provider.models() == (ListedModel(PLAIN),)


async def test_nothing_is_sent_without_the_right_permit(provider: HttpProvider, model: ModelStandin) -> None:
    call, other = provider.prepare(request("hello")), provider.prepare(request("other"))
    with pytest.raises(NotAllowed):
        await provider.complete(call, permit_for(other), lambda _: None)
    vector = provider.prepare_embedding("m", ["x"], None)
    with pytest.raises(NotAllowed):
        await provider.embed(vector, permit_for(call))
    assert model.calls == []


async def test_cancelling_closes_the_connection(client: Client, model: ModelStandin) -> None:
    provider = provider_at(client, model.url, WIRE)
    call = provider.prepare(request("[[stream 1000 20]]"))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(provider.complete(call, permit_for(call), lambda _: None))
        await until(lambda: model.calls)
        task.cancel()
    await until(lambda: model.calls[0].disconnected)


# -- vectors, and as configured ----------------------------------------------------------------------------


async def test_vectors(provider: HttpProvider) -> None:
    found = await vectors(provider, ["red apples", "apples are red", "a grey engine"], 64)
    assert [len(vector) for vector in found.vectors] == [64] * 3
    assert found.usage.reported
    assert found.usage.output == 0
    near = [sum(x * y for x, y in zip(found.vectors[0], other, strict=True)) for other in found.vectors]
    assert near[0] > near[1] > near[2]
    with pytest.raises(ProviderFailed) as raised:
        await vectors(provider, ["[[status 429 2]]"])
    assert (raised.value.kind, raised.value.retry_after) == ("rate", 2.0)


async def test_a_provider_as_configured(client: Client, model: ModelStandin) -> None:
    config = ProviderConfig(
        kind="openai-responses",
        base_url=f"{model.url}/v1",
        api_keys=(SecretRef(env="MODEL_KEY"),),
        options={"max_tokens": 99, "label": "demo", "summary": "concise", "headers": {"X-Title": "qd"}},
    )
    secrets = SecretReader({"MODEL_KEY": KEY}, SystemClock())
    provider: Provider = configured("main", config, client=client, secrets=secrets, clock=SystemClock())
    profile = provider.profile("any")
    assert (profile.label, profile.max_tokens, profile.reads) == ("demo", 99, (*IMAGES, PDF))
    answer, _ = await asked(provider, request("hello", model=THINKER, max_tokens=99))
    assert answer.message.text == "re: hello"
    (sent,) = model.bodies
    assert (sent["max_output_tokens"], sent["reasoning"]) == (99, {"summary": "concise"})
    assert await provider.models() == (ListedModel("standin"),)
    await provider.close()
