"""What watchers of a session are told, in order and without a gap, and that nothing that is told is made up."""

import msgspec
import pytest

from quarterdeck.flow.catalogue import CHAT_COMMANDS, EVENTS
from quarterdeck.model.inbound import Accepted
from quarterdeck.store import events
from tests.flow.doubles import ToolDouble
from tests.flow.world import World


async def told(world: World, session: str) -> list[tuple[str, dict[str, object]]]:
    """Every event of a session: (kind, data). Its numbers have no gap."""
    found = await events.after(world.store, session, 0, 500)
    assert [event.seq for event in found] == list(range(1, len(found) + 1))
    return [(event.kind, msgspec.json.decode(event.data, type=dict[str, object])) for event in found]


@pytest.mark.proves(
    "event.inbox.accepted", "event.turn.started", "event.step", "event.tool.result", "event.delivery",
    "event.delivery.state", "event.turn.ended",
)  # fmt: skip
async def test_a_turn_with_a_tool(world: World) -> None:
    world.add_tool(ToolDouble("look"))
    await world.restart()
    world.main.use(("look", "{}"))
    accepted = await world.say("go")
    await world.rest()
    found = await told(world, accepted.session_id)
    assert [kind for kind, _ in found] == [
        "inbox.accepted", "turn.started", "step", "tool.result", "delivery", "turn.ended", "delivery.state",
    ]  # fmt: skip
    data = dict(found)
    assert data["inbox.accepted"]["text"] == "go"
    assert data["step"]["tools"] == ["look"]
    assert (data["tool.result"]["tool"], data["tool.result"]["status"]) == ("look", "ok")
    assert data["delivery"]["text"] == world.platform.texts()[0]
    assert data["turn.ended"]["inbox"] == [accepted.inbox_id]
    assert data["delivery.state"]["state"] == "sent"


@pytest.mark.proves("event.inbox.ended")
async def test_what_expired_is_told(world: World) -> None:
    accepted = await world.say("yesterday", sent_at=world.clock.now() - 90_000)
    await world.rest()
    found = dict(await told(world, accepted.session_id))
    assert found["inbox.ended"] == {"inbox": [accepted.inbox_id], "outcome": "expired"}


@pytest.mark.proves("command.help", "command.status", "command.model")
async def test_commands_answer_at_once_and_are_all_named_by_help(world: World) -> None:
    for text in ("/help", "/status", "/model"):
        accepted = await world.say(text)
        assert isinstance(accepted, Accepted)
        assert accepted.outcome == "command"
    await world.rest()
    *parts, status, model = world.platform.texts()
    assert all(f"/{name}" in "".join(parts) for name in CHAT_COMMANDS)
    assert status == "I am idle; 0 messages wait. Model: main/m."
    assert model.startswith("Model: main/m.")
    assert world.main.asked == 0


async def test_every_kind_that_is_told_is_in_the_catalogue(world: World) -> None:
    world.add_tool(ToolDouble("look"))
    await world.restart()
    world.main.use(("look", "{}"))
    await world.say("go")
    await world.say("/stop")
    await world.rest()
    rows = await world.store.fetch("SELECT DISTINCT kind FROM events", {})
    assert {str(row[0]) for row in rows} <= set(EVENTS)
