"""Acts during a turn: followup, collect, steer, interrupt."""

import pytest

from quarterdeck.model.message import UserMessage
from tests.flow.doubles import ToolDouble
from tests.flow.world import World
from tests.waiting import until


def said(world: World, request: int = -1) -> list[str]:
    """What people said, as the model was shown it."""
    return [m.text for m in world.main.requests[request].messages if isinstance(m, UserMessage)]


async def test_followups_get_one_turn_each_in_order(world: World) -> None:
    held = world.main.hold("re: one")
    acts = [await world.say("one")]
    await held.reached()
    acts += [await world.say(text) for text in ("two", "three")]
    held.release()
    assert list(await world.ended(*acts)) == ["answered"] * 3
    await world.rest()
    assert world.platform.texts() == ["re: one", "re: two", "re: three"]
    assert said(world) == ["one", "two", "three"]


async def test_sessions_do_not_wait_for_each_other(world: World) -> None:
    held = world.main.hold()
    await world.say("slow")
    await held.reached()
    other = await world.say("quick", room="r2", who="p2")
    assert list(await world.ended(other)) == ["answered"]
    held.release()


async def test_no_more_turns_at_once_than_allowed(idle_world: World) -> None:
    world = idle_world
    world.settings.limit(concurrent_turns=2)
    await world.start()
    holds = [world.main.hold(f"answer {n}") for n in range(3)]
    for n in range(3):
        await world.say("hello", room=f"r{n}", who=f"p{n}")
    await holds[1].reached()
    assert world.parts.lanes.running == 2
    assert world.main.asked == 2
    holds[0].release()
    await holds[2].reached()
    holds[1].release()
    holds[2].release()


async def test_what_waits_is_collected_into_one_turn(idle_world: World) -> None:
    idle_world.settings.let(queue="collect")
    world = idle_world
    await world.start()
    held = world.main.hold("re: one")
    first = await world.say("one")
    await held.reached()
    more = [await world.say(text) for text in ("two", "three")]
    held.release()
    assert list(await world.ended(first, *more)) == ["answered"] * 3
    await world.rest()
    assert world.platform.texts() == ["re: one", "re: three"]
    assert said(world) == ["one", "two", "three"]


async def test_a_quiet_time_is_waited_for_from_the_newest_message_on(idle_world: World) -> None:
    world = idle_world
    world.settings.let(queue="collect", debounce_ms=60_000)
    await world.start()
    acts = [await world.say("one")]
    world.jump(50)
    acts.append(await world.say("two"))
    world.jump(50)
    assert world.main.asked == 0
    assert world.rows("SELECT DISTINCT state FROM inbox") == [{"state": "waiting"}]
    world.jump(11)
    assert list(await world.ended(*acts)) == ["answered", "answered"]
    assert said(world) == ["one", "two"]
    assert world.main.asked == 1


async def test_a_quiet_time_outlives_a_crash(idle_world: World) -> None:
    world = idle_world
    world.settings.let(queue="collect", debounce_ms=60_000)
    await world.start()
    act = await world.say("one")
    await world.restart()
    world.jump(30)
    assert world.main.asked == 0
    world.jump(31)
    assert list(await world.ended(act)) == ["answered"]


async def test_a_quiet_time_does_not_last_an_hour_because_the_clock_was_set_back(idle_world: World) -> None:
    world = idle_world
    world.settings.let(queue="collect", debounce_ms=60_000)
    await world.start()
    acts = [await world.say("one"), await world.say("two")]
    world.jump(-3600)
    assert list(await world.ended(*acts)) == ["answered", "answered"]
    assert world.main.asked == 1


async def test_a_steering_message_is_taken_in_behind_the_results_of_tools(idle_world: World) -> None:
    world = idle_world
    tool = world.add_tool(ToolDouble("look"))
    await world.start()
    world.main.use(("look", "{}"))
    held = tool.hold()
    first = await world.say("one")
    await held.reached()
    steering = [await world.say("left", mode="steer"), await world.say("no, right", mode="steer")]
    world.store.committed.clear()
    held.release()
    assert list(await world.ended(first, *steering)) == ["answered", "absorbed", "absorbed"]
    await world.rest()
    assert world.store.committed == ["tool_result", "end_turn", "send_outcome"]
    kinds = [kind for kind, _ in world.history()]
    assert kinds == ["user", "assistant", "tool", "user", "user", "assistant"]
    assert world.platform.texts() == ["re: no, right"]


async def test_steering_behind_one_of_two_tools_waits_for_the_other(idle_world: World) -> None:
    world = idle_world
    tool = world.add_tool(ToolDouble("look"))
    await world.start()
    world.main.use(("look", '{"n":1}'), ("look", '{"n":2}'))
    one, two = tool.hold(), tool.hold()
    first = await world.say("one")
    await two.reached()
    steering = await world.say("left", mode="steer")
    one.release()
    await until(lambda: "tool_result" in world.store.committed)
    assert world.outcome(steering) is None
    two.release()
    assert list(await world.ended(first, steering)) == ["answered", "absorbed"]
    assert [kind for kind, _ in world.history()] == ["user", "assistant", "tool", "tool", "user", "assistant"]


