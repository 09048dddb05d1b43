"""Hooks at their places: what a change, a denial, a failure, a silence and nonsense come to, and in which order."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from quarterdeck.flow.hooks import HookRule
from quarterdeck.model.action import ToolRun
from quarterdeck.model.hook import (
    Deny,
    HookContext,
    HookEvent,
    HookOutcome,
    HookReply,
    ModelSubject,
    RouteSubject,
    SendSubject,
    ShownMessage,
    ToolSubject,
)
from quarterdeck.model.message import ToolResult, UserMessage
from quarterdeck.ports import Capabilities
from tests.flow.doubles import ToolDouble
from tests.flow.world import World
from tests.waiting import until

PLACES = ("route", "model", "tool", "send")
ALL = [f"{when}_{place}" for when in ("before", "after") for place in PLACES]
pytestmark = pytest.mark.proves(*(f"hook.{point}" for point in ALL), "plugin.hook", "G3")

Do = Callable[[HookEvent], Awaitable[Any]]


class HookDouble:
    """A hook that keeps what it was shown and does what the test says."""

    def __init__(self, do: Do | None = None) -> None:
        self.events: list[HookEvent] = []
        self.do = do

    async def before(self, event: HookEvent) -> HookReply:
        self.events.append(event)
        return await self.do(event) if self.do else None

    async def after(self, event: HookEvent) -> None:
        self.events.append(event)
        if self.do:
            await self.do(event)

    async def close(self) -> None:
        return

    def on(self, point: str) -> list[HookEvent]:
        return [event for event in self.events if event.on == point]


def hook(
    world: World, *on: str, do: Do | None = None, name: str = "h", lenient: bool = False, seconds: float = 5.0
) -> HookDouble:
    double = HookDouble(do)
    world.hooks.append(HookRule(name, frozenset(on), double, seconds, lenient))
    return double


def changed(subject: Any) -> Any:
    match subject:
        case RouteSubject():
            return msgspec.structs.replace(subject, text="other words")
        case ModelSubject():
            messages = tuple(msgspec.structs.replace(one, text=f"{one.text}, please") for one in subject.messages)
            return msgspec.structs.replace(subject, system="Be brief.", messages=messages)
        case ToolSubject():
            return msgspec.structs.replace(subject, arguments='{"n":5}')
        case SendSubject():
            return msgspec.structs.replace(subject, text=f"[{subject.text}]")


async def change(event: HookEvent) -> Any:
    return changed(event.subject)


async def deny(event: HookEvent) -> Any:
    return Deny("it is not done here", "Ask Ada.")


async def fail(event: HookEvent) -> Any:
    raise RuntimeError("a bug")


async def leave(event: HookEvent) -> Any:
    raise SystemExit(3)


async def cancel(event: HookEvent) -> Any:
    raise asyncio.CancelledError


async def slow(event: HookEvent) -> Any:
    await asyncio.Event().wait()


async def nonsense(event: HookEvent) -> Any:
    return {"deny": True}


async def odd(event: HookEvent) -> Any:
    """A subject of the right type with fields of the wrong one."""
    name = event.subject.__struct_fields__[-1]
    return msgspec.structs.replace(event.subject, **{name: 5})


async def other(event: HookEvent) -> Any:
    return SendSubject("answer", "x") if not isinstance(event.subject, SendSubject) else ToolSubject("t", "{}")


FAILURES = {
    "fail": fail, "leave": leave, "cancel": cancel, "slow": slow, "nonsense": nonsense, "odd": odd, "other": other
}  # fmt: skip


async def turn(world: World) -> tuple[ToolDouble, Any]:
    """One turn that passes every place: a message, a call of a tool, an answer."""
    tool = world.add_tool(ToolDouble("look", effect="external"))
    await world.start()
    world.main.use(("look", '{"n":1}'))
    world.main.say("done")
    accepted = await world.say("hello")
    await world.rest()
    return tool, world.outcome(accepted)


def records(world: World, kind: str) -> list[tuple[str, str]]:
    """(rule, content) of the audit's records of one kind."""
    found: list[tuple[str, str]] = []
    sql = "SELECT a.leaf, c.content FROM audit a LEFT JOIN audit_content c ON c.audit_id = a.id"
    for row in world.rows(sql):
        leaf = json.loads(row["leaf"])
        if leaf["type"] == kind:
            found.append((leaf["decision"]["rule"], (row["content"] or b"").decode()))
    return found


