"""The Anthropic provider over real HTTP: against the stand-in, and raw sockets for what it cannot do."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.secrets import Secret, SecretReader, SecretRef
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.model.action import ModelCall
from quarterdeck.model.asking import AnswerForm, Options, ToolSpec
from quarterdeck.model.message import AssistantMessage, Attachment, Said, SystemEvent, ToolResult, UserMessage
from quarterdeck.model.permit import MintingKey, Permit
from quarterdeck.model.turn import ModelAnswer
from quarterdeck.net.client import Client
from quarterdeck.net.outgoing import Timeouts
from quarterdeck.ports import Delta, ListedModel, ModelRequest, Provider, ProviderFailed
from quarterdeck.providers.anthropic.adapter import MessagesWire, configured
from quarterdeck.providers.anthropic.settings import Settings
from quarterdeck.providers.http.adapter import Endpoint, HttpProvider
from tests.providers.asking import PATIENT, QUICK
from tests.standins.anthropic import KEY, NEWER, OLDER, THINKER, AnthropicStandin, anthropic_standin
from tests.standins.files import PDF, png
from tests.standins.raw_http import Peer, forever, serving
from tests.waiting import until

pytestmark = [pytest.mark.timeout(60), pytest.mark.proves("provider.anthropic")]
LOOK_UP = ToolSpec("look_up", "Looks up.", '{"properties":{"q":{"type":"string"}}}')
SEND = ToolSpec("send", "Sends.", "{}")
EVENT_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client() as made:
        yield made


@pytest.fixture
async def model() -> AsyncIterator[AnthropicStandin]:
    async with anthropic_standin() as standin:
        yield standin


def provider_at(
    client: Client, url: str, secret: str | None = KEY, timeouts: Timeouts = PATIENT, **own: Any
) -> HttpProvider:
    async def endpoint(key: str) -> Endpoint:
        return Endpoint(f"{url}/v1/", None if secret is None else Secret(secret))

    return HttpProvider("main", client, endpoint, SystemClock(), MessagesWire(Settings(**own)), timeouts=timeouts)


@pytest.fixture
def provider(client: Client, model: AnthropicStandin) -> HttpProvider:
    return provider_at(client, model.url)


def asked(provider: Provider, *messages: str | Said, name: str = NEWER.name, **more: Any) -> ModelCall:
    history = tuple(UserMessage(m) if isinstance(m, str) else m for m in messages)
    wanted = {"tools": (LOOK_UP, SEND), "max_tokens": 2000, **more}
    return provider.prepare(ModelRequest(name, "Be kind.", history, **wanted))


async def complete(provider: Provider, call: ModelCall) -> tuple[ModelAnswer, str]:
    deltas: list[Delta] = []
    permit = Permit(MintingKey(), "int_1", call.digest(), call.route)
    answer = await provider.complete(call, permit, deltas.append)
    return answer, "".join(delta.text for delta in deltas)


async def ask(provider: Provider, *messages: str | Said, **more: Any) -> ModelAnswer:
    answer, shown = await complete(provider, asked(provider, *messages, **more))
    assert shown == answer.message.text
    return answer


async def fail(provider: Provider, *messages: str | Said, **more: Any) -> ProviderFailed:
    with pytest.raises(ProviderFailed) as raised:
        await ask(provider, *messages, **more)
    return raised.value


# -- answers -----------------------------------------------------------------------------------------------


async def test_a_plain_answer(provider: HttpProvider, model: AnthropicStandin) -> None:
    answer = await ask(provider, "hello")
    assert (answer.message, answer.finish, answer.model) == (AssistantMessage("re: hello"), "stop", NEWER.name)
    assert answer.usage.reported
    assert answer.usage.input > 0
    assert answer.usage.output > 0
    assert [(call.kind, call.stream) for call in model.calls] == [("text", True)]


async def test_deltas_come_while_the_answer_grows(provider: HttpProvider) -> None:
    pieces: list[Delta] = []
    call = asked(provider, "[[stream 5 40]]")
    await provider.complete(call, Permit(MintingKey(), "int_1", call.digest(), call.route), pieces.append)
    assert len(pieces) >= 3


async def test_calls_in_parallel_and_the_answer_to_their_results(
    provider: HttpProvider, model: AnthropicStandin
) -> None:
    text = '[[before one moment]] [[tool look_up {"q": "a ]] b"}]] [[tool send]] [[then]] [[tool look_up]] go'
    first = await ask(provider, text)
    assert (first.finish, first.message.text) == ("tool_calls", "one moment")
    assert [(c.name, c.arguments) for c in first.message.calls] == [("look_up", '{"q": "a ]] b"}'), ("send", "{}")]
    results = [ToolResult(c.id, c.name, f"result of {c.name}") for c in reversed(first.message.calls)]
    second = await ask(provider, text, first.message, *results)
    third = ToolResult(second.message.calls[0].id, "look_up", "3", "denied")
    last = await ask(provider, text, first.message, *results, second.message, third)
    assert last.message.text == "re: go\nsend -> result of send\nlook_up -> result of look_up\nlook_up -> 3"
    assert [call.kind for call in model.calls] == ["tools", "tools", "text"]


@pytest.mark.parametrize(
    ("own", "name"),
    [
        ({"thinking": "adaptive"}, NEWER.name),
        ({"thinking": "budget"}, OLDER.name),
        ({}, THINKER.name),
    ],
)
async def test_thinking_is_kept_apart_and_goes_back_with_its_signature(
    client: Client, model: AnthropicStandin, own: dict[str, Any], name: str
) -> None:
    provider = provider_at(client, model.url, **own)
    text = "[[think 2]] [[redacted]] [[tool look_up]] [[tool send]] [[then]] [[tool send]] go"
    history: list[str | Said] = [text]
    for number in range(2):
        answer = await ask(provider, *history, name=name, max_tokens=4000)
        assert answer.message.reasoning == f"round {number}: thought 1 of 2. thought 2 of 2. "
        assert (answer.message.text, answer.finish) == ("", "tool_calls")
        assert 0 < answer.usage.reasoning <= answer.usage.output
        history += [answer.message, *(ToolResult(call.id, call.name, "ok") for call in answer.message.calls)]
    assert (await ask(provider, *history, name=name, max_tokens=4000)).message.text.startswith("re: go")
    turns: Any = model.bodies[-1]["messages"]
    assert [[block["type"] for block in turn["content"]] for turn in turns] == [
        ["text"],
        ["thinking", "redacted_thinking", "tool_use", "tool_use"],
        ["tool_result", "tool_result"],
        ["thinking", "redacted_thinking", "tool_use"],
        ["tool_result"],
    ]


async def test_another_models_thinking_is_not_sent(client: Client, model: AnthropicStandin) -> None:
    provider = provider_at(client, model.url, thinking="budget")
    adaptive = provider_at(client, model.url, thinking="adaptive")
    first = await ask(adaptive, "[[think 1]] [[tool look_up]] go")
    result = ToolResult(first.message.calls[0].id, "look_up", "ok")
    answer = await ask(provider, "go", first.message, result, name=OLDER.name, max_tokens=4000)
    assert answer.message.text == "re: go\nlook_up -> ok"
    assert "signature" not in json.dumps(model.bodies[-1])


@pytest.mark.parametrize(
    ("text", "more", "finish", "said"),
    [
        ("[[finish max_tokens]] abcd", {}, "length", "re: "),
        ("[[finish model_context_window_exceeded]] abcd", {}, "length", "re: "),
        ("[[finish pause_turn]] abcd", {}, "length", "re: abcd"),
        ("[[finish stop_sequence]] abcd", {}, "stop", "re: abcd"),
        ("cut by the limit", {"max_tokens": 2}, "length", "re: cut "),
        ("abSTOPcd", {"options": Options(stop=("\n", "STOP"))}, "stop", "re: ab"),
        ("[[empty]]", {}, "stop", ""),
        ("[[refusal]]", {}, "refusal", "I'm sorry, but I can't help with that."),
    ],
)
async def test_endings(provider: HttpProvider, text: str, more: dict[str, Any], finish: str, said: str) -> None:
    answer = await ask(provider, text, **more)
    assert (answer.finish, answer.message.text, answer.message.calls) == (finish, said, ())


async def test_calls_of_an_answer_that_was_cut_short_are_dropped(provider: HttpProvider) -> None:
    answer = await ask(provider, "[[finish max_tokens]] [[badjson]] [[tool look_up]] go")
    assert (answer.finish, answer.message.calls, answer.message.state) == ("length", (), None)


async def test_bad_arguments_come_back_as_written_and_do_not_poison_the_next_request(provider: HttpProvider) -> None:
    first = await ask(provider, "[[badjson]] [[tool look_up {}]] go")
    (call,) = first.message.calls
    assert call.arguments == '{"unfinished": "'
    answer = await ask(provider, "go", first.message, ToolResult(call.id, call.name, "not JSON", "error"))
    assert answer.message.text == "re: go\nlook_up -> not JSON"


async def test_wishes(provider: HttpProvider, model: AnthropicStandin) -> None:
    schema = '{"type":"object","properties":{"said":{"type":"string","maxLength":9}},"required":["said"]}'
    wishes = Options(form=AnswerForm(schema), effort="minimal", temperature=0.5, top_p=0.5, seed=1)
    assert (await ask(provider, "x", options=wishes)).message.text == '{"said": "re: x"}'
    one = Options(tool_choice="required", parallel_calls=False)
    answer = await ask(provider, "[[tool send]] [[tool look_up]] go", options=one)
    assert [call.name for call in answer.message.calls] == ["send"]
    assert [call.name for call in (await ask(provider, "x", options=Options(tool_choice="send"))).message.calls] == [
        "send"
    ]
    assert (await ask(provider, "[[tool send]] x", options=Options(tool_choice="none"))).message.calls == ()
    assert model.bodies[0]["output_config"] == {
        "effort": "low",
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"said": {"type": "string", "description": "Limits: maxLength 9."}},
                "required": ["said"],
                "additionalProperties": False,
            },
        },
    }
    assert not {"temperature", "top_p", "seed"} & set(model.bodies[0])


async def test_what_models_lack_is_left_out(client: Client, model: AnthropicStandin) -> None:
    wishes = Options(form=AnswerForm('{"type":"object"}'), effort="high", tool_choice="required", parallel_calls=False)
    provider = provider_at(client, model.url, lacks=("forms", "effort", "forced_tools"))
    await ask(provider, "x", name=THINKER.name, options=wishes)
    (body,) = model.bodies
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert not {"output_config", "thinking"} & set(body)


async def test_pictures_and_documents(provider: HttpProvider, model: AnthropicStandin) -> None:
    files = {"a": png(9, 9), "b": PDF, "c": b"GIF89a not really", "d": PDF + b"/Encrypt"}
    attachments = [
        Attachment("a.jpg", "image/jpeg", 1, "a"),
        Attachment("b\n.pdf", "application/pdf", 1, "b"),
        Attachment("c.gif", "image/gif", 17, "c"),
        Attachment("d.pdf", "application/pdf", 400, "d"),
        Attachment("e.txt", "text/plain", 2, "e", text="hi"),
    ]
    call = asked(provider, UserMessage("look", tuple(attachments)), files=files)
    answer, _ = await complete(provider, call)
    notes = "[attached file: c.gif, image/gif, 17 bytes]\n[attached file: d.pdf, application/pdf, 400 bytes]"
    assert answer.message.text == f"re: look\n{notes}\n[attached file: e.txt, text/plain, 2 bytes]\nhi\n[end of e.txt]"
    turns: Any = model.bodies[0]["messages"]
    picture, document, _ = turns[0]["content"]
    assert (picture["type"], picture["source"]["media_type"]) == ("image", "image/png")
    assert (document["type"], document["title"]) == ("document", "b .pdf")
    assert 4600 < call.reserve_in < 6000


async def test_the_prompt_comes_out_of_the_cache(provider: HttpProvider) -> None:
    long = UserMessage("x" * 8000)
    first = await ask(provider, long, "[[tool look_up]] go")
    assert first.usage.cached == 0
    assert first.usage.cache_write > 1500
    assert first.usage.input >= first.usage.cache_write
    result = ToolResult(first.message.calls[0].id, "look_up", "ok")
    second = await ask(provider, long, "[[tool look_up]] go", first.message, result)
    assert second.usage.cached == first.usage.cache_write
    later = await ask(provider, long, "[[tool look_up]] go", first.message, result, second.message, "and now?")
    assert later.usage.cached == second.usage.cached + second.usage.cache_write


async def test_a_loop_of_many_calls_still_finds_its_prefix(provider: HttpProvider) -> None:
    text = " ".join(["[[tool look_up]]"] * 30) + " [[then]] [[tool send]] go"
    history: list[str | Said] = [UserMessage("x" * 8000), text]
    first = await ask(provider, *history)
    history += [first.message, *(ToolResult(call.id, call.name, "ok") for call in first.message.calls)]
    assert (await ask(provider, *history)).usage.cached == first.usage.cache_write


async def test_without_a_cache(client: Client, model: AnthropicStandin) -> None:
    usage = (await ask(provider_at(client, model.url, cache="off"), "x" * 8000)).usage
    assert (usage.cached, usage.cache_write) == (0, 0)
    await ask(provider_at(client, model.url, cache="1h"), "x" * 8000)
    assert '"cache_control": {"ttl": "1h", "type": "ephemeral"}' in json.dumps(model.bodies[1], sort_keys=True)


async def test_a_conversation_with_calls_whose_tools_are_gone(provider: HttpProvider, model: AnthropicStandin) -> None:
    first = await ask(provider, "[[tool look_up]] go")
    result = ToolResult(first.message.calls[0].id, "look_up", "ok")
    answer = await ask(provider, "[[tool look_up]] go", first.message, result, "[[tool send]] and now", tools=())
    assert (answer.message.text, answer.message.calls) == ("re: and now", ())
    assert model.bodies[1]["tool_choice"] == {"type": "none"}


async def test_steering_stands_behind_the_results(provider: HttpProvider) -> None:
    first = await ask(provider, "[[tool look_up]] go")
    result = ToolResult(first.message.calls[0].id, "look_up", "ok")
    answer = await ask(provider, "[[tool look_up]] go", first.message, result, SystemEvent("e"), "steer")
    assert answer.message.text == "re: [system event] e\nsteer"


# -- failures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "retryable", "retry_after"),
    [
        ("[[status 400]]", "invalid", False, None),
        ("[[status 401]]", "auth", False, None),
        ("[[status 402]]", "credit", False, None),
        ("[[credit]]", "credit", False, None),
        ("[[status 403]]", "access", False, None),
        ("[[status 404]]", "access", False, None),
        ("[[status 409]]", "server", True, None),
        ("[[status 413]]", "context", False, None),
        ("[[status 429 3]]", "rate", True, 3.0),
        ("[[status 500]]", "server", True, None),
        ("[[status 504]]", "timeout", True, None),
        ("[[status 529]]", "overload", True, None),
        ("[[error overloaded_error 1]] hello", "overload", True, None),
        ("[[error api_error 0]] hello", "server", True, None),
        ("[[garbage 1]] hello", "server", True, None),
        ("[[cut 2]] hello there", "cut", True, None),
        ("[[hang]]", "timeout", True, None),
    ],
)
async def test_failures(
    client: Client, model: AnthropicStandin, text: str, kind: str, retryable: bool, retry_after: float | None
) -> None:
    timeouts = QUICK if text == "[[hang]]" else PATIENT
    failed = await fail(provider_at(client, model.url, timeouts=timeouts), text)
    assert (failed.kind, failed.retryable, failed.retry_after) == (kind, retryable, retry_after)
    assert KEY not in str(failed)


async def test_what_was_used_before_an_answer_broke_off(provider: HttpProvider) -> None:
    failed = await fail(provider, "[[error overloaded_error 50]] [[long 3000]]")
    assert failed.usage is not None
    assert failed.usage.input > 0
    assert failed.usage.output > 300
    assert "Overloaded" in str(failed)


async def test_the_next_attempt_is_whole(provider: HttpProvider, model: AnthropicStandin) -> None:
    assert (await fail(provider, "[[cut 1 x1]] hello")).kind == "cut"
    assert (await ask(provider, "[[cut 1 x1]] hello")).message.text == "re: hello"
    model.fault("[[error rate_limit_error 1]]")
    assert (await fail(provider, "hello")).kind == "rate"


async def test_a_conversation_that_is_too_long_and_a_model_that_does_not_exist(provider: HttpProvider) -> None:
    assert (await fail(provider, "x" * 900_000)).kind == "context"
    assert (await fail(provider, "x", name="nobody")).kind == "access"


async def test_a_wrong_key_and_no_key(client: Client, model: AnthropicStandin) -> None:
    assert (await fail(provider_at(client, model.url, "sk-wrong"), "x")).kind == "auth"
    assert (await fail(provider_at(client, model.url, None), "x")).kind == "auth"


async def test_cancelling_closes_the_connection(provider: HttpProvider, model: AnthropicStandin) -> None:
    task = asyncio.create_task(ask(provider, "[[stream 1000 20]]"))
    await until(lambda: model.calls and model.calls[0].deltas > 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: model.calls[0].disconnected)


async def test_a_connection_that_breaks_after_the_end_was_told_loses_nothing(client: Client) -> None:
    start = b'event: message_start\ndata: {"type":"message_start","message":{"model":"m"}}\n\n'
    block = b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"hi"}}\n\n'
    end = b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}\n\n'

    async def talk(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        body = start + block + end
        writer.write(EVENT_HEAD + f"{len(body):x}\r\n".encode() + body + b"\r\n")
        await writer.drain()

    async with serving(talk) as peer:
        answer = await ask(provider_at(client, f"http://127.0.0.1:{peer.port}"), "x")
    assert (answer.message.text, answer.finish, answer.usage.reported) == ("hi", "stop", False)


async def test_a_whole_answer_in_place_of_a_stream(client: Client) -> None:
    body = json.dumps(
        {
            "type": "message",
            "model": "m",
            "content": [
                {"type": "text", "text": "hi"},
                {"type": "tool_use", "id": "t", "name": "send", "input": {"a": 1}},
            ],
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 2},
        }
    ).encode()

    async def talk(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await forever(reader)

    async with serving(talk) as peer:
        answer, _ = await complete(
            provider := provider_at(client, f"http://127.0.0.1:{peer.port}"), asked(provider, "x")
        )
        assert b"x-api-key: sk-ant-standin" in peer.requests[0]
        assert b"anthropic-version: 2026-10-21" in peer.requests[0]
        assert peer.requests[0].startswith(b"POST /v1/messages HTTP/1.1\r\n")
    assert [(call.name, json.loads(call.arguments)) for call in answer.message.calls] == [("send", {"a": 1})]
    assert (answer.usage.input, answer.usage.output, answer.usage.cached) == (7, 7, 2)


# -- models, configuration ---------------------------------------------------------------------------------


async def test_the_list_of_models(provider: HttpProvider) -> None:
    listed = {model.name: model for model in await provider.models()}
    assert listed[NEWER.name] == ListedModel(
        NEWER.name, 200_000, 64_000, ("tools", "images", "documents", "structured", "reasoning")
    )
    assert listed["claude-standin-2"].capabilities == ("tools",)
    assert len(listed) == 4


async def test_a_provider_as_configured(client: Client, model: AnthropicStandin) -> None:
    keys = (SecretRef(env="FIRST"), SecretRef(env="SECOND"))
    options: dict[str, object] = {"max_tokens": 100, "label": "a note"}
    config = ProviderConfig(kind="anthropic", base_url=f"{model.url}/v1", api_keys=keys, options=options)
    provider = configured(
        "main",
        config,
        client=client,
        secrets=SecretReader({"FIRST": "sk-wrong", "SECOND": KEY}, SystemClock()),
        clock=SystemClock(),
    )
    failed = await fail(provider, "x")
    assert (failed.kind, failed.retryable, failed.retry_after) == ("auth", True, 0.0)
    assert (await ask(provider, "x")).message.text == "re: x"
    profile = provider.profile("any")
    assert (profile.max_tokens, profile.label, profile.window) == (100, "a note", 200_000)
    assert "application/pdf" in profile.reads
    with pytest.raises(ProviderFailed, match="makes no embeddings"):
        provider.prepare_embedding("m", ["x"], None)
