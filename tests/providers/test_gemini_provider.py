"""The Gemini provider over real HTTP: against the stand-in, and raw sockets for what it cannot do."""

import asyncio
import json
from collections.abc import AsyncIterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.secrets import Secret, SecretReader, SecretRef
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.model.action import ModelCall
from quarterdeck.model.asking import AnswerForm, Options, ToolSpec
from quarterdeck.model.message import AssistantMessage, Attachment, Said, ToolResult, UserMessage
from quarterdeck.model.permit import MintingKey, Permit
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.net.client import Client
from quarterdeck.net.outgoing import Timeouts
from quarterdeck.ports import Delta, ModelRequest, Provider, ProviderFailed
from quarterdeck.providers.gemini.adapter import GeminiWire, configured
from quarterdeck.providers.gemini.settings import BASE_URL, Settings
from quarterdeck.providers.gemini.wire import Dialect
from quarterdeck.providers.http.adapter import Endpoint, HttpProvider
from quarterdeck.providers.http.keys import KeyHealth
from tests.doors.commands import Desk
from tests.providers.asking import PATIENT, QUICK
from tests.providers.gemini_strategies import PDF, PNG
from tests.standins.gemini import KEY, GeminiStandin, gemini_standin
from tests.standins.raw_http import Peer, serving
from tests.waiting import until

pytestmark = [pytest.mark.timeout(60), pytest.mark.proves("provider.gemini")]
TWO, THREE = "gemini-2.5-flash", "gemini-3-flash-preview"
HEALTH = attrgetter("state")
TOOLS = (
    ToolSpec("look_up", "Looks up.", '{"type":"object","properties":{"q":{"type":"string","minLength":1}}}'),
    ToolSpec("send", "Sends.", '{"type":"object","properties":{}}'),
)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client() as made:
        yield made


@pytest.fixture
async def gemini() -> AsyncIterator[GeminiStandin]:
    async with gemini_standin() as standin:
        yield standin


def provider_at(
    client: Client, url: str, *secrets: str, timeouts: Timeouts = PATIENT, thoughts: bool = False
) -> HttpProvider:
    """A provider with these keys, the stand-in's own when none is named."""
    keys = secrets or (KEY,)

    async def endpoint(key: str) -> Endpoint:
        return Endpoint(f"{url}/v1beta/", Secret(keys[int(key[1:] or 0)]))

    wire = GeminiWire(Settings().profile(), Dialect(thoughts=thoughts))
    return HttpProvider("main", client, endpoint, SystemClock(), wire, keys=len(keys), timeouts=timeouts)


@pytest.fixture
def provider(client: Client, gemini: GeminiStandin) -> HttpProvider:
    return provider_at(client, gemini.url)


def asked(provider: Provider, *messages: str | Said, model: str = THREE, **more: Any) -> ModelCall:
    history = tuple(UserMessage(m) if isinstance(m, str) else m for m in messages)
    return provider.prepare(ModelRequest(model, "Be kind.", history, **{"tools": TOOLS, **more}))


def permit_for(call: ModelCall) -> Permit:
    return Permit(MintingKey(), "int_1", call.digest(), call.route)


async def ask(
    provider: Provider, *messages: str | Said, model: str = THREE, **more: Any
) -> tuple[ModelAnswer, list[Delta]]:
    deltas: list[Delta] = []
    call = asked(provider, *messages, model=model, **more)
    return await provider.complete(call, permit_for(call), deltas.append), deltas


async def fail(provider: Provider, *messages: str | Said, **more: Any) -> ProviderFailed:
    with pytest.raises(ProviderFailed) as raised:
        await ask(provider, *messages, **more)
    return raised.value