# --- before ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
async def test_a_hook_that_lets_pass_changes_nothing(idle_world: World, place: str) -> None:
    seen = hook(idle_world, f"before_{place}")
    tool, outcome = await turn(idle_world)
    assert outcome == "answered"
    assert idle_world.platform.texts() == ["done"]
    assert [run.arguments for run in tool.runs] == ['{"n":1}']
    assert seen.events
    assert {event.on for event in seen.events} == {f"before_{place}"}
    assert records(idle_world, "hook.changed") == []


async def test_route_changed(idle_world: World) -> None:
    hook(idle_world, "before_route", do=change)
    await turn(idle_world)
    assert idle_world.history()[0] == ("user", "other words")
    assert records(idle_world, "hook.changed") == [("hook:h", "before_route")]


async def test_model_changed(idle_world: World) -> None:
    """What was changed is what goes out: the permit was spent on it."""
    world = idle_world
    hook(world, "before_model", do=change)
    _, outcome = await turn(world)
    assert outcome == "answered"
    assert [request.system for request in world.main.requests] == ["Be brief.", "Be brief."]
    asked = [m.text for m in world.main.requests[0].messages if isinstance(m, UserMessage)]
    assert asked == ["hello, please"]
    assert world.history()[0] == ("user", "hello")  # what the person wrote stays what it was


async def test_tool_changed(idle_world: World) -> None:
    world = idle_world
    hook(world, "before_tool", do=change)
    tool, outcome = await turn(world)
    assert outcome == "answered"
    (run,) = tool.runs
    assert run.arguments == '{"n":5}'
    digest = ToolRun("look", '{"n":5}', run.turn, run.step, "external", repeatable=True).digest()
    assert world.rows("SELECT digest FROM intents WHERE kind = 'tool'") == [{"digest": digest}]


async def test_send_changed(idle_world: World) -> None:
    """People read the changed text, and the history has what they read."""
    world = idle_world
    hook(world, "before_send", do=change)
    await turn(world)
    assert world.platform.texts() == ["[done]"]
    assert world.history()[-1] == ("assistant", "[done]")


async def test_route_denied(idle_world: World) -> None:
    world = idle_world
    hook(world, "before_route", do=deny)
    _, outcome = await turn(world)
    assert outcome == "refused"
    assert world.rows("SELECT detail FROM inbox") == [{"detail": "hook:h"}]
    assert world.platform.texts() == ["Your message was not accepted: it is not done here. Ask Ada."]
    assert records(world, "route.denied") == [("hook:h", "Denied by hook:h: it is not done here. Ask Ada.")]
    assert world.main.asked == 0


async def test_model_denied(idle_world: World) -> None:
    world = idle_world
    hook(world, "before_model", do=deny)
    world.settings.let(fallback=("spare/m",))
    _, outcome = await turn(world)
    assert outcome == "failed"
    assert (world.main.asked, world.spare.asked) == (0, 0)
    assert world.rows("SELECT id FROM intents WHERE kind = 'model'") == []
    assert world.platform.texts() == ["I may not ask my model about this: it is not done here. Ask Ada."]
    assert records(world, "model.denied") == [("hook:h", "Denied by hook:h: it is not done here. Ask Ada.")]


async def test_a_model_denied_after_a_tool_ran_loses_no_result(idle_world: World) -> None:
    world = idle_world

    async def after_the_tool(event: HookEvent) -> Any:
        assert isinstance(event.subject, ModelSubject)
        return await deny(event) if event.subject.messages[-1].role == "tool" else None

    hook(world, "before_model", do=after_the_tool)
    tool, outcome = await turn(world)
    assert (len(tool.runs), outcome) == (1, "failed")
    assert ("tool", "look ran 1") in world.history()


async def test_tool_denied(idle_world: World) -> None:
    world = idle_world
    hook(world, "before_tool", do=deny)
    tool, outcome = await turn(world)
    assert (tool.runs, outcome) == ([], "answered")
    (result,) = [m for m in world.main.requests[-1].messages if isinstance(m, ToolResult)]
    assert (result.status, result.text) == ("denied", "Denied by hook:h: it is not done here. Ask Ada.")
    assert world.rows("SELECT id FROM intents WHERE kind = 'tool'") == []
    assert records(world, "tool.denied") == [("hook:h", "Denied by hook:h: it is not done here. Ask Ada.")]


