"""The calls of a model: what becomes of each, and that every one has its one result."""

import asyncio

import msgspec
import pytest

from quarterdeck.base.errors import Retry
from quarterdeck.model.action import ToolRun
from quarterdeck.model.message import AssistantMessage, ToolCall, ToolResult
from quarterdeck.ports import ToolContext, ToolOutcomeUnknown, ToolOutput
from quarterdeck.store import people
from tests.flow.doubles import Do, ToolDouble, not_allowed
from tests.flow.world import World
from tests.waiting import until


async def good(run: ToolRun, context: ToolContext) -> ToolOutput:
    return ToolOutput("fine")


async def not_ok(run: ToolRun, context: ToolContext) -> ToolOutput:
    return ToolOutput("it says no", ok=False)


async def later(run: ToolRun, context: ToolContext) -> ToolOutput:
    raise Retry("come again")


async def unsure(run: ToolRun, context: ToolContext) -> ToolOutput:
    raise ToolOutcomeUnknown("no answer came")


async def broken(run: ToolRun, context: ToolContext) -> ToolOutput:
    raise ValueError("a bug")


def results(world: World) -> list[ToolResult]:
    """What the model was shown of its calls, in the newest request."""
    return [m for m in world.main.requests[-1].messages if isinstance(m, ToolResult)]


@pytest.mark.parametrize(
    ("do", "effect", "status", "text", "closed"),
    [
        (good, "none", "ok", "fine", "done"),
        (not_ok, "none", "error", "it says no", "failed"),
        (later, "external", "error", "Failed. come again", "failed"),
        (not_allowed, "external", "error", "Failed. it is not yours (rule test.rule). Ask a person.", "failed"),
        (unsure, "external", "unknown", "The outcome is unknown", "unknown"),
    ],
    ids=["ok", "not ok", "retry", "not allowed", "unknown"],
)
async def test_what_a_run_brings(world: World, do: Do, effect: str, status: str, text: str, closed: str) -> None:
    await give(world, ToolDouble("look", effect=effect, repeatable=False, do=do))  # type: ignore[arg-type]
    world.main.use(("look", "{}"))
    await world.ended(await world.say("go"))
    (result,) = results(world)
    assert (result.status, result.text[: len(text)]) == (status, text)
    assert world.rows("SELECT state FROM intents WHERE kind = 'tool'") == [{"state": closed}]


@pytest.mark.parametrize(("effect", "status"), [("none", "error"), ("rows", "error"), ("external", "unknown")])
async def test_a_tool_that_breaks(loose_world: World, effect: str, status: str) -> None:
    world = loose_world
    world.add_tool(ToolDouble("look", effect=effect, repeatable=False, do=broken))  # type: ignore[arg-type]
    await world.start()
    world.main.use(("look", "{}"))
    await world.ended(await world.say("go"))
    assert results(world)[0].status == status
    assert len(world.log.failures) == 1


@pytest.mark.parametrize(("effect", "status"), [("none", "error"), ("rows", "error"), ("external", "unknown")])
async def test_a_tool_that_takes_too_long(idle_world: World, effect: str, status: str) -> None:
    """Only what acts on the world can have acted."""
    world = idle_world
    tool = world.add_tool(ToolDouble("look", effect=effect, repeatable=False))  # type: ignore[arg-type]
    world.settings.let(turn_seconds=2.0)  # enough to begin the call, on a busy machine too
    await world.start()
    world.main.use(("look", "{}"))
    tool.hold()
    assert list(await world.ended(await world.say("go"))) == ["failed"]
    await world.rest()
    messages = [msgspec.json.decode(row["content"]) for row in world.rows("SELECT content FROM messages")]
    assert [m.get("status", "ok") for m in messages if m["type"] == "tool"] == [status]


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("nothing", "{}", "There is no tool 'nothing'. Your tools: look."),
        ("look", "{", "Not run. arguments: are not valid JSON"),
        ("look", "[]", "Not run. arguments: are not a JSON object"),
        ("look", '{"n": "two"}', "Not run. n: is not of type integer"),
        ("look", '{"x": 1}', "Not run. x: is no argument of look"),
        ("look", '{"word": "longer"}', "Not run. word: is longer than 5"),
        ("send_message", '{"room":"r1","text":"x"}', "There is no tool 'send_message'."),
    ],
)
async def test_a_call_that_cannot_be_run(world: World, name: str, arguments: str, says: str) -> None:
    tool = await give(world, ToolDouble("look"))
    world.main.use((name, arguments))
    assert list(await world.ended(await world.say("go"))) == ["answered"]
    (result,) = results(world)
    assert (result.status, result.text[: len(says)]) == ("invalid", says)
    assert tool.runs == []
    assert world.rows("SELECT id FROM intents WHERE kind = 'tool'") == []


async def test_what_is_wrong_with_a_call_is_told_once_and_then_it_is_refused(world: World) -> None:
    tool = await give(world, ToolDouble("look"))
    for arguments in ('{"n": "two"}', '{"n": "three"}', '{"n": 4}'):
        world.main.use(("look", arguments))
    assert list(await world.ended(await world.say("go"))) == ["answered"]
    assert [result.status for result in results(world)] == ["invalid", "denied", "ok"]
    assert "called wrongly before" in results(world)[1].text
    assert len(tool.runs) == 1


