"""How many durable operations does each kind of turn take? Exactly these, by name."""

import msgspec
import pytest

from quarterdeck.ports import Capabilities
from tests.flow.doubles import Held, ToolDouble
from tests.flow.world import World
from tests.waiting import until

pytestmark = pytest.mark.proves("S2")


async def test_a_plain_turn_on_a_channel_is_four_operations(world: World) -> None:
    await world.say("hello")
    await world.rest()
    assert world.store.committed == ["accept", "take", "end_turn", "send_outcome"]
    assert world.platform.texts() == ["re: hello"]


async def test_a_plain_turn_where_deliveries_are_rows_is_three_operations(world: World) -> None:
    await world.say("hello", connection="web")
    await world.rest()
    assert world.store.committed == ["accept", "take", "end_turn"]
    assert world.part_states() == ["sent"]


async def test_each_tool_call_adds_one_operation_and_each_further_answer_none(idle_world: World) -> None:
    idle_world.add_tool(ToolDouble("look"))
    await idle_world.start()
    idle_world.main.use(("look", "{}"), ("look", '{"n":2}'))
    idle_world.main.use(("look", "{}"))
    idle_world.main.say("done")
    await idle_world.say("hello", connection="web")
    await idle_world.rest()
    first, second = ["model_step", "tool_result", "tool_result"], ["model_step", "tool_result"]
    assert idle_world.store.committed == ["accept", "take", *first, *second, "end_turn"]


async def test_streaming_adds_one_operation_for_the_native_id(idle_world: World) -> None:
    world = idle_world
    world.settings.capabilities = Capabilities(400, edits=True)
    world.settings.wire = msgspec.structs.replace(world.settings.wire, streaming=True)
    await world.start()
    held = Held()
    world.main.say("hello you", deltas=("hel",), after=held)
    await world.say("hi")
    await held.reached()
    await until(lambda: "stream_id" in world.store.committed)
    held.release()
    await world.rest()
    assert world.store.committed == ["accept", "take", "stream_id", "end_turn", "send_outcome"]
    assert world.platform.texts() == ["hello you"]


async def test_a_retry_adds_one_operation(world: World) -> None:
    world.main.fail("server", retryable=True)
    await world.say("hello", connection="web")
    await world.rest()
    assert world.store.committed == ["accept", "take", "model_retry", "end_turn"]


async def test_a_second_part_of_an_answer_adds_intent_and_outcome(world: World) -> None:
    world.main.say("a" * 400)
    await world.say("hello")
    await world.rest()
    assert world.store.committed == ["accept", "take", "end_turn", "send_outcome", "send_intent", "send_outcome"]


async def test_a_command_is_one_operation_and_its_notice_two(world: World) -> None:
    await world.say("/status", connection="web")
    await world.rest()
    assert world.store.committed == ["accept"]
    world.store.committed.clear()
    await world.say("/status")
    await world.rest()
    assert world.store.committed == ["accept", "send_intent", "send_outcome"]


async def test_a_duplicate_commits_nothing(world: World) -> None:
    await world.say("hello", key="k", connection="web")
    await world.rest()
    world.store.committed.clear()
    await world.say("hello", key="k", connection="web")
    await world.rest()
    assert world.store.committed == []
