"""A hook over HTTP in a turn: everything that it may answer, and nobody who answers."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.secrets import SecretReader, SecretRef
from quarterdeck.flow.hooks import HookRule
from quarterdeck.net.client import Client
from quarterdeck.plugins.webhook import SignedHook
from tests.channels.support import nobody
from tests.flow.test_hooks import records, turn
from tests.flow.world import World
from tests.standins.hooks import SECRET, Answer, Receiver, receiver

pytestmark = pytest.mark.proves("hook.signed")


@pytest.fixture
async def peer() -> AsyncIterator[Receiver]:
    async with receiver() as found:
        yield found


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client() as made:
        yield made


def signed(peer: Receiver, client: Client) -> SignedHook:
    clock = SystemClock()
    secrets = SecretReader({"HOOK": SECRET}, clock)
    return SignedHook("h", peer.url, SecretRef(env="HOOK"), "hooks[0]", client, secrets, clock)


@pytest.fixture
def world(idle_world: World, peer: Receiver, client: Client) -> World:
    points = frozenset(
        f"{when}_{place}" for when in ("before", "after") for place in ("route", "model", "tool", "send")
    )
    idle_world.hooks.append(HookRule("far", points, signed(peer, client), 3.0))
    return idle_world


async def test_a_whole_turn(world: World, peer: Receiver) -> None:
    def decide(call: dict[str, Any]) -> Answer:
        changes = {"before_tool": {"arguments": {"n": 5}}, "before_send": {"text": "[done]"}}
        change = changes.get(call["type"])
        return Answer(body=json.dumps({"change": change}).encode()) if change else Answer()

    peer.decide = decide
    tool, outcome = await turn(world)
    assert outcome == "answered"
    assert [run.arguments for run in tool.runs] == ['{"n":5}']
    assert world.platform.texts() == ["[done]"]
    assert peer.forged == 0
    assert len(set(peer.ids)) == len(peer.ids) >= 5


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(body=b'{"deny":{"reason":"not today"}}'), "not today"),
        (Answer(status=500), "the hook far failed: it answered 500"),
        (Answer(body=b"?"), "the hook far failed: its answer is none of"),
        (Answer(hang=True), "the hook far failed: no reply within 3 s"),
    ],
    ids=["deny", "fail", "nonsense", "slow"],
)
async def test_a_denial_and_a_failure_in_a_turn(world: World, peer: Receiver, answer: Answer, reason: str) -> None:
    peer.decide = lambda call: answer if call["type"] == "before_route" else Answer()
    _, outcome = await turn(world)
    assert outcome == "refused"
    ((rule, told),) = records(world, "route.denied")
    assert rule == "hook:far"
    assert reason in told


async def test_nobody_listens(idle_world: World, client: Client) -> None:
    hook = signed(Receiver(f"{nobody()}/hook"), client)
    idle_world.hooks.append(HookRule("far", frozenset(("before_route",)), hook, 5.0))
    _, outcome = await turn(idle_world)
    assert outcome == "refused"
