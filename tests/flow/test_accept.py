"""Durable point 1: what becomes of an act when it is accepted."""

import asyncio
from typing import Any

import msgspec
import pytest

from quarterdeck.base.errors import NotFound, Retry
from quarterdeck.model.inbound import Acceptance, Accepted, Duplicate
from quarterdeck.store import events, inbox, people
from quarterdeck.store.operations import operation
from tests.flow.doubles import Held
from tests.flow.world import Died, World
from tests.waiting import until


async def test_an_act_is_accepted_once_by_its_key(world: World) -> None:
    first = await world.say("hello", key="k")
    again = await world.say("hello", key="k")
    assert isinstance(first, Accepted)
    assert again == Duplicate(first.inbox_id, first.session_id)
    await world.rest()
    assert world.outcomes() == ["answered"]
    assert world.platform.texts() == ["re: hello"]
    assert await world.say("hello", key="k", connection="wire2") != again, "the key is of the connection"


async def test_the_same_act_at_the_same_moment_is_accepted_once(world: World) -> None:
    act = world.act("hello", key="k")
    results = await asyncio.gather(*(world.accept(act) for _ in range(20)))
    assert sum(isinstance(result, Accepted) for result in results) == 1
    assert len({result.inbox_id for result in results}) == 1
    await world.rest()
    assert world.main.asked == 1


async def test_a_duplicate_is_known_after_a_restart(world: World) -> None:
    first = await world.say("hello", key="k")
    await world.rest()
    await world.restart()
    again = await world.say("hello", key="k")
    assert again == Duplicate(first.inbox_id, first.session_id)


async def test_an_act_is_on_disk_when_it_is_accepted(world: World) -> None:
    accepted = await world.say("hello")
    assert world.rows("SELECT id FROM inbox") == [{"id": accepted.inbox_id}]
    await world.rest()


async def test_nothing_is_accepted_before_the_start_or_while_stopping(world: World) -> None:
    world.parts.intake.open = False
    with pytest.raises(Retry):
        await world.say("hello")
    assert world.rows("SELECT id FROM inbox") == []


async def test_a_crash_before_the_commit_loses_nothing_that_was_acknowledged(world: World) -> None:
    act = world.act("hello")
    world.parts.crash.arm("op.accept.before")
    with pytest.raises(Died):
        await world.accept(act)
    await world.restart()
    assert world.rows("SELECT id FROM inbox") == []
    assert isinstance(await world.accept(act), Accepted)
    await world.rest()
    assert world.outcomes() == ["answered"]


@pytest.mark.parametrize("point", ["op.accept.after", "intake.acknowledge"])
async def test_a_crash_between_commit_and_acknowledgement_is_a_duplicate_next_time(world: World, point: str) -> None:
    act = world.act("hello")
    world.parts.crash.arm(point)
    with pytest.raises(Died):
        await world.accept(act)
    await world.restart()
    assert isinstance(await world.accept(act), Duplicate)
    await world.rest()
    assert world.platform.texts() == ["re: hello"]


async def test_an_unknown_assistant_or_connection_is_named(world: World) -> None:
    with pytest.raises(NotFound, match="nobody"):
        await world.accept(msgspec.structs.replace(world.act("hello"), assistant="nobody"))
    with pytest.raises(NotFound, match="nowhere"):
        await world.say("hello", connection="nowhere")


# --- edits ----------------------------------------------------------------------------------------------------


async def test_an_edit_of_a_waiting_message_takes_its_place(world: World) -> None:
    held = world.main.hold("first")
    running = await world.say("one")
    await held.reached()
    waiting = await world.say("two", ref="m2")
    last = await world.say("three")
    edit = await world.say("two, better", ref="m2", edit=True)
    held.release()
    assert list(await world.ended(running, waiting, last, edit)) == ["answered", "superseded", "answered", "answered"]
    await world.rest()
    assert world.platform.texts() == ["first", "re: two, better", "re: three"]
    row = world.rows("SELECT detail, correction FROM inbox WHERE id = :id", id=waiting.inbox_id)[0]
    assert row["detail"] == edit.inbox_id