async def test_send_denied(idle_world: World) -> None:
    """The delivery is refused, its text is nowhere that people look, and they are told."""
    world = idle_world
    hook(world, "before_send", do=deny)
    _, outcome = await turn(world)
    assert outcome == "answered"
    told = "What I was going to say here is held back by hook:h: it is not done here. Ask Ada."
    assert world.platform.texts() == [told]
    parts = world.rows("SELECT state, text, error FROM parts ORDER BY seq")
    assert parts == [
        {"state": "refused", "text": "", "error": "hook:h: it is not done here"},
        {"state": "sent", "text": told, "error": ""},
    ]
    assert world.history()[-1] == ("assistant", told)
    assert records(world, "send.denied") == [("hook:h", "Denied by hook:h: it is not done here. Ask Ada.")]


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("place", PLACES)
async def test_a_hook_that_fails_denies(idle_world: World, place: str, how: str) -> None:
    """Without a word about it in the configuration nothing happens that a hook did not see."""
    world = idle_world
    hook(world, f"before_{place}", do=FAILURES[how], seconds=0.05)
    tool, outcome = await turn(world)
    ((rule, told),) = records(world, f"{place}.denied")
    assert rule == "hook:h"
    assert told.startswith("Denied by hook:h: the hook h failed: ")
    assert outcome == {"route": "refused", "model": "failed"}.get(place, "answered")
    assert len(tool.runs) == (1 if place == "send" else 0)
    assert len(world.log.named("hook.failed")) == 1
    assert "done" not in world.platform.texts() or place == "tool"


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("place", PLACES)
async def test_a_hook_that_may_fail_lets_pass(idle_world: World, place: str, how: str) -> None:
    world = idle_world
    hook(world, f"before_{place}", do=FAILURES[how], seconds=0.05, lenient=True)
    tool, outcome = await turn(world)
    assert (outcome, len(tool.runs)) == ("answered", 1)
    assert world.platform.texts() == ["done"]
    assert [rule for rule, _ in records(world, "hook.passed")][:1] == ["hook:h"]  # it is on record that nobody looked


@pytest.mark.parametrize("place", PLACES)
async def test_a_denial_is_never_passed_over(idle_world: World, place: str) -> None:
    """`on_failure = "pass"` is about failures only."""
    hook(idle_world, f"before_{place}", do=deny, lenient=True)
    await turn(idle_world)
    assert len(records(idle_world, f"{place}.denied")) == 1


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        (RouteSubject("nobody", "main/m", "x"), "there is no assistant 'nobody'"),
        (RouteSubject("default", "main/secret", "x"), "no assistant has a model 'main/secret'"),
        (RouteSubject("default", "main/m", " "), "the text is empty"),
        (ToolSubject("look", '{"n":"five"}'), "n"),
        (ToolSubject("look", "no json"), "arguments"),
        (ToolSubject("other", "{}"), "what may not be changed"),
        (ModelSubject("spare/m", "", (ShownMessage("user", "x"),)), "what may not be changed"),
        (ModelSubject("main/m", "", ()), "what may not be changed"),
        (ModelSubject("main/m", "", (ShownMessage("assistant", "x"),)), "what may not be changed"),
        (SendSubject("notice", "x"), "what may not be changed"),
        (SendSubject("answer", ""), "the text is empty"),
    ],
)
async def test_a_change_that_cannot_be_used_is_a_failure(idle_world: World, subject: Any, reason: str) -> None:
    async def do(event: HookEvent) -> Any:
        return subject

    place = type(subject).__name__.removesuffix("Subject").lower()
    hook(idle_world, f"before_{place}", do=do)
    await turn(idle_world)
    ((_, told),) = records(idle_world, f"{place}.denied")
    assert reason in told