def shown(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


# -- answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [TWO, THREE])
async def test_a_plain_answer(provider: HttpProvider, gemini: GeminiStandin, model: str) -> None:
    answer, deltas = await ask(provider, "hello", model=model)
    assert (answer.message.text, answer.finish, answer.model) == ("re: hello", "stop", model)
    assert answer.usage.reported
    assert (answer.usage.input > 20, answer.usage.output) == (True, 3)
    assert shown(deltas) == "re: hello"
    (body,) = gemini.bodies
    assert body["systemInstruction"] == {"parts": [{"text": "Be kind."}]}
    assert gemini.calls[0].stream


async def test_deltas_come_while_the_answer_grows(provider: HttpProvider) -> None:
    answer, deltas = await ask(provider, "[[stream 5 40]]")
    assert len(deltas) >= 3
    assert shown(deltas) == answer.message.text


@pytest.mark.parametrize("model", [TWO, THREE])
async def test_rounds_of_calls_keep_their_signatures(provider: HttpProvider, gemini: GeminiStandin, model: str) -> None:
    text = '[[tool look_up {"q": "a ]] b"}]] [[tool send]] [[then]] [[tool send]] go'
    first, deltas = await ask(provider, text, model=model)
    assert (first.finish, shown(deltas)) == ("tool_calls", "")
    made = [(call.name, json.loads(call.arguments)) for call in first.message.calls]
    assert made == [("look_up", {"q": "a ]] b"}), ("send", {})]
    assert len({call.id for call in first.message.calls}) == 2
    results = [ToolResult(call.id, call.name, f"result of {call.name}") for call in reversed(first.message.calls)]
    second, _ = await ask(provider, text, first.message, *results, model=model)
    (again,) = second.message.calls
    done = ToolResult(again.id, "send", "3")
    last, _ = await ask(provider, text, first.message, *results, second.message, done, model=model)
    assert last.message.text == "re: go\nlook_up -> result of look_up\nsend -> result of send\nsend -> 3"
    assert [call.kind for call in gemini.calls] == ["tools", "tools", "text"]


async def test_another_model_goes_on_with_the_calls_of_the_first(provider: HttpProvider) -> None:
    text = '[[tool look_up {"q": "x"}]] go'
    for one, other in ((TWO, THREE), (THREE, TWO)):
        first, _ = await ask(provider, text, model=one)
        result = ToolResult(first.message.calls[0].id, "look_up", "found", "error")
        last, _ = await ask(provider, text, first.message, result, model=other)
        assert last.message.text == "re: go\nlook_up -> found"


async def test_thoughts_are_kept_apart(client: Client, gemini: GeminiStandin) -> None:
    provider = provider_at(client, gemini.url, thoughts=True)
    answer, deltas = await ask(provider, "[[think so and so]] hello")
    assert (answer.message.text, answer.message.reasoning) == ("re: hello", "so and so")
    assert (shown(deltas), answer.usage.reasoning) == ("re: hello", 3)
    again, _ = await ask(provider, "hello", answer.message, "and now?")
    assert again.message.text == "re: and now?"
    (unsigned,) = [one for one in gemini.bodies[1]["contents"] if one["role"] == "model"]  # type: ignore[union-attr]
    assert "so and so" not in json.dumps(unsigned)
    hidden, _ = await ask(provider_at(client, gemini.url), "[[think so and so]] hello")
    assert (hidden.message.reasoning, hidden.usage.reasoning) == ("", 3)


async def test_pictures_and_documents(provider: HttpProvider, gemini: GeminiStandin) -> None:
    files = (Attachment("a.png", "image/png", 9, "p"), Attachment("b.pdf", "application/pdf", 9, "d"))
    answer, _ = await ask(provider, UserMessage("what is it?", files), files={"p": PNG, "d": PDF})
    assert answer.message.text == "re: what is it?"
    assert answer.usage.input > 2 * 258
    assert "attached file" not in json.dumps(gemini.bodies[0])


async def test_wishes(provider: HttpProvider) -> None:
    forced, _ = await ask(provider, "hello", options=Options(tool_choice="required"))
    assert [call.name for call in forced.message.calls] == ["look_up"]
    named, _ = await ask(provider, "hello", options=Options(tool_choice="send", seed=2**40, effort="none"))
    assert [call.name for call in named.message.calls] == ["send"]
    none, _ = await ask(provider, "[[tool send]] hello", options=Options(tool_choice="none", stop=("a",) * 9))
    assert none.message.text == "re: hello"
    form = AnswerForm('{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}')
    shaped, _ = await ask(provider, "hi", options=Options(form=form))
    assert json.loads(shaped.message.text) == {"a": "hi"}
    for effort in ("none", "minimal", "low", "medium", "high"):
        for model in (TWO, THREE):
            assert (await ask(provider, "x", model=model, options=Options(effort=effort)))[0].finish == "stop"


@pytest.mark.parametrize(
    ("text", "finish", "said"),
    [
        ("[[finish MAX_TOKENS]] abcdefgh", "length", "re: "),
        ("[[finish SAFETY]] abcdefgh", "filter", "re: "),
        ("[[block PROHIBITED_CONTENT]] abcd", "filter", ""),
        ("[[empty]]", "stop", ""),
    ],
)
async def test_other_endings(provider: HttpProvider, text: str, finish: str, said: str) -> None:
    answer, deltas = await ask(provider, text)
    assert (answer.finish, shown(deltas)) == (finish, answer.message.text)
    assert answer.message.text.startswith(said)
    assert answer.usage.reported


async def test_usage_that_is_missing_is_estimated(provider: HttpProvider) -> None:
    call = asked(provider, "[[nousage]] hello")
    answer = await provider.complete(call, permit_for(call), lambda _: None)
    assert answer.usage == Usage(call.reserve_in, len("re: hello") * 3 // 10, reported=False)


async def test_an_end_that_comes_late_does_not_lose_the_answer(client: Client) -> None:
    event = b'data: {"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}]}\r\n\r\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def talk(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(head + f"{len(event):x}\r\n".encode() + event + b"\r\n")
        await reader.read()

    async with serving(talk) as peer:
        answer, _ = await ask(provider_at(client, peer.url, timeouts=QUICK), "x")
        assert answer.message.text == "hi"
        request = peer.requests[0]
    assert b"POST /bot123:SECRET/send/v1beta/models/gemini-3-flash-preview:streamGenerateContent?alt=sse " in request
    assert b"x-goog-api-key: AIza-standin\r\n" in request


# -- failures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "retryable", "retry_after"),
    [
        ("[[status 400]]", "invalid", False, None),
        ("[[refuse FAILED_PRECONDITION]]", "credit", False, None),
        ("[[refuse API_KEY_INVALID]]", "auth", False, None),
        ("[[status 403]]", "access", False, None),
        ("[[status 404]]", "access", False, None),
        ("[[status 429]]", "rate", True, None),
        ("[[status 429 1.5]]", "rate", True, 1.5),
        ("[[refuse PER_DAY]]", "credit", False, None),
        ("[[status 500]]", "server", True, None),
        ("[[status 503]]", "overload", True, None),
        ("[[status 504]]", "timeout", True, None),
        ("[[error 1 UNAVAILABLE]] hello there", "overload", True, None),
        ("[[tail 1 INTERNAL]] hello there", "server", True, None),
        ("[[error 0 RESOURCE_EXHAUSTED]] hello", "rate", True, None),
        ("[[garbage 2]] hello there", "server", True, None),
        ("[[finish MALFORMED_FUNCTION_CALL]] hello", "server", True, None),
        ("[[finish OTHER]] hello", "server", True, None),
        ("[[cut 0]] hello", "cut", True, None),
        ("[[cut 2]] hello there", "cut", True, None),
        ("[[hang]]", "timeout", True, None),
        ("[[stream 3 900]]", "timeout", True, None),
    ],
)
async def test_failures(
    client: Client, gemini: GeminiStandin, text: str, kind: str, retryable: bool, retry_after: float | None
) -> None:
    failed = await fail(provider_at(client, gemini.url, timeouts=QUICK if kind == "timeout" else PATIENT), text)
    assert (failed.kind, failed.retryable, failed.retry_after) == (kind, retryable, retry_after)
    assert len(gemini.calls) == 1  # never tried again by itself


async def test_the_next_attempt_is_whole(provider: HttpProvider) -> None:
    assert (await fail(provider, "[[tail 2 UNAVAILABLE x1]] hello there")).kind == "overload"
    assert (await ask(provider, "[[tail 2 UNAVAILABLE x1]] hello there"))[0].message.text == "re: hello there"


async def test_a_key_that_is_wrong_gives_way_to_the_next(client: Client, gemini: GeminiStandin) -> None:
    provider = provider_at(client, gemini.url, "AIza-wrong", KEY)
    first = await fail(provider, "hello")
    assert (first.kind, first.retryable, first.retry_after) == ("auth", True, 0.0)
    assert "AIza-wrong" not in str(first)
    assert (await ask(provider, "hello"))[0].message.text == "re: hello"
    assert tuple(map(HEALTH, provider.keys())) == ("auth", "ok")
    alone = provider_at(client, gemini.url, "AIza-wrong")
    assert not (await fail(alone, "hello")).retryable
    with pytest.raises(ProviderFailed) as raised:
        await alone.models()
    assert raised.value.kind == "auth"


async def test_a_conversation_that_is_too_long_and_a_model_that_does_not_exist(provider: HttpProvider) -> None:
    assert (await fail(provider, "x" * 5_000_000)).kind == "context"
    missing = await fail(provider, "x", model="gemini-1.0")
    assert (missing.kind, missing.retryable) == ("access", False)


async def test_cancelling_closes_the_connection(provider: HttpProvider, gemini: GeminiStandin) -> None:
    task = asyncio.create_task(ask(provider, "[[stream 1000 20]]"))
    await until(lambda: bool(gemini.calls))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: gemini.calls[0].disconnected)


