"""Hooks over HTTP: what is sent, by whom it can be believed, and what an answer means."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.errors import ConfigRefused, Refused, Retry
from quarterdeck.base.secrets import SecretReader, SecretRef
from quarterdeck.model.hook import (
    Deny,
    HookContext,
    HookEvent,
    HookOutcome,
    HookSubject,
    ModelSubject,
    RouteSubject,
    SendSubject,
    ShownMessage,
    ToolSubject,
)
from quarterdeck.net.client import Client, TooLarge
from quarterdeck.net.signed import key_of, sign
from quarterdeck.plugins.webhook import SignedHook
from tests.standins.hooks import SECRET, Answer, Receiver, receiver

pytestmark = pytest.mark.proves("hook.signed")

ABOUT = HookContext("default", "tg", "ses_1", "turn_1", "m1")
ROUTE = RouteSubject("default", "main/m", "hello")
MODEL = ModelSubject("main/m", "Be kind.", (ShownMessage("user", "hello"), ShownMessage("tool", "42")))
TOOL = ToolSubject("look", '{"n":1,"deep":{"x":[1,2]}}')
SEND = SendSubject("answer", "done")


def event(subject: HookSubject, on: str = "before_x", outcome: HookOutcome | None = None) -> HookEvent:
    return HookEvent("hook_1", 1_700_000_000.25, on, ABOUT, subject, outcome)


@pytest.fixture
async def peer() -> AsyncIterator[Receiver]:
    async with receiver() as found:
        yield found


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client() as made:
        yield made


def signed(peer: Receiver, client: Client, secret: str = SECRET) -> SignedHook:
    clock = SystemClock()
    secrets = SecretReader({"HOOK": secret}, clock)
    return SignedHook("h", peer.url, SecretRef(env="HOOK"), "hooks[0]", client, secrets, clock)


def test_a_signature_by_the_published_scheme() -> None:
    """Written down here once more: HMAC-SHA256 over id, time and body, the key being what whsec_ stands before."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    wanted = hmac.new(key, b'msg_1.1614265330.{"test": 1}', hashlib.sha256).digest()
    assert key_of(SECRET, "x") == key
    assert sign(key, "msg_1", 1614265330, b'{"test": 1}') == f"v1,{base64.b64encode(wanted).decode()}"


@pytest.mark.parametrize("secret", ["5up3r", "whsec_", "whsec_???", "whsec_c2hvcnQ=", "whsec_" + "QUJD" * 22])
def test_a_secret_that_is_none_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(ConfigRefused) as caught:
        key_of(secret, "hooks[0].secret")
    assert caught.value.field == "hooks[0].secret"
    assert secret not in str(caught.value) or secret == "whsec_"


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (ROUTE, {"place": "route", "assistant": "default", "model": "main/m", "text": "hello"}),
        (
            MODEL,
            {
                "place": "model",
                "route": "main/m",
                "system": "Be kind.",
                "messages": [{"role": "user", "text": "hello"}, {"role": "tool", "text": "42"}],
            },
        ),
        (TOOL, {"place": "tool", "tool": "look", "arguments": {"n": 1, "deep": {"x": [1, 2]}}}),
        (SEND, {"place": "send", "kind": "answer", "text": "done"}),
    ],
)
async def test_what_is_sent(peer: Receiver, client: Client, subject: HookSubject, shown: dict[str, Any]) -> None:
    await signed(peer, client).before(event(subject))
    assert peer.calls == [
        {
            "type": "before_x",
            "timestamp": "2023-11-14T22:13:20.250Z",
            "schema": 1,
            "data": {
                "about": {
                    "assistant": "default", "connection": "tg", "session": "ses_1", "turn": "turn_1", "step": "m1"
                },
                "subject": shown,
            },
        }
    ]  # fmt: skip
    assert (peer.ids, peer.forged) == (["hook_1"], 0)


async def test_an_outcome_is_sent_along(peer: Receiver, client: Client) -> None:
    await signed(peer, client).after(event(SEND, "after_send", HookOutcome("sent")))
    assert peer.calls[0]["data"]["outcome"] == {"state": "sent"}
    peer.script.append(Answer(503))
    with pytest.raises(Retry, match="503"):
        await signed(peer, client).after(event(SEND, "after_send", HookOutcome("sent")))


