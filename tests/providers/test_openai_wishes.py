"""Chat completions beyond plain text: wishes, files, reasoning, vectors, and what single services want otherwise."""

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from quarterdeck.model.asking import AnswerForm, Options, ToolSpec
from quarterdeck.model.media import IMAGES, PDF, media_type
from quarterdeck.model.message import (
    AssistantMessage,
    Attachment,
    ProviderState,
    Said,
    SystemEvent,
    ToolCall,
    ToolResult,
    UserMessage,
)
from quarterdeck.model.turn import Usage
from quarterdeck.net.client import Client
from quarterdeck.ports import ListedModel, ModelProfile, ModelRequest, ProviderFailed
from quarterdeck.providers.http.adapter import HttpProvider
from quarterdeck.providers.http.calls import closed
from quarterdeck.providers.http.openai_models import models, reasons
from quarterdeck.providers.http.openai_vectors import MAX_TEXTS
from quarterdeck.providers.http.openai_vectors import prepare as prepare_vectors
from quarterdeck.providers.http.openai_vectors import read as read_vectors
from quarterdeck.providers.openai_compatible.adapter import ChatWire
from quarterdeck.providers.openai_compatible.answer import MAX_REASONING, Reading
from quarterdeck.providers.openai_compatible.details import MAX_BYTES, MAX_DETAILS, Details
from quarterdeck.providers.openai_compatible.dialect import Dialect
from quarterdeck.providers.openai_compatible.messages import NO_ANSWER, WIRE
from quarterdeck.providers.openai_compatible.presets import PRESETS
from quarterdeck.providers.openai_compatible.wire import encode
from tests.providers.asking import asked, history, provider_at, vectors
from tests.providers.histories import FILES
from tests.standins.model import ModelStandin, model_standin

pytestmark = [pytest.mark.timeout(60), pytest.mark.proves("provider.openai")]
VENDOR = PRESETS["openai"].dialect
LOOK_UP = ToolSpec("look_up", "Looks up.", "{}")
SEND = ToolSpec("send", "Sends.", "{}")
CLOSED = '{"type":"object","properties":{"said":{"type":"string"}},"required":["said"],"additionalProperties":false}'
SHOWN = (Attachment("a.png", "image/png", 9, "png"), Attachment("b.pdf", "application/pdf", 9, "pdf"))


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
    return provider_at(client, model.url, ChatWire(ModelProfile(), VENDOR, packed_vectors=True))


def request(*messages: str | Said, name: str = "gpt-4.1", tools: bool = True, **more: Any) -> ModelRequest:
    return ModelRequest(name, "Be kind.", history(*messages), (LOOK_UP, SEND) if tools else (), **more)


def body(dialect: Dialect, *messages: str | Said, **more: Any) -> dict[str, Any]:
    return json.loads(encode("main", "k0", request(*messages, **more), dialect).body)


# -- against the stand-in ----------------------------------------------------------------------------------


async def test_images_and_documents_are_read(provider: HttpProvider, model: ModelStandin) -> None:
    answer, _ = await asked(provider, request(UserMessage("look", SHOWN), files=FILES))
    assert answer.message.text == "re: look"
    sent: Any = model.bodies[0]
    text, image, file = sent["messages"][1]["content"]
    assert text == {"text": "look", "type": "text"}
    assert image["image_url"]["url"].startswith("data:image/png;base64,")
    assert file["file"]["filename"] == "b.pdf"


async def test_answers_by_schema_and_chosen_tools(provider: HttpProvider) -> None:
    for form in (AnswerForm(CLOSED), AnswerForm('{"type":"object","properties":{"said":{"type":"string"}}}')):
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


async def test_a_model_that_reasons_is_asked_as_it_wants(provider: HttpProvider, model: ModelStandin) -> None:
    wishes = Options(temperature=0.5, top_p=0.5, stop=("x",), effort="low", seed=3)
    for name in ("gpt-5", "gpt-4.1"):
        answer, shown = await asked(provider, request("[[think 2]] hi", name=name, options=wishes, cache_key="s1"))
        assert shown == answer.message.text == "re: hi"
        assert answer.message.reasoning == "thought 1 of 2. thought 2 of 2. "
        assert answer.usage.reasoning == 8
    thinking, plain = model.bodies
    assert (thinking["reasoning_effort"], thinking["max_completion_tokens"], thinking["seed"]) == ("low", 2048, 3)
    assert thinking.keys().isdisjoint({"temperature", "top_p", "stop", "max_tokens"})
    assert (plain["temperature"], plain["top_p"], plain["stop"]) == (0.5, 0.5, ["x"])
    assert (plain["prompt_cache_key"], "reasoning_effort" in plain) == ("s1", False)


