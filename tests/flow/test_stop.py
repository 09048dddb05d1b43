"""What a stop leaves behind: nothing that is sent later, nothing that nobody was told of, and what was seen stays."""

from typing import Any

import msgspec
import pytest

from quarterdeck.actions.deliveries import Deliveries
from quarterdeck.actions.inbox import Inbox
from quarterdeck.actions.resets import Resets
from quarterdeck.base.errors import Conflict
from quarterdeck.governance.leaf import Actor
from quarterdeck.ports import Capabilities, MaybeSent, ModelProfile, NotSent
from quarterdeck.store import events
from tests.flow.doubles import Answer, Held
from tests.flow.test_guards import unheard_stop
from tests.flow.world import World
from tests.waiting import until

CUT = "The answer to this was {} before it was finished."
PERSON = Actor(id="p", kind="person")


async def told(world: World, session: str, kind: str) -> list[dict[str, Any]]:
    """The session's events of a kind."""
    found = await events.after(world.store, session, 0, 500)
    return [msgspec.json.decode(event.data) for event in found if event.kind == kind]


def growing(world: World, text: str, *deltas: str) -> Held:
    """The next answer stops behind its pieces."""
    held = Held()
    world.main.say(text, deltas=deltas, after=held)
    return held


def parts(world: World) -> list[tuple[str, str]]:
    return [(row["state"], row["error"]) for row in world.rows("SELECT state, error FROM parts ORDER BY seq")]


# --- what ended is told ---------------------------------------------------------------------------------------


@pytest.mark.proves("event.inbox.ended")
async def test_a_stop_tells_what_waited(world: World) -> None:
    held = world.main.hold()
    running = await world.say("one")
    await held.reached()
    waiting = [(await world.say(text)).inbox_id for text in ("two", "three")]
    stop = await world.say("/stop")
    await world.rest()
    assert await told(world, running.session_id, "inbox.ended") == [
        {"inbox": waiting, "outcome": "stopped", "by": stop.inbox_id}
    ]
    assert [one["inbox"] for one in await told(world, running.session_id, "turn.ended")] == [[running.inbox_id]]


async def test_a_stop_where_nothing_waits_tells_of_nothing(world: World) -> None:
    stop = await world.say("/stop")
    await world.rest()
    assert await told(world, stop.session_id, "inbox.ended") == []


async def test_an_edit_tells_what_it_replaced(world: World) -> None:
    held = world.main.hold()
    await world.say("one")
    await held.reached()
    old = await world.say("helo", ref="m")
    new = await world.say("hello", ref="m", edit=True)
    held.release()
    await world.rest()
    assert await told(world, new.session_id, "inbox.ended") == [
        {"inbox": [old.inbox_id], "outcome": "superseded", "by": new.inbox_id}
    ]


async def test_a_reset_by_whoever_operates_tells_and_holds_too(world: World) -> None:
    world.platform.answers(NotSent("slow down", 3600))
    held = Held()
    first = await world.say("one")
    await until(lambda: parts(world) == [("ready", "slow down")])
    world.main.say("two", before=held)
    await world.say("two")
    await held.reached()
    waiting = await world.say("three")
    p = world.parts
    await Resets(world.store, p.auditor, p.lanes, p.live, world.clock).reset(first.session_id, PERSON)
    await world.rest()
    ended = await told(world, first.session_id, "inbox.ended")
    assert ended == [{"inbox": [waiting.inbox_id], "outcome": "stopped", "by": "p"}]
    assert parts(world) == [("held", "stopped")]


# --- what is not sent yet is held -----------------------------------------------------------------------------


async def backed_off(world: World, text: str = "one") -> str:
    """An answer that is ready and not sent; its session."""
    world.platform.answers(NotSent("slow down", 3600))
    accepted = await world.say(text)
    await until(lambda: ("ready", "slow down") in parts(world), what="the room's back-off")
    return accepted.session_id


async def test_an_answer_that_is_not_sent_yet_is_held(world: World) -> None:
    world.main.say("a" * 336 + "b")
    session = await backed_off(world)
    await world.say("/stop")
    await world.rest()
    assert world.platform.texts() == ["Stopped."]
    assert parts(world) == [("held", "stopped"), ("held", "stopped"), ("sent", "")]
    states = [(one["part"], one["state"]) for one in await told(world, session, "delivery.state")]
    assert states == [(0, "held"), (1, "held"), (0, "sent")]
    await world.restart()
    world.jump(7200)
    await world.say("next")
    await world.rest()
    assert world.platform.texts() == ["Stopped.", "re: next"]


