"""An act is accepted in the very moment before an operation is committed: everything still comes to its end."""

import asyncio
from typing import Any

import msgspec
import pytest

from quarterdeck.base.errors import MovedOn
from quarterdeck.model.inbound import Acceptance, Inbound
from quarterdeck.model.message import Attachment
from quarterdeck.ports import Capabilities
from tests.flow.doubles import Held, ToolDouble
from tests.flow.world import World
from tests.waiting import until

ACTS: dict[str, dict[str, Any]] = {
    "stop": {"text": "/stop"},
    "new": {"text": "/new"},
    "steer": {"text": "also", "mode": "steer"},
    "interrupt": {"text": "instead", "mode": "interrupt"},
    "collect": {"text": "and", "mode": "collect"},
    "followup": {"text": "then", "mode": "followup"},
    "edit": {"text": "better", "ref": "first", "edit": True},
    "edit of a steering one": {"text": "also better", "ref": "steering", "edit": True, "mode": "steer"},
}
PLACES = ("take", "model_retry", "model_step", "tool_result", "steer_step", "end_turn")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("act", ACTS)
async def test_an_act_beside_an_operation(idle_world: World, act: str, place: str, when: str) -> None:
    """A turn with a failure, a tool and a steering message, and one more act at one of its operations."""
    world = idle_world
    tool = world.add_tool(ToolDouble("look"))
    await world.start()
    world.main.fail("server", retryable=True)
    world.main.use(("look", "{}"))
    late = Held()
    world.main.say("halfway", before=late)
    held = tool.hold()
    first = world.act("start", ref="first")
    hooks = getattr(world.store, when)[place]
    hooks.append(lambda: world.say(**ACTS[act]))
    accepted = await world.accept(first)
    await until(lambda: tool.runs or world.outcome(accepted), what="the tool, or an early end")
    steering = await world.say("go left", mode="steer", ref="steering", room="r1")
    held.release()
    late.release()
    await world.ended(accepted, steering)
    await world.rest()
    if place != "steer_step":  # where the steering message comes in with the tool's result there is none
        assert not hooks, f"{place} was never committed"


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("place", ["steer_step", "end_turn"])
async def test_an_act_beside_the_end_of_an_answer_that_was_steered(world: World, act: str, place: str) -> None:
    held = world.main.hold("first answer")
    accepted = await world.say("start", ref="first")
    await held.reached()
    steering = await world.say("go left", mode="steer", ref="steering")
    world.store.before[place].append(lambda: world.say(**ACTS[act]))
    held.release()
    await world.ended(accepted, steering)
    await world.rest()


@pytest.mark.parametrize("act", [name for name in ACTS if name != "edit of a steering one"])
@pytest.mark.parametrize("place", ["take", "media", "model_intent", "end_turn"])
async def test_an_act_beside_step_0(world: World, act: str, place: str) -> None:
    world.platform.files["f"] = b"data"
    world.store.before[place].append(lambda: world.say(**ACTS[act]))
    file = Attachment("f.txt", "text/plain", 4, native_id="f")
    accepted = await world.say("look at this", ref="first", files=(file,))
    await world.ended(accepted)
    await world.rest()


@pytest.mark.parametrize("act", [name for name in ACTS if name != "edit of a steering one"])
@pytest.mark.parametrize("place", ["take", "end_turn", "stream_id", "tool_result"])
async def test_an_act_beside_an_operation_of_a_streamed_turn(idle_world: World, act: str, place: str) -> None:
    world = idle_world
    streaming(world)
    world.add_tool(ToolDouble("look"))
    await world.start()
    shown = Held()
    world.main.use(("look", "{}"), text="one moment", deltas=("one", " moment"), after=shown)
    world.main.say("here it is", deltas=("here",))
    world.store.before[place].append(lambda: world.say(**ACTS[act]))
    accepted = await world.say("start", ref="first")
    await until(lambda: "stream_id" in world.store.committed or world.outcome(accepted))
    shown.release()
    await world.ended(accepted)
    await world.rest()


@pytest.mark.parametrize("act", [name for name in ACTS if name != "edit of a steering one"])
async def test_an_act_beside_the_taking_up_of_a_left_turn(world: World, act: str) -> None:
    held = world.main.hold()
    accepted = await world.say("start", ref="first")
    await held.reached()
    await world.kill()
    await world.start()
    world.store.before["model_intent"].append(lambda: world.say(**ACTS[act]))
    await world.ended(accepted)
    await world.rest()


def streaming(world: World) -> None:
    world.settings.capabilities = Capabilities(400, edits=True)
    world.settings.wire = msgspec.structs.replace(world.settings.wire, streaming=True)


# --- the hint of an act comes late: the row is committed, the lane works on it, then the hint arrives ----------


async def test_a_message_that_interrupts_does_not_interrupt_its_own_turn(world: World) -> None:
    late, answer = Held(), world.main.hold("the answer")
    world.store.after["accept"].append(late.wait)
    asking = ask(world, "instead", mode="interrupt")
    await late.reached()
    world.parts.lanes.wake(world.session())
    await answer.reached()
    late.release()
    accepted = await asking
    answer.release()
    assert list(await world.ended(accepted)) == ["answered"]


async def test_a_stop_does_not_stop_what_was_accepted_after_it(world: World) -> None:
    late, answer = Held(), world.main.hold("the answer")
    world.store.after["accept"].append(late.wait)
    asking = ask(world, "/stop")
    await late.reached()
    accepted = await world.say("hello")
    await answer.reached()
    late.release()
    await asking
    answer.release()
    assert list(await world.ended(accepted)) == ["answered"]


def ask(world: World, text: str, **more: Any) -> asyncio.Task[Acceptance]:
    return asyncio.create_task(world.say(text, **more))


# --- several acts at once -------------------------------------------------------------------------------------


async def test_a_lane_takes_no_more_when_several_come_at_once(idle_world: World) -> None:
    world = idle_world
    world.settings.limit(queue_per_session=1)
    await world.start()
    held = world.main.hold("first")
    taken = await world.say("one")
    await held.reached()
    between: list[Acceptance] = []

    async def another() -> None:
        between.append(await world.say("two"))

    world.store.before["accept"].append(another)
    refused = await world.say("three")
    held.release()
    assert list(await world.ended(taken, *between, refused)) == ["answered", "answered", "refused"]


@pytest.mark.parametrize("ended", [False, True])
async def test_of_two_that_are_to_follow_a_turn_one_is_accepted(world: World, *, ended: bool) -> None:
    first = await world.say("one")
    await world.ended(first)
    (turn,) = world.rows("SELECT id FROM turns")

    def following(text: str) -> Inbound:
        return msgspec.structs.replace(world.act(text), follows=turn["id"])

    async def be_faster() -> None:
        faster = await world.accept(following("faster"))
        if ended:
            await world.ended(faster)

    world.store.before["accept"].append(be_faster)
    slower = following("slower")
    with pytest.raises(MovedOn):
        await world.accept(slower)
    await world.rest()
    assert [text for _, text in world.history()][::2] == ["one", "faster"]
    with pytest.raises(MovedOn):
        await world.accept(msgspec.structs.replace(slower, act_key="once more"))
