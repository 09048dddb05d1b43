"""What does a turn leave in its trace, also where things go wrong, and does one trace hold all attempts at it?"""

from quarterdeck.observe.metrics import Metrics
from quarterdeck.observe.traces import MOST, Span, Traces, span_id, trace_id
from quarterdeck.ports import NotSent
from tests.flow.doubles import ToolDouble
from tests.flow.world import World
from tests.waiting import until


def spans(world: World) -> list[Span]:
    return world.traces.take(1000)


def named(found: list[Span], name: str) -> list[Span]:
    return [one for one in found if one.name == name]


async def test_a_plain_turn(world: World) -> None:
    await world.say("one")
    await world.rest()
    found = spans(world)
    assert [one.name for one in found] == ["wait", "take", "chat m", "invoke_agent default", "send wire"]
    turn = world.rows("SELECT id FROM turns")[0]["id"]
    assert {one.turn for one in found} == {turn}
    assert [one.name for one in found if one.root] == ["invoke_agent default"]
    assert not any(one.error for one in found)
    assert f"{trace_id(turn):032x}".endswith(turn.removeprefix("turn_"))
    assert len({span_id(one.about) for one in found}) == len(found)


async def test_tools_and_retries_are_spans_of_their_own(idle_world: World) -> None:
    world = idle_world
    world.add_tool(ToolDouble("look"))
    await world.start()
    world.main.fail("rate", retryable=True)
    world.main.use(("look", "{}"))
    world.platform.answers(NotSent("busy", retry_after=0.0))
    await world.say("one")
    await world.rest()
    found = spans(world)
    asked = named(found, "chat m")
    assert [one.error for one in asked] == ["rate", "", ""]
    assert [one.attributes["quarterdeck.attempt"] for one in asked] == [1, 2, 1]
    assert [one.attributes["quarterdeck.step"] for one in asked] == ["m1", "m1", "m2"]
    assert asked[1].attributes["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert asked[0].attributes["gen_ai.provider.name"] == "vendor"
    (ran,) = named(found, "execute_tool look")
    assert (ran.attributes["gen_ai.tool.name"], ran.error) == ("look", "")
    assert [one.error for one in named(found, "send wire")] == ["NotSent", ""]


async def test_an_attempt_after_a_crash_lands_in_the_same_trace(idle_world: World) -> None:
    world = idle_world
    await world.start()
    world.parts.crash.arm("op.end_turn.before")
    await world.say("one")
    await world.died.wait()
    before = spans(world)
    assert not [one for one in before if one.root]  # what was not ended has no span
    await world.restart()
    await world.rest()
    after = spans(world)
    assert {one.turn for one in (*before, *after)} == {before[0].turn}
    assert [one.attributes["quarterdeck.turn.attempt"] for one in named(before + after, "take")] == [1, 2]
    assert len(named(before, "wait")) == 1
    assert not named(after, "wait")
    (root,) = [one for one in after if one.root]
    assert root.began == named(before, "wait")[0].began
    abouts = [one.about for one in (*before, *after)]
    assert len(set(abouts)) == len(abouts)


async def test_a_turn_that_fails_and_a_call_that_is_cut(world: World) -> None:
    world.main.fail("invalid", retryable=False)
    await world.say("one")
    await world.rest()
    found = spans(world)
    assert [one.error for one in found if one.root] == ["failed"]
    world.main.hold()
    await world.say("two")
    await until(lambda: world.main.asked == 2, what="the call")
    await world.say("/stop")
    await world.rest()
    found = spans(world)
    assert [one.error for one in named(found, "chat m")] == ["cut"]
    (root,) = [one for one in found if one.root]
    assert (root.error, root.attributes["quarterdeck.turn.outcome"]) == ("", "stopped")


async def test_a_full_queue_drops_what_is_new_and_counts_it() -> None:
    metrics = Metrics()
    traces = Traces(metrics)
    for n in range(MOST + 3):
        traces.record(Span("n", "turn_1", str(n), 1.0, 0.0, {}))
    assert metrics.registry.get_sample_value("quarterdeck_spans_total", {"result": "queue_full"}) == 3
    kept = traces.take(MOST + 3)
    assert [kept[0].about, kept[-1].about, len(kept)] == ["0", str(MOST - 1), MOST]
