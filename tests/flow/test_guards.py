"""One guard of the pipeline each: what people would see if it were missing. `make mutants` takes each of them out."""

import asyncio
import hashlib
import hmac
import json
from typing import Any

import msgspec

from quarterdeck.actions.pairing import Pairings
from quarterdeck.flow.budget import CUT_MARK, Past, fit
from quarterdeck.flow.sending import repeat_mark
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.inbound import Acceptance, Duplicate
from quarterdeck.model.message import AssistantMessage, Message, ToolCall, ToolResult, UserMessage, encode
from quarterdeck.ports import Capabilities, MaybeSent, NotSent
from quarterdeck.store.inbox import MAX_TAKES
from quarterdeck.store.operations import Statement, operation
from tests.flow.doubles import Held, ToolDouble
from tests.flow.world import World
from tests.waiting import until

REPEAT_MARK = repeat_mark("en")

LOST = MaybeSent("the connection broke")


def saying(world: World, text: str, **more: Any) -> "asyncio.Task[Acceptance]":
    """An act on its way, not yet answered."""
    return asyncio.create_task(world.say(text, **more))


def asked(world: World, number: int = -1) -> list[str]:
    """What the model was shown in one of its requests: each message's text."""
    return [message.text for message in world.main.requests[number].messages]


async def unheard_stop(world: World, **more: Any) -> "tuple[asyncio.Task[Acceptance], Held]":
    """A stop that is committed while the process that runs the turn has not heard of it, until the gate is released."""
    late = Held()
    world.store.after["accept"].append(late.wait)
    stopping = saying(world, "/stop", **more)
    await late.reached()
    return stopping, late


# --- accepting ------------------------------------------------------------------------------------------------


async def test_nobody_is_told_before_the_act_is_on_disk(world: World) -> None:
    held = Held()
    world.store.before["accept"].append(held.wait)
    saying_it = saying(world, "hello")
    await held.reached()
    assert not saying_it.done()
    assert world.rows("SELECT id FROM inbox") == []
    held.release()
    accepted = await saying_it
    assert world.rows("SELECT id FROM inbox") == [{"id": accepted.inbox_id}]


async def test_an_act_that_comes_twice_is_answered_once(world: World) -> None:
    first = await world.say("hello", key="k")
    assert await world.say("hello", key="k") == Duplicate(first.inbox_id, first.session_id)
    await world.rest()
    assert world.platform.texts() == ["re: hello"]


async def test_an_edit_replaces_what_still_waits(world: World) -> None:
    held = world.main.hold()
    await world.say("start")
    await held.reached()
    wrong = await world.say("wrong", ref="edited")
    right = await world.say("right", ref="edited", edit=True)
    held.release()
    assert list(await world.ended(wrong, right)) == ["superseded", "answered"]
    await world.rest()
    assert world.platform.texts() == ["held", "re: right"]


async def test_what_a_stranger_wrote_before_being_let_in_is_never_answered(idle_world: World) -> None:
    world = idle_world
    world.settings.wire = msgspec.structs.replace(world.settings.wire, dm_policy="pairing")
    await world.start()
    act = world.act("let me in")
    refused = await world.accept(act)
    assert world.outcome(refused) == "refused"
    await world.rest()
    parts = world.parts
    pairings = Pairings(parts.store, parts.directory, parts.auditor, parts.sending, parts.outbox, world.clock)
    (asked_for,) = world.rows("SELECT code FROM pairings")
    await pairings.approve(asked_for["code"], Actor(id="owner", kind="operator"))
    assert isinstance(await world.accept(act), Duplicate)  # the platform brings it again
    await world.rest()
    assert world.main.asked == 0
    hello = await world.say("hello")
    assert list(await world.ended(hello)) == ["answered"]


# --- the fence and the stop -----------------------------------------------------------------------------------


async def test_a_turn_that_lost_its_lane_does_nothing_more(loose_world: World) -> None:
    world = loose_world
    tool = world.add_tool(ToolDouble("look"))
    await world.start()
    answer = Held()
    world.main.use(("look", "{}"), before=answer)
    await world.say("start")
    await answer.reached()
    elsewhere = Statement("elsewhere", "UPDATE sessions SET fence = fence + 1", {}, expect=1)
    await world.store.commit(operation("take", elsewhere))
    answer.release()
    await until(lambda: world.log.named("task.failed") or tool.runs, what="the end of the turn")
    assert tool.runs == []
    assert world.rows("SELECT step FROM steps") == []


async def test_an_answer_that_a_stop_has_overtaken_is_not_said(world: World) -> None:
    stops: list[tuple[asyncio.Task[Acceptance], Held]] = []

    async def stop() -> None:
        stops.append(await unheard_stop(world))

    world.store.before["end_turn"].append(stop)
    accepted = await world.say("hello")
    await world.ended(accepted)
    stops[0][1].release()
    await stops[0][0]
    await world.rest()
    assert world.outcome(accepted) == "stopped"
    assert "re: hello" not in world.platform.texts()