# -- models, vectors, configuration ------------------------------------------------------------------------


async def test_the_models_and_what_they_can_do(provider: HttpProvider) -> None:
    found = {model.name: model for model in await provider.models()}
    assert set(found) == {TWO, THREE, "gemini-2.0-flash-lite", "gemini-embedding-001"}
    able = ("images", "documents", "tools", "structured", "reasoning")
    assert (found[THREE].window, found[THREE].max_output, found[THREE].capabilities) == (1_048_576, 65_536, able)
    assert found["gemini-embedding-001"].capabilities == ("embeddings",)


async def test_vectors(provider: HttpProvider) -> None:
    texts = ("the black cat", "a black cat", "ships at sea")
    call = provider.prepare_embedding("gemini-embedding-001", texts, 256)
    found = await provider.embed(call, permit_for(call))
    one, other, far = found.vectors
    assert [len(vector) for vector in found.vectors] == [256] * 3
    assert sum(a * b for a, b in zip(one, other, strict=True)) > sum(a * b for a, b in zip(one, far, strict=True))
    assert (found.usage.input, found.usage.reported) == (call.reserve_in, False)
    wrong = provider.prepare_embedding(TWO, ("x",), None)
    with pytest.raises(ProviderFailed) as raised:
        await provider.embed(wrong, permit_for(wrong))
    assert raised.value.kind == "access"


