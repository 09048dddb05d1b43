"""A crash between any two commits: the turn is taken up, nothing is lost, nothing happens twice unseen."""

import asyncio

import pytest

from quarterdeck.model.message import ToolResult
from tests.flow.doubles import ToolDouble
from tests.flow.world import Died, World
from tests.waiting import until

POINTS = (
    "op.take.before", "op.take.after", "provider.before", "provider.after", "op.model_step.before",
    "op.model_step.after", "tool.before", "tool.after", "op.tool_result.before", "op.tool_result.after",
    "op.end_turn.before", "op.end_turn.after",
)  # fmt: skip


@pytest.mark.parametrize("hit", [1, 2])
@pytest.mark.parametrize("point", POINTS)
async def test_a_turn_with_a_harmless_tool_is_answered_once(idle_world: World, point: str, hit: int) -> None:
    world = idle_world
    tool = world.add_tool(ToolDouble("look"))
    await world.start()
    script(world, "look")
    world.parts.crash.arm(point, hit)
    accepted = await world.say("go", connection="web")
    await until(lambda: world.died.is_set() or world.outcome(accepted))
    if world.died.is_set():
        script(world, "look", seen=world.main.asked)
        await world.restart()
    assert list(await world.ended(accepted)) == ["answered"]
    await world.rest()
    assert world.rows("SELECT COUNT(*) AS n FROM deliveries") == [{"n": 1}]
    assert len(tool.runs) in (2, 3)


@pytest.mark.parametrize(
    ("point", "runs", "status"),
    [
        ("op.model_step.before", 1, "ok"),
        ("op.model_step.after", 0, "unknown"),
        ("tool.before", 0, "unknown"),
        ("tool.after", 1, "unknown"),
        ("op.tool_result.before", 1, "unknown"),
        ("op.tool_result.after", 1, "ok"),
    ],
)
async def test_a_tool_that_acts_on_the_world_is_never_repeated(
    idle_world: World, point: str, runs: int, status: str
) -> None:
    world = idle_world
    tool = world.add_tool(ToolDouble("post", effect="external", repeatable=False))
    await world.start()
    world.main.use(("post", "{}"))
    world.parts.crash.arm(point)
    accepted = await world.say("go")
    await world.died.wait()
    if point == "op.model_step.before":
        world.main.use(("post", "{}"))
    await world.restart()
    assert list(await world.ended(accepted)) == ["answered"]
    assert len(tool.runs) == runs
    (result,) = [m for m in world.main.requests[-1].messages if isinstance(m, ToolResult)]
    assert result.status == status
    wanted = "unknown" if status == "unknown" else "done"
    assert world.rows("SELECT state FROM intents WHERE kind = 'tool'") == [{"state": wanted}]


async def test_one_of_two_tools_had_its_result_when_the_process_died(idle_world: World) -> None:
    world = idle_world
    tool = world.add_tool(ToolDouble("post", effect="external", repeatable=False))
    await world.start()
    world.main.use(("post", '{"n":1}'), ("post", '{"n":2}'))
    one = tool.hold()
    two = tool.hold()
    accepted = await world.say("go")
    await two.reached()
    one.release()
    await until(lambda: "tool_result" in world.store.committed)
    await world.restart()
    assert list(await world.ended(accepted)) == ["answered"]
    statuses = [m.status for m in world.main.requests[-1].messages if isinstance(m, ToolResult)]
    assert statuses == ["ok", "unknown"]
    assert len(tool.runs) == 2


async def test_a_lost_call_is_settled_at_its_reserve(world: World) -> None:
    held = world.main.hold()
    accepted = await world.say("go")
    await held.reached()
    await world.restart()
    assert list(await world.ended(accepted)) == ["answered"]
    rows = world.rows(
        "SELECT i.state, l.tokens_in, l.reported FROM intents i JOIN ledger l ON l.intent_id = i.id"
        " WHERE i.kind = 'model' AND l.kind = 'settle' ORDER BY i.id"
    )
    assert [tuple(row.values()) for row in rows] == [("lost", 100, 0), ("done", 10, 1)]
    assert [row["attempt"] for row in world.rows("SELECT attempt FROM intents WHERE kind = 'model' ORDER BY id")] == [
        1,
        2,
    ]