async def test_vectors_as_numbers_and_packed(client: Client, provider: HttpProvider, model: ModelStandin) -> None:
    packed = await vectors(provider, ["red apples", "a grey engine"], 32)
    plain_wire = ChatWire(ModelProfile(), Dialect())
    plain = await vectors(provider_at(client, model.url, plain_wire), ["red apples", "a grey engine"], 32)
    assert [wished["encoding_format"] for wished in model.bodies] == ["base64", "float"]
    for one, other in zip(packed.vectors, plain.vectors, strict=True):
        assert one == pytest.approx(other, abs=1e-6)
    assert (plain.model, plain.usage.input, plain.usage.reported) == ("text-embedding-3-small", 7, True)


# -- wishes and dialects -----------------------------------------------------------------------------------


def test_wishes_about_tools_need_tools() -> None:
    made = body(VENDOR, "x", tools=False, options=Options(tool_choice="required", parallel_calls=True))
    assert made.keys().isdisjoint({"tools", "tool_choice", "parallel_tool_calls"})
    assert "tool_choice" not in body(VENDOR, "x", options=Options(tool_choice="unknown"))


def test_a_schema_is_told_in_words_where_it_cannot_be_sent() -> None:
    made = body(Dialect(form="object"), "x", options=Options(form=AnswerForm(CLOSED)))
    assert made["response_format"] == {"type": "json_object"}
    assert CLOSED in made["messages"][0]["content"]
    with pytest.raises(ProviderFailed) as raised:
        body(Dialect(), "x", options=Options(form=AnswerForm("[")))
    assert raised.value.kind == "invalid"


def test_names_of_fields_are_the_endpoints_own() -> None:
    wishes = Options(seed=3, effort="high", stop=tuple("abcdef"))
    made = body(PRESETS["mistral"].dialect, "x", options=wishes, cache_key="s1")
    assert (made["random_seed"], made["prompt_cache_key"], made["stop"]) == (3, "s1", list("abcd"))
    assert made.keys().isdisjoint({"seed", "stream_options", "reasoning_effort", "max_completion_tokens"})
    router = body(PRESETS["openrouter"].dialect, "x", options=wishes)
    assert (router["reasoning"], router["seed"]) == ({"effort": "high"}, 3)
    assert "reasoning_effort" not in router


