"""Durable point 7: sends, in the order of their room, and what becomes of each."""

import msgspec
import pytest

from quarterdeck.base.errors import Retry
from quarterdeck.flow.sending import repeat_mark
from quarterdeck.ports import Capabilities, MaybeSent, NotSent, SendRefused
from quarterdeck.store import outbox
from quarterdeck.store.operations import operation
from tests.flow.doubles import RETRY_SOON, Held
from tests.flow.world import World
from tests.waiting import until

REPEAT = repeat_mark("en")


async def test_a_long_answer_is_sent_in_order(world: World) -> None:
    world.main.say("a" * 336 + "b" * 336 + "c")
    await world.say("go")
    await world.rest()
    assert [text[0] for text in world.platform.texts()] == ["a", "b", "c"]


async def test_a_room_keeps_its_order_over_failures(world: World) -> None:
    world.main.say("a" * 336 + "b")
    world.platform.answers(RETRY_SOON, RETRY_SOON)
    await world.say("go")
    await world.say("next")
    await world.rest()
    assert [text[0] for text in world.platform.texts()] == ["a", "b", "r"]


async def test_rooms_do_not_wait_for_each_other(world: World) -> None:
    held = world.platform.hold(room="r1")
    await world.say("one")
    await held.reached()
    await world.say("two", room="r2", who="p2")
    await until(lambda: world.platform.texts("r2") == ["re: two"])
    held.release()


async def test_what_a_busy_room_is_sent_does_not_ride(world: World) -> None:
    held = world.platform.hold(room="r1")
    await world.say("one")
    await held.reached()
    world.store.committed.clear()
    accepted = await world.say("two")
    await world.ended(accepted)
    assert "ready" in world.part_states()
    held.release()
    await world.rest()
    assert world.store.committed == ["accept", "take", "end_turn", "send_outcome", "send_intent", "send_outcome"]
    assert world.platform.texts() == ["re: one", "re: two"]


async def test_a_platform_that_says_when_is_obeyed(world: World) -> None:
    world.platform.answers(NotSent("slow down", 3600))
    await world.say("one")
    await until(lambda: "ready" in world.part_states())
    await world.say("elsewhere", room="r2", who="p2")
    await until(lambda: world.platform.texts("r2"), what="the other room")
    assert world.platform.texts("r1") == []
    world.jump(3601)
    await world.rest()
    assert world.platform.texts("r1") == ["re: one"]


async def test_a_connection_in_back_off_sends_to_no_room(world: World) -> None:
    world.platform.answers(NotSent("no network", 3600, room_only=False))
    await world.say("one")
    await until(lambda: "ready" in world.part_states())
    other = await world.say("two", room="r2", who="p2")
    await world.ended(other)
    await world.ended(await world.say("three", room="r3", connection="wire2"))
    await until(lambda: world.platform.texts("r3"), what="the other connection")
    assert world.platform.texts("r2") == []
    world.jump(3601)
    await world.rest()
    assert (world.platform.texts("r1"), world.platform.texts("r2")) == (["re: one"], ["re: two"])


async def test_back_off_grows_and_ends_after_twelve_attempts(world: World) -> None:
    world.platform.answers(*(NotSent("no") for _ in range(12)))
    await world.say("one")
    waits: list[float] = []
    for n in range(1, 12):
        await until(lambda n=n: attempts(world) == n and world.part_states() == ["ready"])
        row = world.rows("SELECT not_before - updated_at AS wait FROM parts")[0]
        waits.append(round(row["wait"]))
        world.jump(301)
    await until(lambda: world.part_states() == ["failed"])
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    await world.say("two")
    await world.rest()
    assert world.platform.texts() == ["re: two"], "what failed steps aside"


async def test_a_refused_part_steps_aside(world: World) -> None:
    world.platform.answers(SendRefused("blocked", "they blocked the bot"))
    await world.say("one")
    await world.say("two")
    await world.rest()
    assert world.platform.texts() == ["re: two"]
    assert world.part_states() == ["refused", "sent"]
    assert world.rows("SELECT error FROM parts ORDER BY seq")[0]["error"] == "they blocked the bot"