async def test_a_tool_that_a_stop_has_overtaken_is_not_run(loose_world: World) -> None:
    world = loose_world
    tool = world.add_tool(ToolDouble("look"))
    await world.start()
    stops: list[tuple[asyncio.Task[Acceptance], Held]] = []

    async def stop() -> None:
        stops.append(await unheard_stop(world))

    world.store.before["model_step"].append(stop)
    world.main.use(("look", "{}"))
    accepted = await world.say("start")
    await until(lambda: world.look() or tool.runs or world.outcome(accepted), what="the tool, or the end")
    stops[0][1].release()
    await stops[0][0]
    assert tool.runs == []
    assert world.outcome(accepted) == "stopped"
    assert ("tool", "Not started: the turn was stopped.") in world.history()
    leaves = [json.loads(row["leaf"]) for row in world.rows("SELECT leaf FROM audit")]
    assert [leaf for leaf in leaves if leaf["type"] == "tool.intent"] == [], "an effect is recorded that never was"


async def test_after_a_new_conversation_the_model_sees_nothing_of_the_old_one(world: World) -> None:
    await world.say("the secret")
    await world.rest()
    await world.say("/new")
    await world.rest()
    await world.say("what did I say?")
    await world.rest()
    assert asked(world) == ["what did I say?"]


# --- steering -------------------------------------------------------------------------------------------------


async def test_a_message_that_steers_at_the_last_moment_is_taken_in(world: World) -> None:
    more: list[Acceptance] = []

    async def steer() -> None:
        more.append(await world.say("and this", mode="steer"))

    world.store.before["end_turn"].append(steer)
    first = await world.say("this")
    await world.rest()
    assert [world.outcome(one) for one in (first, *more)] == ["answered", "absorbed"]
    assert len(world.rows("SELECT id FROM turns")) == 1


async def test_what_steered_keeps_its_place_over_a_crash(idle_world: World) -> None:
    world = idle_world
    tool = world.add_tool(ToolDouble("look"))
    await world.start()
    world.main.use(("look", "{}"), text="looking")
    running = tool.hold()
    first = await world.say("start")
    await running.reached()
    steering = await world.say("go left", mode="steer")
    asking = world.main.hold()
    running.release()
    await asking.reached()
    before = asked(world)
    assert before == ["start", "looking", "look ran 1", "go left"]
    await world.restart()
    assert list(await world.ended(first, steering)) == ["answered", "absorbed"]
    assert asked(world) == before


# --- the order of a session, and time -------------------------------------------------------------------------


async def test_messages_are_answered_in_their_order(world: World) -> None:
    held = world.main.hold("one")
    await world.say("first")
    await held.reached()
    for text in ("second", "third", "fourth"):
        await world.say(text)
    held.release()
    await world.rest()
    assert world.platform.texts() == ["one", "re: second", "re: third", "re: fourth"]


async def test_what_waited_too_long_is_not_answered_as_if_it_were_new(idle_world: World) -> None:
    world = idle_world
    world.settings.limit(message_ttl_seconds=600.0)
    await world.start()
    held = world.main.hold()
    await world.say("start")
    await held.reached()
    waiting = await world.say("buy now")
    world.clock.ahead += 601
    held.release()
    assert list(await world.ended(waiting)) == ["expired"]
    await world.rest()
    assert world.main.asked == 1
    assert "in time" in world.platform.texts()[-1]


async def test_a_late_answer_says_so(world: World) -> None:
    await world.say("hello", sent_at=world.clock.now() - 301)
    await world.rest()
    (text,) = world.platform.texts()
    assert text.startswith("(A late answer to your message of 20")
    assert text.endswith("re: hello")


async def test_what_kills_the_process_again_and_again_steps_aside(world: World) -> None:
    deadly = await poison(world)
    for _ in range(MAX_TAKES):
        await world.kill()
        held = world.main.hold()
        await world.start()
        await until(lambda held=held: held._reached.is_set() or world.outcome(deadly), what="a call, or the end")
    assert world.outcome(deadly) == "dead_lettered"
    await world.rest()
    assert "put aside" in world.platform.texts()[-1]


async def poison(world: World) -> Acceptance:
    held = world.main.hold()
    accepted = await world.say("deadly")
    await held.reached()
    return accepted


# --- tools and history ----------------------------------------------------------------------------------------


async def test_a_tool_that_must_not_be_repeated_is_not_run_again_after_a_crash(idle_world: World) -> None:
    world = idle_world
    tool = world.add_tool(ToolDouble("pay", effect="external", repeatable=False))
    await world.start()
    world.main.use(("pay", "{}"))
    held = tool.hold()
    accepted = await world.say("pay them")
    await held.reached()
    await world.restart()
    await world.ended(accepted)
    await world.rest()
    assert len(tool.runs) == 1
    assert "Do not repeat it" in asked(world)[-1]