async def test_an_edit_of_a_taken_message_is_a_correction(world: World) -> None:
    held = world.main.hold("first")
    running = await world.say("one", ref="m1")
    await held.reached()
    edit = await world.say("one!", ref="m1", edit=True)
    held.release()
    assert list(await world.ended(running, edit)) == ["answered", "answered"]
    later = await world.say("one!!", ref="m1", edit=True)
    await world.ended(later)
    rows = world.rows("SELECT correction FROM inbox ORDER BY id")
    assert [row["correction"] for row in rows] == [0, 1, 1]
    messages = [
        msgspec.json.decode(row["content"])
        for row in world.rows("SELECT content FROM messages ORDER BY position, part")
    ]
    assert [m.get("correction", False) for m in messages if m["type"] == "user"] == [False, True, True]


async def test_an_edit_in_another_room_replaces_nothing(world: World) -> None:
    held = world.main.hold("first")
    await world.say("zero")
    await held.reached()
    waiting = await world.say("one", ref="m1")
    edit = await world.say("other", ref="m1", edit=True, room="r2")
    held.release()
    assert list(await world.ended(waiting, edit)) == ["answered", "answered"]


# --- commands -------------------------------------------------------------------------------------------------


async def test_stop_ends_the_turn_and_all_that_waits_and_nothing_more(world: World) -> None:
    held = world.main.hold()
    running = await world.say("one")
    await held.reached()
    waiting = [await world.say("two"), await world.say("three", mode="steer")]
    elsewhere = await world.say("other room", room="r2")
    stop = await world.say("/stop")
    assert isinstance(stop, Accepted)
    assert stop.outcome == "command"
    later = await world.say("four")
    assert list(await world.ended(running, *waiting)) == ["stopped"] * 3
    assert list(await world.ended(elsewhere, later)) == ["answered", "answered"]
    await world.rest()
    assert world.main.cancelled == 1
    assert world.platform.texts() == ["Stopped.", "re: four"]


@pytest.mark.parametrize(("text", "mode", "ends"), [("/stop", None, "stopped"), ("no", "interrupt", "superseded")])
async def test_an_act_whose_sender_is_gone_cuts_at_once(world: World, text: str, mode: Any, ends: str) -> None:
    held = world.main.hold()
    running = await world.say("one")
    await held.reached()
    committed = Held()
    world.store.after["accept"].append(committed.wait)
    sender = asyncio.create_task(world.say(text, mode=mode))
    await committed.reached()
    sender.cancel()
    assert list(await world.ended(running)) == [ends]
    assert world.main.cancelled == 1
    await world.rest()
    assert world.platform.texts() == [{"stopped": "Stopped.", "superseded": "re: no"}[ends]]


async def test_a_stop_where_nothing_runs_is_answered(world: World) -> None:
    await world.say("/stop")
    await world.rest()
    assert world.platform.texts() == ["There is nothing to stop."]
    await world.say("hello")
    await world.rest()
    assert world.platform.texts() == ["There is nothing to stop.", "re: hello"]


async def test_a_repeated_stop_stops_once(world: World) -> None:
    await world.say("/stop", key="s")
    held = world.main.hold("answer")
    running = await world.say("one")
    await held.reached()
    assert isinstance(await world.say("/stop", key="s"), Duplicate)
    held.release()
    assert list(await world.ended(running)) == ["answered"]


async def test_a_new_conversation_shows_nothing_of_the_old_one(world: World) -> None:
    await world.say("my secret")
    await world.rest()
    await world.say("/new")
    await world.say("hello")
    await world.rest()
    assert "secret" not in str(world.main.requests[-1].messages)