async def test_an_unknown_send_is_repeated_once_with_a_mark_before_the_next_part(world: World) -> None:
    world.platform.answers(MaybeSent("no answer"), arrives=True)
    world.main.say("a" * 336 + "b")
    await world.say("go")
    await world.rest()
    assert [text[:25] for text in world.platform.texts()] == ["a" * 25, f"{REPEAT}a"[:25], "b"]
    keys = [shown.key for shown in world.platform.rooms]
    assert keys[1] == keys[0] + ".r1"


async def test_what_is_unknown_twice_is_left_to_people_and_steps_aside(world: World) -> None:
    world.platform.answers(MaybeSent("no answer"), MaybeSent("no answer"))
    await world.say("one")
    await world.say("two")
    await world.rest()
    assert world.part_states() == ["unknown", "sent"]
    assert len(world.platform.calls) == 3


async def test_an_unknown_send_is_held_where_the_configuration_says_so(idle_world: World) -> None:
    world = idle_world
    world.settings.limit(unknown="hold")
    await world.start()
    world.platform.answers(MaybeSent("no answer"))
    await world.say("one")
    await world.rest()
    assert world.part_states() == ["unknown"]
    assert len(world.platform.calls) == 1


async def test_a_platform_with_keys_is_asked_again_with_the_same_key(idle_world: World) -> None:
    world = idle_world
    world.settings.capabilities = Capabilities(400, idempotent_sends=True, idempotency_window=60)
    await world.start()
    world.platform.answers(MaybeSent("no answer"), arrives=True)
    await world.say("one")
    await world.rest()
    assert world.platform.texts() == ["re: one"]
    assert len(world.platform.calls) == 2


async def test_a_retry_does_not_wait_an_hour_because_the_clock_was_set_back(idle_world: World) -> None:
    world = idle_world
    await world.start()
    world.platform.answers(NotSent("busy", 30.0, room_only=True))
    await world.say("one")
    await until(lambda: world.part_states() == ["ready"] and world.parts.outbox._rooms._later, what="the retry to wait")
    world.jump(-3600)
    await world.rest()
    assert world.platform.texts() == ["re: one"]


async def test_nobody_knows_how_old_a_key_is_whose_clock_was_set_back(idle_world: World) -> None:
    world = idle_world
    world.settings.capabilities = Capabilities(400, idempotent_sends=True, idempotency_window=60)
    await world.start()
    held = world.platform.hold(result=MaybeSent("no answer"))
    await world.say("one")
    await held.reached()
    world.jump(-3600)
    held.release()
    await until(lambda: world.look() or not world.busy, what="rest")
    assert [text.startswith(REPEAT) for _, _, text in world.platform.calls] == [False, True]


async def test_a_platform_with_keys_that_never_answers_is_given_a_pause(loose_world: World) -> None:
    world = loose_world
    world.settings.capabilities = Capabilities(400, idempotent_sends=True, idempotency_window=60)
    await world.start()
    world.platform.answers(*(MaybeSent("no answer") for _ in range(50)))
    await world.say("one")
    await until(lambda: len(world.platform.calls) > 12 or world.parts.outbox._rooms._later)
    assert len(world.platform.calls) <= 3


async def test_a_key_is_used_only_as_long_as_the_platform_knows_it(idle_world: World) -> None:
    world = idle_world
    world.settings.capabilities = Capabilities(400, idempotent_sends=True, idempotency_window=60)
    await world.start()
    holds = [world.platform.hold(result=MaybeSent("no answer")) for _ in range(3)]
    await world.say("one")
    for held in holds[:2]:
        await until(lambda held=held: world.look() or held._reached.is_set(), what="the next attempt")
        world.jump(40)
        held.release()
    await until(lambda: world.look() or holds[2]._reached.is_set() or not world.busy, what="the third attempt")
    holds[2].release()
    await until(lambda: world.look() or not world.busy, what="rest")
    assert [text.startswith(REPEAT) for _, _, text in world.platform.calls[:3]] == [False, False, True]