async def test_hooks_run_in_their_order_and_see_what_came_before(idle_world: World) -> None:
    """Each is shown what those before it made of it; a denial ends it, and those behind are not asked."""
    world = idle_world

    def adding(mark: str) -> Do:
        async def add(event: HookEvent) -> Any:
            assert isinstance(event.subject, RouteSubject)
            return msgspec.structs.replace(event.subject, text=event.subject.text + mark)

        return add

    hook(world, "before_route", do=adding("a"), name="one")
    second = hook(world, "before_route", do=adding("b"), name="two")
    hook(world, "before_send", do=deny, name="three")
    fourth = hook(world, "before_send", name="four")
    await turn(world)
    assert world.history()[0] == ("user", "helloab")
    assert [event.subject for event in second.events] == [RouteSubject("default", "main/m", "helloa")]
    assert fourth.events == []
    assert [rule for rule, _ in records(world, "send.denied")] == ["hook:three"]


async def test_what_a_hook_is_shown(idle_world: World) -> None:
    world = idle_world
    seen = hook(world, *ALL)
    tool, _ = await turn(world)
    await until(lambda: len(seen.events) >= 10, what="all events")
    kinds = [event.on for event in seen.events]
    assert {one: kinds.count(one) for one in ALL} == {
        "before_route": 1, "after_route": 1, "before_model": 2, "after_model": 2,
        "before_tool": 1, "after_tool": 1, "before_send": 1, "after_send": 1,
    }  # fmt: skip
    assert len({event.id for event in seen.events}) == len(seen.events)
    assert seen.on("before_route")[0].subject == RouteSubject("default", "main/m", "hello")
    asked = seen.on("before_model")[1].subject
    assert isinstance(asked, ModelSubject)
    assert [(one.role, one.text) for one in asked.messages] == [
        ("user", "hello"), ("assistant", ""), ("tool", "look ran 1")
    ]  # fmt: skip
    run = seen.on("before_tool")[0]
    assert run.subject == ToolSubject("look", '{"n":1}')
    assert (run.about.assistant, run.about.connection, run.about.turn) == ("default", "wire", tool.runs[0].turn)
    outcomes = {event.on: event.outcome.state for event in seen.events if event.outcome}
    assert outcomes == {"after_route": "accepted", "after_model": "stop", "after_tool": "ok", "after_send": "sent"}
    assert seen.on("after_send")[0].subject == SendSubject("answer", "done")


# --- after ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["change", "deny", *FAILURES])
@pytest.mark.parametrize("place", PLACES)
async def test_who_looks_on_changes_and_stops_nothing(idle_world: World, place: str, how: str) -> None:
    world = idle_world
    do = {"change": change, "deny": deny, **FAILURES}[how]
    seen = hook(world, f"after_{place}", do=do, seconds=0.05)
    tool, outcome = await turn(world)
    assert (outcome, [run.arguments for run in tool.runs]) == ("answered", ['{"n":1}'])
    assert world.platform.texts() == ["done"]
    assert world.history()[-1] == ("assistant", "done")
    await until(lambda: seen.events, what="the event")
    lost = how in ("fail", "leave", "cancel", "slow")  # the others replied, and nobody listens
    await until(lambda: bool(counted(world, f"after_{place}", "lost")) == lost, what="what is counted")


def counted(world: World, point: str, result: str) -> float:
    """The metric of a hook's calls."""
    wanted = {"hook": "h", "on": point, "result": result}
    return world.parts.services.metrics.registry.get_sample_value("quarterdeck_hooks_total", wanted) or 0.0


async def test_what_nobody_takes_is_lost_and_counted(idle_world: World) -> None:
    """A hook that is slow holds up nobody: its events fill a bounded queue, and then they are dropped."""
    world = idle_world
    hook(world, "after_send", do=slow, seconds=60)
    await world.start()
    hooks = world.parts.sending.hooks
    assert hooks is not None
    for _ in range(1_100):
        hooks.after(SendSubject("answer", "x"), HookContext(), HookOutcome("sent"))
    assert counted(world, "after_send", "lost") == 100
    await world.ended(await world.say("hello"))


async def test_failures_are_told_too(idle_world: World) -> None:
    world = idle_world
    seen = hook(world, "after_model", "after_send", "after_route")
    await world.start()
    world.main.fail("invalid", retryable=False)
    await world.say("hello")
    await world.rest()
    await until(lambda: len(seen.events) >= 3, what="the events")
    (failed,) = [event.outcome for event in seen.on("after_model")]
    assert failed is not None
    assert (failed.state, failed.detail) == ("failed", "it is invalid")