async def test_an_answer_that_was_steered_is_delivered_and_the_turn_goes_on(world: World) -> None:
    held = world.main.hold("first answer")
    first = await world.say("one")
    await held.reached()
    steering = await world.say("left", mode="steer")
    world.store.committed.clear()
    held.release()
    assert list(await world.ended(first, steering)) == ["answered", "absorbed"]
    await world.rest()
    assert world.platform.texts() == ["first answer", "re: left"]
    assert [kind for kind, _ in world.history()] == ["user", "assistant", "user", "assistant"]
    assert world.store.committed[0] == "steer_step"


async def test_a_steering_message_where_nothing_runs_begins_a_turn(world: World) -> None:
    assert list(await world.ended(await world.say("go", mode="steer"))) == ["answered"]


async def test_a_steering_message_behind_many_others_does_not_hang_the_turn(idle_world: World) -> None:
    """More rows wait before it than one look at the lane reads."""
    world = idle_world
    await world.start()
    held = world.main.hold("first answer")
    first = await world.say("one")
    await held.reached()
    for n in range(55):
        await world.say(f"wait {n}", mode="followup")
    await world.say("left", mode="steer")
    held.release()
    assert list(await world.ended(first)) == ["answered"]
    await world.rest()


async def test_an_interrupt_ends_the_turn_and_starts_the_next(world: World) -> None:
    held = world.main.hold()
    first = await world.say("one")
    await held.reached()
    second = await world.say("two", mode="interrupt")
    assert list(await world.ended(first, second)) == ["superseded", "answered"]
    await world.rest()
    assert world.platform.texts() == ["re: two"]
    assert said(world) == ["one", "two"]
    settled = world.rows("SELECT kind, tokens_in, tokens_out, reported FROM ledger ORDER BY created_at, kind")[:2]
    assert sorted(row["kind"] for row in settled) == ["reserve", "settle"]
    assert {(row["tokens_in"], row["tokens_out"], row["reported"]) for row in settled} == {(100, 50, 0)}


@pytest.mark.parametrize("how", ["interrupt", "stop"])
async def test_a_running_tool_is_awaited_and_an_unstarted_one_skipped(idle_world: World, how: str) -> None:
    world = idle_world
    tool = world.add_tool(ToolDouble("look"))
    await world.start()
    world.main.use(("look", "{}"))
    held = tool.hold()
    first = await world.say("one")
    await held.reached()
    second = await (world.say("two", mode="interrupt") if how == "interrupt" else world.say("/stop"))
    assert world.outcome(first) is None
    held.release()
    await world.ended(first, second)
    await world.rest()
    assert ("tool", "look ran 1") in world.history()
    assert world.rows("SELECT state FROM intents WHERE kind = 'tool'") == [{"state": "done"}]


async def test_a_tool_whose_intent_a_stop_left_out_is_skipped(idle_world: World) -> None:
    world = idle_world
    tool = world.add_tool(ToolDouble("look"))
    await world.start()
    world.main.use(("look", "{}"))
    world.store.before["model_step"].append(lambda: world.say("/stop"))
    first = await world.say("one")
    assert list(await world.ended(first)) == ["stopped"]
    await world.rest()
    assert tool.runs == []
    results = [text for kind, text in world.history() if kind == "tool"]
    assert results == ["Not started: the turn was stopped."]
    assert world.rows("SELECT id FROM intents WHERE kind = 'tool'") == []


async def test_a_turn_out_of_time_says_so(idle_world: World) -> None:
    world = idle_world
    world.settings.let(turn_seconds=2.0)  # enough to ask the model, on a busy machine too
    await world.start()
    world.main.hold()
    first = await world.say("one")
    assert list(await world.ended(first)) == ["failed"]
    await world.rest()
    assert world.platform.texts() == ["I stopped after 2 seconds without reaching an answer."]
    assert world.main.cancelled == 1


async def test_time_passes_while_a_failed_call_waits_for_its_next_attempt(idle_world: World) -> None:
    world = idle_world
    world.settings.let(turn_seconds=0.2)
    await world.start()
    world.main.fail("rate", retryable=True, retry_after=60)
    first = await world.say("one")
    assert list(await world.ended(first)) == ["failed"]


async def test_a_quiet_time_lets_nobody_overtake(idle_world: World) -> None:
    """The order of a session holds also where a message says its own mode."""
    world = idle_world
    world.settings.let(debounce_ms=60_000)
    await world.start()
    later = world.parts.lanes._keyed._later
    first = await world.say("one", mode="collect")
    await until(lambda: later, what="the lane to wait for the quiet time")
    before = dict(later)
    second = await world.say("two", mode="followup")
    await until(lambda: world.outcome(second) or (later and dict(later) != before), what="the lane to have looked")
    world.jump(61)
    await world.ended(first, second)
    await world.rest()
    assert said(world) == ["one", "two"]