async def test_an_edit_that_never_gets_an_answer_is_given_a_pause(loose_world: World) -> None:
    world = loose_world
    world.settings.capabilities = Capabilities(400, edits=True)
    world.settings.wire = msgspec.structs.replace(world.settings.wire, streaming=True)
    await world.start()
    held = Held()
    world.main.say("the end", deltas=("the",), after=held)
    await world.say("go")
    await until(lambda: "stream_id" in world.store.committed)
    world.platform.answers(*(MaybeSent("no answer") for _ in range(50)))
    held.release()
    await until(lambda: len(world.platform.calls) > 13 or world.parts.outbox._rooms._later)
    assert len(world.platform.calls) <= 4


async def test_an_adapter_that_breaks_leaves_the_fate_unknown(loose_world: World) -> None:
    world = loose_world
    await world.start()
    world.platform.answers(ValueError("a bug"), arrives=True)
    await world.say("one")
    await world.rest()
    assert world.platform.texts() == ["re: one", f"{REPEAT}re: one"]


@pytest.mark.parametrize(
    ("point", "unknown", "texts"),
    [
        ("send.before", "resend_marked", [f"{REPEAT}re: one"]),
        ("send.after", "resend_marked", ["re: one", f"{REPEAT}re: one"]),
        ("send.after", "hold", ["re: one"]),
        ("op.send_outcome.before", "hold", ["re: one"]),
        ("op.send_outcome.after", "hold", ["re: one"]),
        ("op.end_turn.before", "hold", ["re: one"]),
        ("op.end_turn.after", "hold", []),
    ],
)
async def test_a_crash_around_a_send(idle_world: World, point: str, unknown: str, texts: list[str]) -> None:
    world = idle_world
    world.settings.limit(unknown=unknown)
    await world.start()
    world.parts.crash.arm(point)
    await world.say("one")
    await world.died.wait()
    await world.restart()
    await world.rest()
    assert world.platform.texts() == texts
    await world.say("two")
    await world.rest()
    assert world.platform.texts() == [*texts, "re: two"]


async def test_a_crash_with_keys_doubles_nothing(idle_world: World) -> None:
    world = idle_world
    world.settings.capabilities = Capabilities(400, idempotent_sends=True, idempotency_window=60)
    await world.start()
    world.parts.crash.arm("send.after")
    await world.say("one")
    await world.died.wait()
    await world.restart()
    await world.rest()
    assert world.platform.texts() == ["re: one"]


async def test_a_room_goes_on_when_an_outcome_could_not_be_written_at_once(loose_world: World) -> None:
    world = loose_world
    await world.start()

    async def busy() -> None:
        raise Retry("the disk is busy")

    world.store.before["send_outcome"].append(busy)
    await world.say("one")
    await world.say("two")
    for _ in range(3):
        world.look()
        await until(lambda: not world.busy or world.parts.outbox._rooms._later, what="rest or a wait")
    await until(lambda: "re: two" in world.platform.texts(), what="the room to go on")


async def test_more_rooms_at_once_than_there_are_tasks(idle_world: World) -> None:
    """A send that finds no task does not take its room with it."""
    world = idle_world
    world.settings.outbox_tasks = 2
    await world.start()
    holds = [world.platform.hold(room=f"r{n}") for n in range(2)]
    for n in range(5):
        await world.say("hello", room=f"r{n}", who=f"p{n}")
    for held in holds:
        await held.reached()
    await until(lambda: not world.rows("SELECT id FROM inbox WHERE state <> 'ended'"), what="the turns")
    for held in holds:
        held.release()
    world.look()
    await world.rest()
    assert [world.platform.texts(f"r{n}") for n in range(5)] == [["re: hello"]] * 5


async def test_a_part_that_a_person_settled_is_left_alone(world: World) -> None:
    world.platform.answers(MaybeSent("no"), MaybeSent("no"))
    await world.say("one")
    await world.rest()
    row = world.rows("SELECT delivery_id FROM parts")[0]
    move = outbox.move(row["delivery_id"], 0, "unknown", "sent", world.clock.now())
    await world.store.commit(operation("settle", move))
    await world.restart()
    await world.rest()
    assert world.part_states() == ["sent"]


def attempts(world: World) -> int:
    rows = world.rows("SELECT attempts FROM parts")
    return rows[0]["attempts"] if rows else 0
