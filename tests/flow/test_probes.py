"""Trying a model: a live call that is permitted, recorded and settled, and what comes of it in a word."""

import asyncio

import pytest

from quarterdeck.actions.probes import QUESTION, TOKENS, Probes, reach
from quarterdeck.flow.recovery import recover
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.turn import Usage
from quarterdeck.ports import FailureKind, ProviderFailed
from tests.flow.world import World

OPERATOR = Actor(id="uid-0", kind="operator")


def probes(world: World) -> Probes:
    p = world.parts
    return Probes(p.store, p.directory, p.gate, p.auditor, world.clock, world.log)


async def test_a_model_is_asked_one_small_question_under_a_permit(world: World) -> None:
    world.main.say("ok", usage=Usage(6, 1))
    assert await probes(world).ask("main/m", OPERATOR) >= 0
    (request,) = world.main.requests
    assert [getattr(message, "text", "") for message in request.messages] == [QUESTION]
    assert (request.tools, request.max_tokens) == ((), TOKENS)
    (intent,) = world.rows("SELECT kind, route, state, session_id, turn_id FROM intents")
    assert tuple(intent.values()) == ("model", "main/m", "done", "", "")
    (settled,) = world.rows("SELECT tokens_in, tokens_out FROM ledger WHERE kind = 'settle'")
    assert tuple(settled.values()) == (6, 1)
    assert world.store.committed == ["probe_intent", "probe_outcome"]


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("auth", "wrong_key"),
        ("credit", "no_credit"),
        ("access", "no_access"),
        ("network", "unreachable"),
        ("timeout", "unreachable"),
        ("server", "failed"),
    ],
)
async def test_what_is_wrong_is_told_in_a_word_and_recorded(world: World, kind: FailureKind, state: str) -> None:
    world.main.fail(kind, retryable=True)
    with pytest.raises(ProviderFailed) as raised:
        await probes(world).ask("main/m", OPERATOR)
    assert reach(raised.value) == state
    assert world.main.asked == 1, "it is tried once"
    assert [row["state"] for row in world.rows("SELECT state FROM intents")] == ["failed"]


async def test_a_model_that_no_assistant_uses_is_not_asked(world: World) -> None:
    with pytest.raises(ProviderFailed, match="Denied by"):
        await probes(world).ask("spare/secret", OPERATOR)
    assert world.spare.asked == 0
    assert world.rows("SELECT id FROM intents") == []


async def test_a_call_that_is_cut_is_settled_at_its_reservation(world: World) -> None:
    held = world.main.hold()
    asking = asyncio.create_task(probes(world).ask("main/m", OPERATOR))
    await held.reached()
    asking.cancel()
    await asyncio.wait([asking])
    assert [row["state"] for row in world.rows("SELECT state FROM intents")] == ["lost"]
    assert len(world.rows("SELECT intent_id FROM ledger WHERE kind = 'settle'")) == 1


async def test_a_call_that_a_dead_process_had_begun_is_closed_by_recovery(world: World) -> None:
    held = world.main.hold()
    asking = asyncio.create_task(probes(world).ask("main/m", OPERATOR))
    await held.reached()
    p = world.parts
    assert await recover(p.store, p.directory, p.gate, p.outbox, world.log) == 1
    assert [row["state"] for row in world.rows("SELECT state FROM intents")] == ["lost"]
    held.release()
    await asyncio.wait([asking])
    assert asking.exception() is not None, "its own outcome comes too late"