async def test_what_is_not_an_answer_of_the_session_is_sent_all_the_same(world: World) -> None:
    await backed_off(world)
    await world.say("/help")
    await until(lambda: len(parts(world)) >= 2)
    before = len(parts(world))  # the one in back-off, and the parts of /help
    await world.say("other", who="p2")  # another session in the same room
    await until(lambda: len(parts(world)) == before + 1)
    await world.say("/stop")
    await world.rest()
    helped, *others = world.platform.texts()
    assert (helped[:4], others[-2:]) == ("What", ["re: other", "Stopped."])


async def test_a_stop_beside_the_next_attempt_comes_first_or_not_at_all(world: World) -> None:
    await backed_off(world)
    world.store.before["send_intent"].append(lambda: world.say("/stop"))
    world.jump(3601)
    await world.rest()
    assert world.platform.texts() == ["Stopped."]
    assert parts(world) == [("held", "stopped"), ("sent", "")]


@pytest.mark.parametrize(
    ("result", "state"),
    [(NotSent("busy", 0.01), "held"), (MaybeSent("no answer"), "unknown")],
)
@pytest.mark.parametrize("idempotent", [False, True])
async def test_what_was_being_sent_at_the_stop_is_not_tried_again(
    idle_world: World, result: Any, state: str, idempotent: bool
) -> None:
    world = idle_world
    world.settings.capabilities = Capabilities(400, idempotent_sends=idempotent, idempotency_window=60)
    await world.start()
    world.platform.manual = True
    accepted = await world.say("one")
    await until(lambda: world.platform.waiting)
    await world.say("/stop")
    world.platform.manual = False
    world.platform.waiting[0].set_result(Answer(result, arrives=False))
    await until(lambda: parts(world)[0][0] == state, what=f"the part to be {state}")
    await world.rest()
    assert world.platform.texts() == ["Stopped."]
    states = [one["state"] for one in await told(world, accepted.session_id, "delivery.state")]
    assert states == [state, "sent"]


async def test_what_was_being_sent_at_the_stop_and_arrived_is_sent(world: World) -> None:
    held = world.platform.hold()
    await world.say("one")
    await held.reached()
    await world.say("/stop")
    held.release()
    await world.rest()
    assert world.platform.texts() == ["re: one", "Stopped."]
    assert [state for state, _ in parts(world)] == ["sent", "sent"]


async def test_a_crash_in_the_act_repeats_nothing_that_a_stop_covers(world: World) -> None:
    held = world.platform.hold()
    await world.say("one")
    await held.reached()
    await world.say("/stop")
    await world.restart()
    await world.rest()
    assert world.platform.texts() == ["re: one", "Stopped."]
    assert [state for state, _ in parts(world)] == ["unknown", "sent"]


async def test_an_answer_that_was_steered_is_not_said_behind_a_stop(world: World) -> None:
    """What steers came behind the stop, of which the process that runs the turn has not heard."""
    held = world.main.hold("too late")
    first = await world.say("one")
    await held.reached()
    stopping, late = await unheard_stop(world)
    more = await world.say("more", mode="steer")
    held.release()
    assert list(await world.ended(first)) == ["stopped"]
    late.release()
    await stopping
    await world.rest()
    assert sorted(world.platform.texts()) == ["Stopped.", "re: more"]
    assert world.outcome(more) == "answered"


@pytest.mark.parametrize("tried", [False, True])
async def test_a_person_may_have_a_held_answer_sent(world: World, tried: bool) -> None:
    world.main.say("a" * 336 + "b")
    session = await backed_off(world)
    await world.say("/stop")
    await world.rest()
    delivery = world.rows("SELECT delivery_id FROM parts ORDER BY seq")[0]["delivery_id"]
    p = world.parts
    if tried:
        world.platform.answers(NotSent("busy", 0.01))
    assert await Deliveries(world.store, p.auditor, p.outbox, p.live, world.clock).resend(delivery, PERSON) == 2
    await world.rest()
    stopped, first, second = world.platform.texts()
    assert stopped == "Stopped."
    assert first.endswith("a" * 336)  # it was tried before, so it is marked
    assert second == "b"  # never tried: certainly no repeat
    states = [(one["part"], one["state"]) for one in await told(world, session, "delivery.state")]
    assert states[3:] == [(0, "ready"), (1, "ready"), (0, "sent"), (1, "sent")]


async def test_a_repeat_that_a_person_asks_for_beside_the_next_attempt_is_marked(world: World) -> None:
    await backed_off(world)
    p = world.parts
    deliveries = Deliveries(world.store, p.auditor, p.outbox, p.live, world.clock)

    async def held_and_sent_again() -> None:
        await world.say("/stop")
        await deliveries.resend(world.rows("SELECT delivery_id FROM parts ORDER BY seq")[0]["delivery_id"], PERSON)

    world.store.before["send_intent"].append(held_and_sent_again)
    world.jump(3601)
    await world.rest()
    (again,) = [text for text in world.platform.texts() if text.endswith("re: one")]
    assert again != "re: one", "what it was cut to before has no mark"


