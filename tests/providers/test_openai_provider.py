"""The OpenAI-compatible provider over real HTTP: against the model stand-in, and raw sockets for what it cannot do."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.errors import ConfigRefused, NotAllowed, NotFound, Retry
from quarterdeck.base.secrets import Secret, SecretReader, SecretRef
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.model.action import ModelCall
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.message import AssistantMessage, Said, ToolResult, UserMessage
from quarterdeck.model.permit import MintingKey, Permit
from quarterdeck.model.turn import ModelAnswer
from quarterdeck.net.client import Client
from quarterdeck.net.outgoing import Timeouts
from quarterdeck.ports import Delta, ListedModel, ModelProfile, ModelRequest, Provider, ProviderFailed
from quarterdeck.providers.http.adapter import Endpoint, HttpProvider
from quarterdeck.providers.openai_compatible.adapter import ChatWire, configured
from quarterdeck.providers.openai_compatible.dialect import Dialect
from tests.providers.asking import PATIENT, QUICK
from tests.standins.model import KEY, ModelStandin, Settings, model_standin
from tests.standins.raw_http import Peer, forever, serving
from tests.waiting import until

pytestmark = [pytest.mark.timeout(60), pytest.mark.proves("provider.openai-compatible")]
WIRE = ChatWire(ModelProfile(), Dialect())
TOOL = ToolSpec("look_up", "Looks up.", '{"type":"object","properties":{}}')
EVENT_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWER = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client() as made:
        yield made


@pytest.fixture
async def model() -> AsyncIterator[ModelStandin]:
    async with model_standin() as standin:
        yield standin


def provider_at(client: Client, url: str, secret: str | None = KEY, timeouts: Timeouts = PATIENT) -> HttpProvider:
    async def endpoint(key: str) -> Endpoint:
        return Endpoint(f"{url}/v1/", None if secret is None else Secret(secret))

    return HttpProvider("main", client, endpoint, SystemClock(), WIRE, timeouts=timeouts)


@pytest.fixture
def provider(client: Client, model: ModelStandin) -> HttpProvider:
    return provider_at(client, model.url)


def asked(provider: Provider, *messages: str | Said, name: str = "m") -> ModelCall:
    history = tuple(UserMessage(m) if isinstance(m, str) else m for m in messages)
    return provider.prepare(ModelRequest(name, "Be kind.", history, (TOOL,)))


def permit_for(call: ModelCall) -> Permit:
    return Permit(MintingKey(), "int_1", call.digest(), call.route)


async def ask(provider: Provider, *messages: str | Said) -> tuple[ModelAnswer, list[Delta]]:
    deltas: list[Delta] = []
    call = asked(provider, *messages)
    return await provider.complete(call, permit_for(call), deltas.append), deltas


async def fail(provider: Provider, *messages: str | Said) -> ProviderFailed:
    with pytest.raises(ProviderFailed) as raised:
        await ask(provider, *messages)
    return raised.value


def shown(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def chunked(body: bytes) -> bytes:
    return f"{len(body):x}\r\n".encode() + body + b"\r\n"


# -- answers -----------------------------------------------------------------------------------------------


async def test_a_plain_answer(provider: HttpProvider, model: ModelStandin) -> None:
    answer, deltas = await ask(provider, "hello")
    assert (answer.message, answer.finish, answer.model) == (AssistantMessage("re: hello"), "stop", "m")
    assert answer.usage.reported
    assert answer.usage.input > 0
    assert shown(deltas) == "re: hello"
    (body,) = model.bodies
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


async def test_deltas_come_while_the_answer_grows(provider: HttpProvider) -> None:
    answer, deltas = await ask(provider, "[[stream 5 40]]")
    assert len(deltas) >= 3
    assert shown(deltas) == answer.message.text
    assert answer.message.text.startswith("piece 1 of 5. piece 2 of 5.")


async def test_calls_in_parallel_and_the_answer_to_their_results(provider: HttpProvider, model: ModelStandin) -> None:
    text = '[[tool look_up {"q": "a ]] b"}]] [[tool send]] [[then]] [[tool third]] go'
    first, _ = await ask(provider, text)
    assert first.finish == "tool_calls"
    assert [(c.name, c.arguments) for c in first.message.calls] == [("look_up", '{"q": "a ]] b"}'), ("send", "{}")]
    assert len({c.id for c in first.message.calls}) == 2
    results = [ToolResult(c.id, c.name, f"result of {c.name}") for c in reversed(first.message.calls)]
    second, _ = await ask(provider, text, first.message, *results)
    assert [c.name for c in second.message.calls] == ["third"]
    third = ToolResult(second.message.calls[0].id, "third", "3")
    last, _ = await ask(provider, text, first.message, *results, second.message, third)
    assert last.message.text == "re: go\nsend -> result of send\nlook_up -> result of look_up\nthird -> 3"
    assert [call.kind for call in model.calls] == ["tools", "tools", "text"]


async def test_bad_arguments_come_back_as_written_and_do_not_poison_the_next_request(
    provider: HttpProvider,
) -> None:
    first, _ = await ask(provider, "[[badjson]] [[tool look_up {}]] go")
    (call,) = first.message.calls
    assert call.arguments == '{"unfinished": "'
    answer, _ = await ask(provider, "go", first.message, ToolResult(call.id, call.name, "not JSON", "error"))
    assert answer.message.text == "re: go\nlook_up -> not JSON"


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
    answer, deltas = await ask(provider, text)
    assert (answer.finish, answer.message.text, shown(deltas)) == (finish, said, said)


async def test_usage_that_is_missing_is_estimated(provider: HttpProvider) -> None:
    call = asked(provider, "[[nousage]] hello")
    answer = await provider.complete(call, permit_for(call), lambda _: None)
    assert not answer.usage.reported
    assert (answer.usage.input, answer.usage.output) == (call.reserve_in, len("re: hello") * 3 // 10)


async def test_the_connection_is_used_again_although_its_end_comes_late(client: Client) -> None:
    seen = asyncio.Event()

    async def talk(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await peer.read(reader)
            writer.write(EVENT_HEAD + chunked(ANSWER + DONE))
            async with asyncio.timeout(20):
                await seen.wait()
            writer.write(b"0\r\n\r\n")

    async with serving(talk) as peer:
        provider = provider_at(client, peer.url)
        call = asked(provider, "x")
        for _ in range(3):
            seen.clear()
            answer = await provider.complete(call, permit_for(call), lambda _: seen.set())
            assert answer.message.text == "hi"
        assert (peer.connections, len(peer.requests)) == (1, 3)


async def test_an_endpoint_that_does_not_close_after_its_answer_is_not_waited_for(client: Client) -> None:
    async def talk(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(EVENT_HEAD + chunked(ANSWER + DONE))
        await forever(reader)

    async with serving(talk) as peer:
        patient = provider_at(client, peer.url, timeouts=Timeouts(idle=50))
        async with asyncio.timeout(20):
            assert (await ask(patient, "x"))[0].message.text == "hi"
        await until(lambda: peer.open == 0)


async def test_one_json_object_instead_of_a_stream(client: Client) -> None:
    body = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'

    async def talk(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async with serving(talk) as peer:
        answer, _ = await ask(provider_at(client, peer.url), "x")
    assert (answer.message.text, answer.usage.reported) == ("hi", False)


# -- permits -----------------------------------------------------------------------------------------------


async def test_nothing_is_sent_without_the_right_permit(provider: HttpProvider, model: ModelStandin) -> None:
    call, other = asked(provider, "hello"), asked(provider, "other")
    spent = permit_for(call)
    spent.spend(call)
    elsewhere = ModelCall("elsewhere", "m", call.body, 1, 1)
    for wrong, permit in ((call, permit_for(other)), (call, spent), (elsewhere, permit_for(elsewhere))):
        with pytest.raises(NotAllowed):
            await provider.complete(wrong, permit, lambda _: None)
    assert model.calls == []
    permit = permit_for(call)
    await provider.complete(call, permit, lambda _: None)
    with pytest.raises(NotAllowed):
        await provider.complete(call, permit, lambda _: None)
    assert len(model.calls) == 1


# -- failures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "retryable", "retry_after"),
    [
        ("[[status 400]]", "invalid", False, None),
        ("[[status 402]]", "credit", False, None),
        ("[[status 403]]", "access", False, None),
        ("[[status 404]]", "invalid", False, None),
        ("[[status 408]]", "server", True, None),
        ("[[status 429]]", "rate", True, None),
        ("[[status 429 1.2]]", "rate", True, 1.2),
        ("[[status 500]]", "server", True, None),
        ("[[status 503]]", "overload", True, None),
        ("[[cut 0]] hello", "cut", True, None),
        ("[[cut 2]] hello there", "cut", True, None),
        ("[[hang]]", "timeout", True, None),
        ("[[stream 3 900]]", "timeout", True, None),
    ],
)
async def test_failures(
    client: Client, model: ModelStandin, text: str, kind: str, retryable: bool, retry_after: float | None
) -> None:
    failed = await fail(provider_at(client, model.url, timeouts=QUICK if kind == "timeout" else PATIENT), text)
    assert (failed.kind, failed.retryable, failed.retry_after) == (kind, retryable, retry_after)
    assert len(model.calls) == 1  # never tried again by itself


async def test_the_next_attempt_is_whole(provider: HttpProvider) -> None:
    assert (await fail(provider, "[[cut 2 x1]] hello there")).kind == "cut"
    assert (await ask(provider, "[[cut 2 x1]] hello there"))[0].message.text == "re: hello there"


async def test_the_total_time_ends_a_stream_that_goes_on(client: Client, model: ModelStandin) -> None:
    hurried = provider_at(client, model.url, timeouts=Timeouts(total=1.0))
    assert (await fail(hurried, "[[stream 1000 20]]")).kind == "timeout"
    await until(lambda: model.calls[0].disconnected)


async def test_a_wrong_key_and_no_key(client: Client, model: ModelStandin) -> None:
    for key in ("sk-wrong", None):
        failed = await fail(provider_at(client, model.url, key), "x")
        assert (failed.kind, failed.retryable) == ("auth", False)
        with pytest.raises(ProviderFailed) as raised:
            await provider_at(client, model.url, key).models()
        assert raised.value.kind == "auth"


async def test_a_conversation_that_is_too_long_and_a_model_that_does_not_exist(client: Client) -> None:
    async with model_standin(Settings(context_tokens=200, models=("m",))) as model:
        provider = provider_at(client, model.url)
        assert (await fail(provider, "x" * 900)).kind == "context"
        call = asked(provider, "x", name="other")
        with pytest.raises(ProviderFailed, match="`other` does not exist") as raised:
            await provider.complete(call, permit_for(call), lambda _: None)
        assert (raised.value.kind, raised.value.retryable) == ("access", False)
        assert await provider.models() == (ListedModel("m"),)


async def test_nobody_listens(client: Client, model: ModelStandin) -> None:
    failed = await fail(provider_at(client, "http://127.0.0.1:1"), "x")
    assert (failed.kind, failed.retryable) == ("network", True)
    assert failed.usage is not None
    assert (failed.usage.input, failed.usage.output) == (0, 0)


async def test_a_web_page_is_no_answer(client: Client) -> None:
    async def talk(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")

    async with serving(talk) as peer:
        failed = await fail(provider_at(client, peer.url), "x")
    assert (failed.kind, failed.retryable) == ("invalid", False)
    assert "base_url" in str(failed)


async def test_a_connection_that_breaks_after_the_end_was_told_loses_nothing(client: Client) -> None:
    async def talk(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(EVENT_HEAD + chunked(ANSWER))

    async with serving(talk) as peer:
        answer, _ = await ask(provider_at(client, peer.url), "x")
    assert (answer.message.text, answer.usage.reported) == ("hi", False)


async def test_an_error_whose_body_never_ends_is_told_by_its_status(client: Client) -> None:
    async def talk(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\nRetry-After: 9\r\n\r\n{")
        await forever(reader)

    async with serving(talk) as peer:
        failed = await fail(provider_at(client, peer.url, timeouts=QUICK), "x")
        await until(lambda: peer.open == 0)
    assert (failed.kind, failed.retry_after) == ("overload", 9.0)


@pytest.mark.parametrize(
    ("error", "kind", "retryable", "retry_after"),
    [
        (Retry("starting", 4.0), "overload", True, 4.0),
        (NotFound("not pulled"), "invalid", False, None),
        (ConfigRefused("a", "b", "c"), "auth", False, None),
    ],
)
async def test_an_endpoint_that_is_not_there(
    client: Client, error: Exception, kind: str, retryable: bool, retry_after: float | None
) -> None:
    async def endpoint(key: str) -> Endpoint:
        raise error

    failed = await fail(HttpProvider("main", client, endpoint, SystemClock(), WIRE), "x")
    assert (failed.kind, failed.retryable, failed.retry_after) == (kind, retryable, retry_after)


async def test_an_endpoint_that_never_gets_ready(client: Client) -> None:
    async def endpoint(key: str) -> Endpoint:
        await asyncio.Event().wait()
        raise AssertionError

    slow = HttpProvider("main", client, endpoint, SystemClock(), WIRE, timeouts=Timeouts(total=0.05))
    assert (await fail(slow, "x")).kind == "timeout"


# -- cancelling --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["[[stream 1000 20]]", "[[hang]]"])
async def test_cancelling_closes_the_connection(client: Client, model: ModelStandin, text: str) -> None:
    provider = provider_at(client, model.url)
    deltas: list[Delta] = []
    call = asked(provider, text)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(provider.complete(call, permit_for(call), deltas.append))
        await until(lambda: deltas if "stream" in text else model.calls)
        task.cancel()
    assert task.cancelled()
    await until(lambda: model.calls[0].disconnected)


# -- configured --------------------------------------------------------------------------------------------


async def test_a_provider_as_configured(client: Client, model: ModelStandin) -> None:
    options: dict[str, object] = {
        "max_tokens": 9,
        "max_tokens_field": "max_completion_tokens",
        "label": "demo",
        "temperature": 0,
    }
    keys = (SecretRef(env="MODEL_KEY"),)
    config = ProviderConfig(kind="openai-compatible", base_url=f"{model.url}/v1", api_keys=keys, options=options)
    for environ, kind in (({"MODEL_KEY": KEY}, ""), ({}, "auth")):
        secrets = SecretReader(environ, SystemClock())
        provider: Provider = configured("main", config, client=client, secrets=secrets, clock=SystemClock())
        assert provider.profile("any") == ModelProfile(label="demo", max_tokens=9, forms=True)
        if kind:
            assert (await fail(provider, "hello")).kind == kind
        else:
            assert (await ask(provider, "hello"))[0].message.text == "re: hello"
            assert await provider.models() == (ListedModel("standin"),)
        await provider.close()
    (body,) = model.bodies
    assert (body["max_completion_tokens"], body["temperature"], body.get("max_tokens")) == (2048, 0.0, None)