async def test_another_secret_is_not_believed(peer: Receiver, client: Client) -> None:
    with pytest.raises(Retry, match="401"):
        await signed(peer, client, "whsec_" + base64.b64encode(b"x" * 32).decode()).before(event(ROUTE))
    assert (peer.forged, peer.calls) == (1, [])


@pytest.mark.parametrize(
    ("subject", "change", "wanted"),
    [
        (ROUTE, {"text": "hi"}, RouteSubject("default", "main/m", "hi")),
        (ROUTE, {"assistant": "b", "model": "x/y"}, RouteSubject("b", "x/y", "hello")),
        (
            MODEL,
            {"messages": ["a", "b"]},
            ModelSubject("main/m", "Be kind.", (ShownMessage("user", "a"), ShownMessage("tool", "b"))),
        ),
        (MODEL, {"system": ""}, ModelSubject("main/m", "", MODEL.messages)),
        (TOOL, {"arguments": {"n": 5}}, ToolSubject("look", '{"n": 5}')),
        (SEND, {"text": "[done]"}, SendSubject("answer", "[done]")),
    ],
)
async def test_a_change(
    peer: Receiver, client: Client, subject: HookSubject, change: dict[str, Any], wanted: HookSubject
) -> None:
    peer.script.append(Answer(body=json.dumps({"change": change}).encode()))
    assert await signed(peer, client).before(event(subject)) == wanted


@pytest.mark.parametrize("body", [b"{}", b"", b" \n"])
async def test_nothing_to_say_lets_pass(peer: Receiver, client: Client, body: bytes) -> None:
    peer.script.append(Answer(body=body))
    assert await signed(peer, client).before(event(ROUTE)) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(body=b'{"deny":{"reason":"no","next_step":"Ask."}}'), Deny("no", "Ask.")),
        (Answer(body=b'{"deny":{"reason":"no"}}', status=403), Deny("no")),
        (Answer(body=b'{"deny":{"reason":"no"},"change":{"text":"x"}}'), Deny("no")),
        (Answer(body=b'{"deny":true}'), Deny("it is denied, without a reason that can be read")),
        (Answer(body=b'{"deny":{"reason":""}}'), Deny("it is denied, without a reason that can be read")),
        (Answer(body=b'{"deny":{"reason":7}}', status=500), Deny("it is denied, without a reason that can be read")),
    ],
)
async def test_a_denial_counts_whatever_else_is_wrong(
    peer: Receiver, client: Client, answer: Answer, reason: Deny
) -> None:
    peer.script.append(answer)
    assert await signed(peer, client).before(event(ROUTE)) == reason


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (ROUTE, b"no"),
        (ROUTE, b"[]"),
        (ROUTE, b'{"allow":true}'),
        (ROUTE, b'{"change":{"sender":"x"}}'),
        (ROUTE, b'{"change":{"text":5}}'),
        (ROUTE, b'{"change":{"text":"x"},"note":1}'),
        (MODEL, b'{"change":{"messages":["one"]}}'),
        (TOOL, b'{"change":{}}'),
        (SEND, b'{"change":{"text":null}}'),
    ],
)
async def test_what_nobody_can_use(peer: Receiver, client: Client, subject: HookSubject, body: bytes) -> None:
    peer.script.append(Answer(body=body))
    with pytest.raises((Refused, Retry)):
        await signed(peer, client).before(event(subject))


@pytest.mark.parametrize("status", [301, 302, 400, 404, 429, 500])
async def test_a_status_that_is_no_success_is_a_failure(peer: Receiver, client: Client, status: int) -> None:
    """A redirect is one, too: nobody is followed with what people wrote."""
    peer.script.append(Answer(status=status, headers={"Location": peer.url}))
    with pytest.raises(Retry, match=str(status)):
        await signed(peer, client).before(event(ROUTE))
    assert len(peer.calls) == 1


async def test_an_endless_answer_is_cut(peer: Receiver, client: Client) -> None:
    peer.script.append(Answer(body=b" " * 9_000_000))
    with pytest.raises(TooLarge):
        await signed(peer, client).before(event(ROUTE))