@pytest.mark.parametrize("mode", ["followup", "steer"])
async def test_what_is_brought_back_beside_a_stop_stays_where_it_is(world: World, mode: Any) -> None:
    """It would wait behind a stop that covers it: no turn could take it, and none of what comes behind it."""
    world.main.fail("server", retryable=False)
    first = await world.say("one", mode=mode)
    assert list(await world.ended(first)) == ["failed"]
    p = world.parts
    letters = Inbox(world.store, p.directory, p.auditor, world.clock, p.lanes.wake)
    world.store.before["retry_inbox"].append(lambda: world.say("/stop"))
    with pytest.raises(Conflict, match="stopped"):
        await letters.retry(first.inbox_id, PERSON)
    assert list(await world.ended(await world.say("two"))) == ["answered"]
    assert world.outcome(first) == "failed"


# --- what was seen stays --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "outcome"), [({"text": "/stop"}, "stopped"), ({"text": "two", "mode": "interrupt"}, "superseded")]
)
async def test_what_had_grown_in_our_own_door_stays(world: World, how: dict[str, Any], outcome: str) -> None:
    growing(world, "never", "half ", "an ans")
    first = await world.say("one", connection="web")
    await until(lambda: world.main.asked == 1)
    await world.say(**how, connection="web")
    assert list(await world.ended(first)) == [outcome]
    await world.rest()
    session = world.session(connection="web")
    assert world.history(session)[:3] == [("user", "one"), ("assistant", "half an ans"), ("event", CUT.format(outcome))]
    shown = await told(world, session, "delivery")
    partial = next(one for one in shown if one.get("partial"))
    assert (partial["kind"], partial["text"], partial["state"]) == ("answer", "half an ans", "sent")
    assert sum("partial" in one for one in shown) == 1


async def test_the_model_is_told_what_it_had_said(world: World) -> None:
    growing(world, "never", "half an ans")
    await world.say("one", connection="web")
    await until(lambda: world.main.asked == 1)
    await world.say("/stop", connection="web")
    await world.rest()
    await world.say("two", connection="web")
    await world.rest()
    said = [(type(m).__name__, m.text) for m in world.main.requests[-1].messages]
    assert said == [
        ("UserMessage", "one"), ("AssistantMessage", "half an ans"), ("SystemEvent", CUT.format("stopped")),
        ("UserMessage", "two"),
    ]  # fmt: skip


async def test_what_grew_where_nobody_could_see_it_is_not_called_said(world: World) -> None:
    growing(world, "never", "half an ans")
    await world.say("one")
    await until(lambda: world.main.asked == 1)
    await world.say("/stop")
    await world.rest()
    assert world.platform.texts() == ["Stopped."]
    assert world.history() == [("user", "one"), ("event", CUT.format("stopped"))]


async def test_the_message_that_grew_says_that_it_was_stopped(idle_world: World) -> None:
    world = idle_world
    world.settings.capabilities = Capabilities(400, edits=True)
    world.settings.wire = msgspec.structs.replace(world.settings.wire, streaming=True)
    world.main.profiles["m"] = ModelProfile(label="(a demo)")
    await world.start()
    growing(world, "never", "half")
    await world.say("one")
    await until(lambda: "stream_id" in world.store.committed)
    await world.say("/stop")
    await world.rest()
    assert sorted(world.platform.texts()) == ["Stopped.", "half\n\n(a demo)\n\nStopped."]
    assert world.history() == [("user", "one"), ("assistant", "half"), ("event", CUT.format("stopped"))]
    await world.say("/stop")
    await world.rest()
    assert "held" not in world.part_states()


async def test_an_answer_that_was_whole_when_the_stop_came_stays_as_it_was_seen(world: World) -> None:
    stops: list[Any] = []

    async def stop() -> None:
        stops.append(await unheard_stop(world, connection="web"))

    world.store.before["end_turn"].append(stop)
    world.main.say("the whole answer", deltas=("the whole ", "answer"))
    first = await world.say("one", connection="web")
    assert list(await world.ended(first)) == ["stopped"]
    stops[0][1].release()
    await stops[0][0]
    await world.rest()
    assert world.history(world.session(connection="web"))[1] == ("assistant", "the whole answer")


async def test_what_was_said_before_a_tool_is_not_said_twice(world: World) -> None:
    """A stop between a tool's result and the model's next word: the text before the tool is in the history once."""
    world.main.use(("send_message", "{"), text="let me see", deltas=("let me see",))
    world.store.before["model_intent"].append(lambda: world.say("/stop", connection="web"))
    await world.say("one", connection="web")
    await world.rest()
    texts = [text for _, text in world.history(world.session(connection="web"))]
    assert texts.count("let me see") == 1
    assert texts[-1] == CUT.format("stopped")