def test_marks_of_the_cache() -> None:
    marked = {"cache_control": {"type": "ephemeral"}}
    dialect = msgspec.structs.replace(PRESETS["openrouter"].dialect, reads=IMAGES)
    made = body(dialect, "first", AssistantMessage("re"), UserMessage("look", SHOWN), files=FILES)["messages"]
    assert made[0]["content"] == [{"text": "Be kind.", "type": "text", **marked}]
    assert made[1]["content"] == "first"
    assert made[3]["content"][0]["text"].startswith("look\n[attached file: b.pdf")
    assert made[3]["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in made[3]["content"][1]


def test_ids_and_turns_as_mistral_wants_them() -> None:
    calls = (ToolCall("call_0", "look_up", "{}"), ToolCall("abcDEF123", "send", "{}"))
    results = tuple(ToolResult(call.id, call.name, "r") for call in calls)
    said = (AssistantMessage("", calls), *results)
    made = body(PRESETS["mistral"].dialect, "x", *said, "y", *said, SystemEvent("z"))["messages"]
    ids = [call["id"] for message in made for call in message.get("tool_calls", ())]
    assert ids == [message["tool_call_id"] for message in made if message["role"] == "tool"]
    assert len(set(ids)) == 4
    assert all(len(one) == 9 and one.isalnum() for one in ids)
    assert ids[1] == "abcDEF123"
    roles = [message["role"] for message in made]
    turn = ["user", "assistant", "tool", "tool", "assistant"]
    assert roles == ["system", *turn, *turn, "user"]
    assert made[5]["content"] == NO_ANSWER


def test_deepseek_gets_reasoning_with_every_answer() -> None:
    made = body(PRESETS["deepseek"].dialect, "x", AssistantMessage("a", reasoning="hm"), "y", AssistantMessage("b"))
    assert [message.get("reasoning_content") for message in made["messages"]] == [None, None, "hm", None, ""]
    assert "reasoning_content" not in body(Dialect(), "x", AssistantMessage("a", reasoning="hm"))["messages"][2]


# -- reasoning of routers ----------------------------------------------------------------------------------

CALL = prepare_vectors("main", "k0", "some/model", ["x"], None, packed=False)


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def delta(finish: str | None = None, **fields: object) -> bytes:
    return event({"choices": [{"delta": fields, "finish_reason": finish}]})


def detail(**fields: object) -> bytes:
    return delta(reasoning="x", reasoning_details=[fields])


def read(*chunks: bytes) -> Any:
    reading = Reading(CALL, None)
    for chunk in chunks:
        reading.feed(chunk)
    return reading.end()


def test_details_of_reasoning_become_whole_and_go_back() -> None:
    answer = read(
        detail(type="reasoning.text", index=0, text="let me ", format="f"),
        detail(type="reasoning.text", index=0, text="think", signature=None),
        detail(type="reasoning.text", index=0, text="", signature="sig"),
        detail(type="reasoning.encrypted", index=1, data="ab", id="r1"),
        detail(type="reasoning.encrypted", index=1, data="cd", id="r1"),
        detail(type="reasoning.summary", summary="so"),
        delta(reasoning_details="nonsense"),
        delta("stop", content="hi"),
    )
    whole = [
        {"type": "reasoning.text", "index": 0, "format": "f", "signature": "sig", "text": "let me think"},
        {"type": "reasoning.encrypted", "index": 1, "id": "r1", "data": "abcd"},
        {"type": "reasoning.summary", "summary": "so"},
    ]
    state = answer.message.state
    assert (state.wire, state.model, json.loads(state.data)) == (WIRE, "some/model", whole)
    assert (answer.message.text, answer.message.reasoning) == ("hi", "x" * 6)
    dialect = PRESETS["openrouter"].dialect
    made = body(dialect, "x", answer.message, "y", name="some/model")["messages"][2]
    assert made["reasoning_details"] == whole
    for other in (ProviderState("other", "some/model", "[]"), ProviderState(WIRE, "some/model", "{")):
        spoilt = msgspec.structs.replace(answer.message, state=other)
        assert "reasoning_details" not in body(dialect, "x", spoilt, name="some/model")["messages"][2]
    assert "reasoning_details" not in body(dialect, "x", answer.message, name="another")["messages"][2]
    assert "reasoning_details" not in body(Dialect(), "x", answer.message, name="some/model")["messages"][2]


def test_too_much_reasoning_is_not_kept() -> None:
    large: list[dict[str, object]] = [{"data": "x" * MAX_BYTES}, {"data": "x"}]
    many: list[dict[str, object]] = [{"index": n} for n in range(MAX_DETAILS + 1)]
    for pieces in (large, many):
        details = Details()
        details.take(pieces)
        assert details.end() == ""
    answer = read(delta(reasoning="x" * MAX_REASONING), delta(reasoning="y" * 9), delta("stop", content="hi"))
    assert answer.message.reasoning == "x" * MAX_REASONING
    assert answer.usage.output == (MAX_REASONING + 9 + 2) * 3 // 10


def test_a_content_in_parts() -> None:
    inner = [{"type": "text", "text": "hm"}]
    parts: list[object] = [
        {"type": "thinking", "thinking": inner},
        {"type": "thinking", "thinking": "!"},
        {"type": "text", "text": "hi"},
    ]
    answer = read(delta(content=parts), delta("stop", content=" there"))
    assert (answer.message.text, answer.message.reasoning) == ("hi there", "hm!")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}}, Usage(20, 9, 4, cache_write=3)),
        ({"prompt_cache_hit_tokens": 5}, Usage(20, 9, 5)),
        ({"cached_tokens": 6}, Usage(20, 9, 6)),
        ({"completion_tokens_details": {"reasoning_tokens": 7}, "total_tokens": 29}, Usage(20, 9, reasoning=7)),
        ({"completion_tokens_details": {"reasoning_tokens": 7}, "total_tokens": 36}, Usage(20, 16, reasoning=7)),
        ({"completion_tokens_details": {"reasoning_tokens": 10}}, Usage(20, 9, reasoning=9, reported=False)),
    ],
)
def test_figures_as_services_give_them(told: dict[str, object], expected: Usage) -> None:
    usage = {"prompt_tokens": 20, "completion_tokens": 9, **told}
    assert read(delta("stop", content="hi"), event({"choices": [], "usage": usage})).usage == expected