async def test_calls_of_one_answer_run_at_once_and_results_keep_the_calls_order(world: World) -> None:
    tool = await give(world, ToolDouble("look"))
    one, two = tool.hold(), tool.hold()
    world.main.use(("look", '{"n":1}'), ("nothing", "{}"), ("look", '{"n":2}'))
    accepted = await world.say("go")
    await one.reached()
    await two.reached()
    two.release()
    await until(lambda: "tool_result" in world.store.committed)
    one.release()
    await world.ended(accepted)
    asked = next(m for m in world.main.requests[-1].messages if isinstance(m, AssistantMessage))
    assert [result.call_id for result in results(world)] == [call.id for call in asked.calls]
    assert [result.status for result in results(world)] == ["ok", "invalid", "ok"]


async def test_arguments_reach_the_tool_in_canonical_form(world: World) -> None:
    tool = await give(world, ToolDouble("look"))
    world.main.use(("look", ' {"word":"a" , "n":1}'))
    await world.ended(await world.say("go"))
    assert tool.runs[0].arguments == '{"n":1,"word":"a"}'


async def test_a_long_result_is_cut(world: World) -> None:
    async def long(run: ToolRun, context: ToolContext) -> ToolOutput:
        return ToolOutput("x" * 20_000)

    await give(world, ToolDouble("look", do=long))
    world.main.use(("look", "{}"))
    await world.ended(await world.say("go"))
    assert len(results(world)[0].text) == 16_000


async def test_too_many_steps_end_the_turn_with_a_word(idle_world: World) -> None:
    world = idle_world
    world.add_tool(ToolDouble("look"))
    world.settings.let(max_steps=3)
    await world.start()
    for _ in range(5):
        world.main.use(("look", "{}"))
    assert list(await world.ended(await world.say("go"))) == ["failed"]
    await world.rest()
    assert world.main.asked == 3
    assert world.platform.texts() == ["I stopped after 3 steps without reaching an answer."]


async def test_a_message_to_another_room_is_committed_with_its_result(idle_world: World) -> None:
    world = idle_world
    world.settings.let(tools=("send_message",))
    await world.start()
    await world.ended(await world.say("hello", room="r2", who="p2"))
    await world.rest()
    world.main.use(("send_message", '{"room":"r2","text":"news"}'))
    world.store.committed.clear()
    await world.ended(await world.say("tell them"))
    await world.rest()
    assert world.platform.texts("r2") == ["re: hello", "news"]
    assert results(world)[0].text == "Queued for room r2."
    assert sorted(world.store.committed) == sorted(
        ["accept", "take", "model_step", "tool_result", "end_turn", "send_outcome", "send_intent", "send_outcome"]
    )


async def test_a_message_to_a_room_that_nobody_knows_is_refused(idle_world: World) -> None:
    world = idle_world
    world.settings.let(tools=("send_message",))
    await world.start()
    world.main.use(("send_message", '{"room":"r9","text":"news"}'))
    await world.ended(await world.say("tell them"))
    assert results(world)[0].status == "error"
    assert await people.room(world.store, people.room_id("wire", "r9")) is None


async def test_a_crash_while_a_message_to_a_room_is_made_sends_it_once(idle_world: World) -> None:
    world = idle_world
    world.settings.let(tools=("send_message",))
    await world.start()
    await world.ended(await world.say("hello", room="r2", who="p2"))
    world.main.use(("send_message", '{"room":"r2","text":"news"}'))
    world.parts.crash.arm("tool.after")
    accepted = await world.say("tell them")
    await world.died.wait()
    await world.restart()
    assert list(await world.ended(accepted)) == ["answered"]
    await world.rest()
    assert world.platform.texts("r2") == ["re: hello", "news"]
    assert results(world)[0].status == "ok"


async def test_calls_of_an_answer_that_was_cut_short_are_not_run(world: World) -> None:
    tool = await give(world, ToolDouble("look"))
    world.main.say("I will", calls=(ToolCall("c1", "look", '{"n'),), finish="length")
    assert list(await world.ended(await world.say("go"))) == ["answered"]
    await world.rest()
    assert tool.runs == []
    assert [kind for kind, _ in world.history()] == ["user", "assistant"]


async def test_calls_of_an_answer_that_was_cut_short_are_not_run_after_a_crash(world: World) -> None:
    tool = await give(world, ToolDouble("look"))
    held = world.main.hold()
    world.main.script[-1].calls = (ToolCall("c1", "look", "{}"),)
    world.main.script[-1].finish = "length"
    first = await world.say("go")
    await held.reached()
    steering = await world.say("left", mode="steer")
    again = world.main.hold()
    held.release()
    await again.reached()
    await world.restart()
    assert list(await world.ended(first, steering)) == ["answered", "absorbed"]
    assert tool.runs == []


async def test_a_tool_that_waits_is_awaited_when_the_gateway_drains(world: World) -> None:
    tool = await give(world, ToolDouble("look"))
    held = tool.hold()
    world.main.use(("look", "{}"))
    accepted = await world.say("go")
    await held.reached()
    stopping = asyncio.create_task(world.stop())
    await until(lambda: not world.parts.intake.open)
    held.release()
    await stopping
    assert world.outcome(accepted) == "answered"


async def give(world: World, tool: ToolDouble) -> ToolDouble:
    """Restart the world with a tool."""
    world.add_tool(tool)
    await world.restart()
    return tool