async def test_a_provider_as_configured(client: Client, gemini: GeminiStandin) -> None:
    secrets = SecretReader({"GEMINI_API_KEY": KEY}, SystemClock())
    config = ProviderConfig(
        kind="gemini",
        base_url=f"{gemini.url}/v1beta",
        api_keys=(SecretRef(env="GEMINI_API_KEY"),),
        options={"max_tokens": 3, "temperature": 0.5},
    )
    provider = configured("google", config, client=client, secrets=secrets, clock=SystemClock())
    assert provider.profile(TWO).max_tokens == 3
    answer, _ = await ask(provider, "a long one", max_tokens=3)
    assert (answer.finish, answer.message.text) == ("length", "re: a long o")
    assert gemini.bodies[0]["generationConfig"] == {"maxOutputTokens": 3, "temperature": 0.5}
    assert provider.keys() == (KeyHealth("k0", "ok", 0.0),)
    assert BASE_URL.startswith("https://generativelanguage.googleapis.com/")
    bare = configured("google", ProviderConfig(kind="gemini"), client=client, secrets=secrets, clock=SystemClock())
    assert bare.prepare(ModelRequest(TWO, "", (AssistantMessage("x"),))).key == ""


async def test_an_assistant_of_a_whole_gateway_calls_a_tool(tmp_path: Path, gemini: GeminiStandin) -> None:
    desk = Desk(tmp_path, model=f"google/{THREE}")
    table = f'[providers.google]\nkind = "gemini"\nbase_url = "{gemini.url}/v1beta"\n'
    desk.write(desk.config.read_text() + table + 'api_keys = [{ env = "GEMINI_API_KEY" }]\n')
    said = await desk.run("chat", "[[tool time {}]] what time is it?", environ={"GEMINI_API_KEY": KEY})
    assert (said.code, said.err.count("\n")) == (0, 1), said.err
    assert "is kept in the new folder" in said.err
    assert said.out.startswith("re: what time is it?\ntime -> ")
    assert [call.kind for call in gemini.calls] == ["tools", "text"]