# -- lists and vectors, read ------------------------------------------------------------------------------


def test_what_lists_of_models_tell() -> None:
    listed = models(
        json.dumps(
            {
                "data": [
                    {"id": "gpt-5"},
                    {"id": "text-embedding-3-small"},
                    {
                        "id": "a/b",
                        "context_length": 9,
                        "architecture": {"input_modalities": ["text", "image", "file"]},
                        "supported_parameters": ["tools", "structured_outputs", "reasoning"],
                    },
                    {"id": "vllm", "max_model_len": 8, "context_length": None},
                    {"id": "groq", "context_window": 7, "max_completion_tokens": 6},
                    {"id": "odd", "context_length": "long", "architecture": 5, "supported_parameters": {"x": 1}},
                ]
            }
        ).encode()
    )
    assert listed == (
        ListedModel("gpt-5", capabilities=("reasoning",)),
        ListedModel("text-embedding-3-small", capabilities=("embeddings",)),
        ListedModel("a/b", 9, 0, ("tools", "images", "documents", "structured", "reasoning")),
        ListedModel("vllm", 8),
        ListedModel("groq", 7, 6),
        ListedModel("odd"),
    )


@pytest.mark.parametrize(
    ("name", "known"),
    [("gpt-5", True), ("o3-mini", True), ("openai/gpt-5.1", True), ("gpt-4o", False), ("gpt-5-chat-latest", False)],
)
def test_which_models_reason(name: str, known: bool) -> None:
    assert reasons(name) == known


@pytest.mark.parametrize("texts", [[], ["x", ""], ["x"] * (MAX_TEXTS + 1)])
def test_what_has_no_vector(texts: list[str]) -> None:
    with pytest.raises(ProviderFailed) as raised:
        prepare_vectors("main", "k0", "m", texts, None, packed=True)
    assert (raised.value.kind, raised.value.retryable) == ("invalid", False)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b'{"data":[]}',
        b'{"data":[{"index":1,"embedding":[1]}]}',
        b'{"data":[{"index":0,"embedding":[]}]}',
        b'{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}',
        b'{"data":[{"index":0,"embedding":"AAA"}]}',
        b'{"data":[{"index":0,"embedding":"AADAfw=="}]}',
        b'{"data":[{"index":0,"embedding":"AAAAAAA="}]}',
    ],
)
def test_vectors_that_are_none(answer: bytes) -> None:
    with pytest.raises(ProviderFailed) as raised:
        read_vectors(CALL, answer)
    assert (raised.value.kind, raised.value.retryable) == ("server", True)


def test_vectors_come_in_any_order_and_may_have_no_usage() -> None:
    two = prepare_vectors("main", "k0", "m", ["a", "b"], None, packed=False)
    found = read_vectors(two, b'{"data":[{"index":1,"embedding":[3,4.5]},{"index":0,"embedding":[1,2]}]}')
    assert found.vectors == ((1.0, 2.0), (3.0, 4.5))
    assert found.usage == Usage(two.reserve_in, 0, reported=False)


# -- files and schemas -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (FILES["png"], IMAGES[0]),
        (FILES["jpeg"], IMAGES[1]),
        (b"GIF89a..", IMAGES[2]),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", IMAGES[3]),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", ""),
        (FILES["pdf"], PDF),
        (b"<svg>", ""),
        (b"", ""),
    ],
)
def test_what_a_file_is(data: bytes, mime: str) -> None:
    assert media_type(data) == mime


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (json.loads(CLOSED), True),
        ({"type": "object"}, False),
        ({**json.loads(CLOSED), "required": []}, False),
        ({"type": "array", "items": json.loads(CLOSED)}, True),
        ({"type": "array", "items": {"type": "object"}}, False),
        ({"anyOf": [{"type": "object"}]}, False),
        ({**json.loads(CLOSED), "$defs": {"x": {"type": "object"}}}, False),
    ],
)
def test_which_schemas_are_closed(schema: dict[str, object], strict: bool) -> None:
    assert closed(schema) == strict


def test_a_schema_without_end_is_not_closed() -> None:
    deep: dict[str, object] = {"type": "string"}
    for _ in range(500):
        deep = {"type": "array", "items": deep}
    assert not closed(deep)