# --- beside ---------------------------------------------------------------------------------------------------


async def test_commands_do_not_wait_for_hooks(idle_world: World) -> None:
    world = idle_world
    seen = hook(world, "before_route", do=slow)
    await world.start()
    assert await world.ended(await world.say("/status")) == ["command"]
    assert seen.events == []


async def test_a_repeated_act_is_not_asked_again(idle_world: World) -> None:
    world = idle_world
    seen = hook(world, "before_route")
    await world.start()
    await world.say("hello", key="same")
    await world.say("hello", key="same")
    assert len(seen.events) == 1


async def test_a_route_to_another_assistant_and_model(idle_world: World) -> None:
    """The act goes into a conversation of its own, which keeps the model that was chosen."""
    world = idle_world
    world.settings.let(fallback=("spare/m",))

    async def do(event: HookEvent) -> Any:
        assert isinstance(event.subject, RouteSubject)
        return msgspec.structs.replace(event.subject, model="spare/m")

    hook(world, "before_route", do=do)
    await world.start()
    await world.ended(await world.say("hello"))
    assert (world.main.asked, world.spare.asked) == (0, 1)
    assert world.rows("SELECT model FROM sessions") == [{"model": "spare/m"}]


async def test_while_texts_are_screened_nothing_is_streamed(idle_world: World) -> None:
    """Neither edits on a platform nor pieces to the page: the first that people see is what hooks have seen."""
    world = idle_world
    world.settings.capabilities = Capabilities(400, edits=True)
    world.settings.wire = msgspec.structs.replace(world.settings.wire, streaming=True)
    hook(world, "before_send", do=change)
    await world.start()
    with world.parts.live.watch(world.session()) as watcher:
        reply = world.main.say("one two", deltas=("one ", "two"))
        assert reply.deltas
        await world.ended(await world.say("hello"))
        await world.rest()
        assert await watcher.next(0.1) == []
    assert [kind for kind, _, _ in world.platform.calls] == ["send"]
    assert world.platform.texts() == ["[one two]"]


async def test_a_stop_ends_a_wait_for_a_hook(idle_world: World) -> None:
    world = idle_world
    seen = hook(world, "before_model", do=slow, seconds=60)
    await world.start()
    accepted = await world.say("hello")
    await until(lambda: seen.events, what="the hook to be asked")
    await world.say("/stop")
    assert await world.ended(accepted) == ["stopped"]


async def test_a_kill_between_hook_and_commit_asks_again(idle_world: World) -> None:
    """At least once: the hook had its say, the operation did not happen, so the next life asks again."""
    world = idle_world
    seen = hook(world, "before_tool")
    tool = world.add_tool(ToolDouble("look"))
    await world.start()
    world.main.use(("look", '{"n":1}'))
    world.main.say("again", calls=world.main.script[0].calls, finish="tool_calls")
    world.main.say("done")
    world.parts.crash.arm("op.model_step.before")
    await world.say("hello")
    async with asyncio.timeout(10):
        await world.died.wait()
    await world.restart()
    await world.rest()
    assert len(seen.events) == 2
    assert len(tool.runs) == 1
    assert world.platform.texts() == ["done"]


async def test_a_message_to_another_room_that_is_denied_is_told_to_the_model(idle_world: World) -> None:
    world = idle_world

    async def not_there(event: HookEvent) -> Any:
        assert isinstance(event.subject, SendSubject)
        return await deny(event) if event.subject.kind == "message" else None

    hook(world, "before_send", do=not_there)
    world.settings.let(tools=("send_message",))
    await world.start()
    await world.ended(await world.say("I am here", room="r2", who="p2"))
    world.main.use(("send_message", '{"room":"r2","text":"psst"}'))
    await world.ended(await world.say("tell them"))
    await world.rest()
    (result,) = [m for m in world.main.requests[-1].messages if isinstance(m, ToolResult)]
    assert (result.status, result.text) == ("error", "Denied by hook:h: it is not done here. Ask Ada.")
    assert world.platform.texts("r2") == ["re: I am here"]
    assert world.rows(
        "SELECT p.state FROM parts p JOIN deliveries d ON d.id = p.delivery_id WHERE d.kind = 'message'"
    ) == [{"state": "refused"}]