async def test_a_new_conversation_shows_nothing_of_the_turn_that_it_stopped(world: World) -> None:
    held = world.main.hold()
    await world.say("my secret")
    await held.reached()
    await world.say("/new")
    await world.rest()
    await world.say("hello")
    await world.rest()
    assert "secret" not in str(world.main.requests[-1].messages)


async def test_a_new_conversation_hides_a_turn_that_a_dead_process_left(world: World) -> None:
    held = world.main.hold()
    await world.say("my secret")
    await held.reached()
    world.parts.crash.arm("intake.acknowledge")
    with pytest.raises(Died):
        await world.say("/new")
    await world.restart()
    await world.rest()
    await world.say("hello")
    await world.rest()
    assert "secret" not in str(world.main.requests[-1].messages)


async def test_status_says_what_goes_on(world: World) -> None:
    held = world.main.hold("one")
    running = await world.say("one")
    await held.reached()
    await world.say("two")
    await world.say("/status")
    await until(lambda: world.platform.texts())
    assert world.platform.texts() == ["I am working on an answer; 1 message waits. Model: main/m."]
    held.release()
    await world.ended(running)


async def test_a_chosen_model_answers_from_the_next_message_on(idle_world: World) -> None:
    idle_world.settings.let(fallback=("spare/m",))
    await idle_world.start()
    await idle_world.say("/model spare/m")
    await idle_world.say("hello")
    await idle_world.rest()
    assert (idle_world.main.asked, idle_world.spare.asked) == (0, 1)
    await idle_world.say("/model other/m")
    await idle_world.rest()
    assert idle_world.platform.texts()[-1].startswith("There is no model other/m here.")


async def test_a_chosen_model_that_is_gone_fails_with_a_word(idle_world: World) -> None:
    world = idle_world
    world.settings.let(fallback=("gone/m",))
    await world.start()
    await world.say("/model gone/m")
    await world.rest()
    world.settings.let(fallback=())
    await world.restart()
    accepted = await world.say("hello")
    assert list(await world.ended(accepted)) == ["failed"]
    await world.rest()
    assert len(world.platform.texts()) == 2


# --- who may --------------------------------------------------------------------------------------------------


async def test_a_stranger_is_asked_for_a_pairing_once_and_is_not_replayed(idle_world: World) -> None:
    world = idle_world
    world.settings.wire = msgspec.structs.replace(world.settings.wire, dm_policy="pairing")
    await world.start()
    first = await world.say("hello")
    again = await world.say("hello?")
    assert isinstance(first, Accepted)
    assert isinstance(again, Accepted)
    assert (first.outcome, again.outcome) == ("refused", "refused")
    await world.rest()
    texts = world.platform.texts()
    assert len(texts) == 1
    wish = await people.pairing_by_code(world.store, texts[0].rpartition(" ")[2], world.clock.now())
    assert wish is not None
    now = world.clock.now()
    approve = [people.decide_pairing(wish.id, "approved", now), people.set_identity_state(wish.identity_id, "allowed")]
    await world.store.commit(operation("pairing", approve))
    assert world.main.asked == 0
    await world.say("now?")
    await world.rest()
    assert world.platform.texts()[1:] == ["re: now?"]


@pytest.mark.proves("event.pairing.asked")
async def test_of_every_stranger_whoever_follows_hears_once(idle_world: World) -> None:
    world = idle_world
    world.settings.wire = msgspec.structs.replace(world.settings.wire, dm_policy="pairing")
    await world.start()
    with world.parts.live.watch("") as watcher:
        await asyncio.gather(*(world.say(f"hello {n}", who=f"p{n % 4}", room=f"r{n % 4}") for n in range(8)))
        await watcher.next(10.0)
    await world.rest()  # whoever reads behind a cursor is shown nothing above an operation that still runs
    told = [one for one in await events.after_any(world.store, 0, 100) if one.kind == "pairing.asked"]
    wishes = {wish.id: wish for wish in await people.pairings(world.store, "asked", 50, "")}
    assert len(wishes) == 4
    assert {one.session_id for one in told} == {""}
    assert sorted(one.seq for one in told) == [1, 2, 3, 4]
    said = [msgspec.json.decode(one.data) for one in told]
    assert {one["pairing"] for one in said} == set(wishes)
    assert all((one["kind"], one["connection"]) == ("person", "wire") for one in said)