async def test_the_request_is_the_same_after_a_crash(idle_world: World) -> None:
    world = idle_world
    world.add_tool(ToolDouble("look"))
    await world.start()
    await world.ended(await world.say("earlier"))
    world.main.use(("look", "{}"))
    held = world.main.hold()
    accepted = await world.say("go")
    await held.reached()
    before = world.main.requests[-1]
    await world.restart()
    await world.ended(accepted)
    assert world.main.requests[-1] == before


async def test_what_steered_is_still_there_after_a_crash(idle_world: World) -> None:
    world = idle_world
    tool = world.add_tool(ToolDouble("look"))
    await world.start()
    world.main.use(("look", "{}"))
    held, again = tool.hold(), None
    first = await world.say("go")
    await held.reached()
    steering = await world.say("left", mode="steer")
    again = world.main.hold()
    held.release()
    await again.reached()
    before = world.main.requests[-1]
    await world.restart()
    assert list(await world.ended(first, steering)) == ["answered", "absorbed"]
    assert world.main.requests[-1] == before


async def test_a_stop_before_the_crash_holds_after_it(world: World) -> None:
    held = world.main.hold()
    accepted = await world.say("go")
    await held.reached()
    world.parts.crash.arm("intake.acknowledge")
    with pytest.raises(Died):
        await world.say("/stop")
    await world.restart()
    assert list(await world.ended(accepted)) == ["stopped"]
    assert world.main.asked == 1


async def test_an_interrupt_before_the_crash_holds_after_it(world: World) -> None:
    held = world.main.hold()
    accepted = await world.say("go")
    await held.reached()
    world.parts.crash.arm("intake.acknowledge")
    with pytest.raises(Died):
        await world.say("instead", mode="interrupt")
    await world.restart()
    assert list(await world.ended(accepted)) == ["superseded"]
    await world.rest()
    assert world.outcomes() == ["superseded", "answered"]


async def test_a_message_that_kills_three_times_steps_aside(world: World) -> None:
    accepted = await world.say("poison")
    for _ in range(3):
        world.parts.crash.arm("provider.before")
        world.look()
        await until(world.died.is_set, what="the crash")
        await world.restart()
    assert list(await world.ended(accepted)) == ["dead_lettered"]
    await world.rest()
    assert world.platform.texts() == ["Your message could not be worked on; it was put aside for a person to look at."]
    assert world.main.asked == 0
    assert list(await world.ended(await world.say("hello"))) == ["answered"], "the lane goes on"


async def test_progress_makes_it_no_poison(idle_world: World) -> None:
    world = idle_world
    world.add_tool(ToolDouble("look"))
    await world.start()
    accepted = await world.say("go")
    for _ in range(5):
        world.main.use(("look", "{}"))
        world.parts.crash.arm("op.tool_result.after")
        await until(world.died.is_set, what="the crash")
        await world.restart()
    assert list(await world.ended(accepted)) == ["answered"]


async def test_every_acknowledged_message_is_answered_over_a_kill_under_load(world: World) -> None:
    acts = [world.act(f"m{n}", room=f"r{n % 7}", who=f"p{n % 7}") for n in range(70)]
    world.parts.crash.arm("group.after_commit", 10_000)  # the writer's own points are left alone
    sending = asyncio.gather(*(world.accept(act) for act in acts), return_exceptions=True)
    await until(lambda: world.store.committed.count("end_turn") >= 10)
    await world.kill()
    results = await sending
    await world.start()
    for act, result in zip(acts, results, strict=True):
        if isinstance(result, BaseException):
            await world.accept(act)
    await world.rest()
    assert sorted(set(world.outcomes()), key=str) == ["answered"]
    assert len(world.outcomes()) == 70


def script(world: World, tool: str, seen: int = 0) -> None:
    """Two tool steps and an answer, from whatever the journal already holds."""
    world.main.script.clear()
    steps = world.rows("SELECT step FROM steps WHERE step NOT LIKE '%.%'")
    for _ in range(2 - len(steps)):
        world.main.use((tool, "{}"))
    world.main.say("done")