def test_history_is_cut_where_a_person_speaks() -> None:
    call = ToolCall("c1", "look", "{}")
    history: list[Message] = [
        UserMessage("old"),
        AssistantMessage("", (call,)),
        ToolResult("c1", "look", "seen", "ok"),
        AssistantMessage("done"),
        UserMessage("new"),
        AssistantMessage("again"),
    ]
    past = Past(tuple(history), tuple(len(encode(one)) for one in history))
    for limit in range(2, 5):
        assert fit(past, [], 100_000, limit) == [CUT_MARK, *history[4:]]
    assert fit(past, [], 100_000, 6) == history


# --- sending --------------------------------------------------------------------------------------------------


async def test_nothing_is_called_sent_before_the_platform_has_it(world: World) -> None:
    held = world.platform.hold()
    await world.say("hello")
    await held.reached()
    assert world.part_states() == ["sending"]
    held.release()
    await world.rest()
    assert world.part_states() == ["sent"]


async def test_an_answer_whose_fate_is_unknown_comes_again_with_a_mark(world: World) -> None:
    world.platform.answers(LOST)
    await world.say("hello")
    await world.rest()
    assert world.platform.texts() == [f"{REPEAT_MARK}re: hello"]


async def test_an_answer_is_repeated_once_and_no_more(world: World) -> None:
    world.platform.answers(LOST, LOST, arrives=True)
    await world.say("hello")
    await until(lambda: "unknown" in world.part_states() or len(world.platform.texts()) > 2, what="an end of it")
    await world.rest()
    assert world.platform.texts() == ["re: hello", f"{REPEAT_MARK}re: hello"]
    assert world.part_states() == ["unknown"]


async def test_where_the_platform_knows_our_key_a_repeat_shows_nothing_twice(idle_world: World) -> None:
    world = idle_world
    world.settings.capabilities = Capabilities(400, idempotent_sends=True, idempotency_window=60.0)
    await world.start()
    world.platform.answers(LOST, arrives=True)
    await world.say("hello")
    await world.rest()
    assert len(world.platform.calls) == 2
    assert world.platform.texts() == ["re: hello"]


async def test_the_platforms_waiting_time_is_kept(world: World) -> None:
    world.platform.answers(NotSent("slow down", 100.0))
    await world.say("hello")
    await until(lambda: world.part_states() == ["ready"], what="the refused attempt")
    (part,) = world.rows("SELECT not_before - updated_at AS wait FROM parts")
    assert abs(part["wait"] - 100.0) < 1
    assert world.platform.texts() == []
    world.jump(101)
    await world.rest()
    assert world.platform.texts() == ["re: hello"]


async def test_one_rooms_waiting_time_holds_no_other_room(world: World) -> None:
    world.platform.answers(NotSent("slow down", 100.0), room="r1")
    await world.say("hello", room="r1")
    await until(lambda: world.part_states() == ["ready"], what="the refused attempt")
    await world.say("hello", room="r2", who="p2")
    await until(lambda: world.platform.texts("r2"), what="the answer in the other room")
    world.jump(101)
    await world.rest()


async def test_a_room_reads_in_the_order_of_writing(world: World) -> None:
    held = world.platform.hold()
    await world.say("one")
    await held.reached()
    await world.say("two")
    await world.say("three")
    await until(lambda: len(world.part_states()) == 3, what="the answers")
    held.release()
    await world.rest()
    assert world.platform.texts() == ["re: one", "re: two", "re: three"]


# --- the record -----------------------------------------------------------------------------------------------


async def test_a_call_that_failed_is_charged_at_what_was_reserved(world: World) -> None:
    world.main.fail("server", retryable=False)
    await world.say("hello")
    await world.rest()
    ledger = world.rows("SELECT kind, tokens_in, tokens_out FROM ledger ORDER BY kind")
    assert [tuple(row.values()) for row in ledger] == [("reserve", 100, 50), ("settle", 100, 50)]


async def test_the_record_of_a_message_is_bound_to_its_words(world: World) -> None:
    await world.say("hello")
    await world.rest()
    found = world.rows(
        "SELECT a.leaf, a.leaf_hash, c.salt, c.content FROM audit a JOIN audit_content c ON c.audit_id = a.id"
    )
    said = [row for row in found if row["content"] == b"hello"]
    assert len(said) == 1
    for row in found:
        bound = hmac.digest(row["salt"], row["content"], "sha256").hex()
        assert json.loads(row["leaf"]).get("commitment") == bound
        assert row["leaf_hash"] == hashlib.sha256(b"\0" + row["leaf"]).digest()