async def test_two_first_messages_of_a_stranger_at_once_make_one_pairing(idle_world: World) -> None:
    world = idle_world
    world.settings.wire = msgspec.structs.replace(world.settings.wire, dm_policy="pairing")
    await world.start()
    await asyncio.gather(*(world.say(f"hello {n}") for n in range(5)))
    await world.rest()
    assert world.outcomes() == ["refused"] * 5
    assert len(world.platform.texts()) == 1


async def test_a_pairing_that_ran_out_makes_room_for_a_new_one(idle_world: World) -> None:
    world = idle_world
    world.settings.wire = msgspec.structs.replace(world.settings.wire, dm_policy="pairing")
    await world.start()
    await world.say("hello")
    await world.rest()
    world.jump(3601)
    await world.say("hello again")
    await world.rest()
    assert len(world.platform.texts()) == 2


@pytest.mark.parametrize(
    ("policy", "allow", "kind", "outcome"),
    [
        ("allowlist", ("p1",), "dm", "answered"),
        ("allowlist", ("p2",), "dm", "refused"),
        ("disabled", (), "dm", "refused"),
    ],
)
async def test_the_policy_of_a_connection(
    idle_world: World, policy: str, allow: tuple[str, ...], kind: str, outcome: str
) -> None:
    world = idle_world
    world.settings.wire = msgspec.structs.replace(world.settings.wire, dm_policy=policy, allow=allow)
    await world.start()
    accepted = await world.say("hello", kind=kind)
    assert list(await world.ended(accepted)) == [outcome]
    await world.rest()
    assert bool(world.platform.texts()) == (outcome == "answered")


# --- a full lane ----------------------------------------------------------------------------------------------


async def test_a_full_lane_refuses_and_says_so(idle_world: World) -> None:
    world = idle_world
    world.settings.limit(queue_per_session=2)
    await world.start()
    held = world.main.hold("first")
    taken = await world.say("one")
    await held.reached()
    waiting = [await world.say("two"), await world.say("three")]
    refused = await world.say("four")
    command = await world.say("/status")
    held.release()
    assert list(await world.ended(taken, *waiting, refused, command)) == ["answered"] * 3 + ["refused", "command"]
    await world.rest()
    assert sum("still waiting" in text for text in world.platform.texts()) == 1
    room_again = await world.say("five")
    assert list(await world.ended(room_again)) == ["answered"]


async def test_a_lane_is_as_full_after_a_restart(idle_world: World) -> None:
    world = idle_world
    world.settings.limit(queue_per_session=1)
    await world.start()
    taken = world.main.hold()
    await world.say("one")
    await taken.reached()
    await world.say("two")
    await world.kill()
    held = world.main.hold()
    await world.start()
    await held.reached()
    assert isinstance(refused := await world.say("three"), Accepted)
    assert refused.outcome == "refused"
    held.release()
    await world.rest()


async def test_an_act_is_alone_in_its_session_while_it_waits_and_while_it_runs(world: World) -> None:
    async def alone(accepted: Acceptance) -> bool:
        row = await inbox.get(world.store, accepted.inbox_id)
        assert row is not None
        return await inbox.alone(world.store, row)

    runs = world.main.hold("an answer")
    world.store.before["take"].append(lambda: until(lambda: looked, what="a look at what waits"))
    looked: list[bool] = []
    first = await world.say("one")
    looked.append(await alone(first))
    await runs.reached()
    looked.append(await alone(first))
    second = await world.say("two")
    looked += [await alone(first), await alone(second)]
    runs.release()
    await world.ended(first, second)
    looked.append(await alone(second))
    assert looked == [True, True, False, False, False]
