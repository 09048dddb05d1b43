"""Buttons: who may press one and what that runs, how they come off again, and that a value means nothing by itself."""

from typing import Any

import msgspec
import pytest

from quarterdeck.model.button import ButtonBounds
from quarterdeck.model.inbound import Acceptance, Duplicate
from quarterdeck.ports import Capabilities, MaybeSent, NotSent
from quarterdeck.store import outbox
from tests.flow.doubles import Shown
from tests.flow.world import Died, World

pytestmark = pytest.mark.proves("channel.telegram", "channel.loopback")

BOUNDS = ButtonBounds(most=10, abreast=2, label=8, value=64)
MODELS = ("main/m", "spare/second")


@pytest.fixture
async def world(idle_world: World) -> World:
    """A started world whose assistant has two models, on a platform with buttons."""
    idle_world.settings.capabilities = Capabilities(400, buttons=BOUNDS)
    idle_world.settings.let(fallback=MODELS[1:])
    await idle_world.start()
    return idle_world


async def offered(world: World, **more: Any) -> Shown:
    """Ask for the models; the message with the buttons."""
    await world.say("/model", **more)
    await world.rest()
    return world.platform.rooms[-1]


def value(shown: Shown, number: int) -> str:
    return [button.value for row in shown.buttons for button in row][number]


async def press(world: World, shown: Shown, number: int, **more: Any) -> Acceptance:
    accepted = await world.press(value(shown, number), ref=shown.native_id, **more)
    await world.rest()
    return accepted


def model(world: World, **whose: Any) -> str:
    rows = world.rows("SELECT model FROM sessions WHERE id = :id", id=world.session(**whose))
    return str(rows[0]["model"] or "") if rows else ""


def states(world: World) -> list[str]:
    return [row["state"] for row in world.rows("SELECT state FROM choices ORDER BY created_at")]


def ends(world: World) -> list[tuple[str, str | None, str | None]]:
    rows = world.rows("SELECT kind, outcome, detail FROM inbox WHERE kind = 'press' ORDER BY id")
    return [(row["kind"], row["outcome"], row["detail"]) for row in rows]


# --- what they are --------------------------------------------------------------------------------------------


async def test_a_command_offers_its_choices(world: World) -> None:
    shown = await offered(world)
    assert [[button.label for button in row] for row in shown.buttons] == [["main/m"], ["spare/s…"]]
    assert all(name in shown.text for name in MODELS)
    assert "model" not in value(shown, 1)
    assert len(value(shown, 1).encode()) <= BOUNDS.value


async def test_a_platform_without_buttons_has_the_text(idle_world: World) -> None:
    idle_world.settings.let(fallback=MODELS[1:])
    await idle_world.start()
    shown = await offered(idle_world)
    assert (shown.buttons, states(idle_world)) == ((), [])
    assert all(name in shown.text for name in MODELS)


async def test_what_does_not_fit_is_a_text(idle_world: World) -> None:
    idle_world.settings.capabilities = Capabilities(400, buttons=msgspec.structs.replace(BOUNDS, most=1))
    idle_world.settings.let(fallback=MODELS[1:])
    await idle_world.start()
    assert (await offered(idle_world)).buttons == ()


async def test_one_model_is_no_choice(idle_world: World) -> None:
    idle_world.settings.capabilities = Capabilities(400, buttons=BOUNDS)
    await idle_world.start()
    assert (await offered(idle_world)).buttons == ()


async def test_they_stand_under_the_last_text(idle_world: World) -> None:
    idle_world.settings.capabilities = Capabilities(170, buttons=BOUNDS)
    idle_world.settings.let(fallback=("spare/" + "x" * 120,))
    await idle_world.start()
    await offered(idle_world)
    first, last = idle_world.platform.rooms
    assert first.buttons == ()
    assert len(last.buttons) == 2


# --- a press --------------------------------------------------------------------------------------------------


async def test_a_press_runs_the_command_as_if_typed(world: World) -> None:
    shown = await offered(world)
    await press(world, shown, 1)
    assert model(world) == MODELS[1]
    assert world.platform.texts()[-1] == f"From the next message on: {MODELS[1]}."
    assert (ends(world), states(world)) == ([("press", "command", None)], ["pressed"])
    assert (shown.buttons, world.platform.told) == ((), [])
    events = world.rows("SELECT data FROM events WHERE kind = 'inbox.accepted' ORDER BY seq")
    assert msgspec.json.decode(events[-1]["data"])["text"] == f"/model {MODELS[1]}"


async def test_taking_them_off_is_an_effect_with_an_intent(world: World) -> None:
    shown = await offered(world)
    await press(world, shown, 0)
    (delivery,) = world.rows("SELECT id FROM deliveries WHERE kind = 'buttons'")
    intents = world.rows("SELECT state FROM intents WHERE delivery_id = :id", id=delivery["id"])
    assert [row["state"] for row in intents] == ["done"]
    assert ("unbutton", "r1", "") in world.platform.calls


async def test_only_the_first_press_counts(world: World) -> None:
    shown = await offered(world)
    values = [value(shown, 0), value(shown, 1)]
    await world.press(values[1], ref=shown.native_id)
    await world.press(values[0], ref=shown.native_id)
    await world.rest()
    assert model(world) == MODELS[1]
    assert ends(world) == [("press", "command", None), ("press", "ignored", "closed_button")]
    assert world.platform.told == ["These buttons are no longer open."]


async def test_the_same_press_comes_twice(world: World) -> None:
    shown = await offered(world)
    chosen = value(shown, 1)
    first = await world.press(chosen, ref=shown.native_id, key="press/q1")
    second = await world.press(chosen, ref=shown.native_id, key="press/q1")
    await world.rest()
    assert second == Duplicate(first.inbox_id, world.session())
    assert len(ends(world)) == 1


async def test_the_next_offer_takes_the_place_of_the_last(world: World) -> None:
    old = await offered(world)
    stale = value(old, 1)
    new = await offered(world)
    await world.rest()
    assert (old.buttons, len(new.buttons), states(world)) == ((), 2, ["superseded", "open"])
    await world.press(stale, ref=old.native_id)
    await world.rest()
    assert (model(world), world.platform.told) == ("", ["These buttons are no longer open."])
    await press(world, new, 1)
    assert model(world) == MODELS[1]


@pytest.mark.parametrize("forged", ["", "x", "unknown.0", "{id}", "{id}.", "{id}.2", "{id}.-1", "{id}.01", "{id}.0.0"])
async def test_a_value_that_was_not_offered_means_nothing(world: World, forged: str) -> None:
    shown = await offered(world)
    name = value(shown, 0).partition(".")[0]
    await world.press(forged.replace("{id}", name), ref=shown.native_id)
    await world.rest()
    assert (ends(world), states(world)) == ([("press", "ignored", "unknown_button")], ["open"])
    assert (model(world), len(shown.buttons)) == ("", 2)


# --- who may --------------------------------------------------------------------------------------------------


async def test_in_private_it_is_for_the_one_who_asked(world: World) -> None:
    shown = await offered(world)
    await press(world, shown, 1, who="p2")
    assert ends(world) == [("press", "ignored", "others_button")]
    assert (states(world), model(world), model(world, who="p2")) == (["open"], "", "")
    assert world.platform.told == ["These buttons are for somebody else."]
    assert len(shown.buttons) == 2


async def test_from_another_room_it_is_nothing(world: World) -> None:
    shown = await offered(world)
    await press(world, shown, 1, room="r2")
    assert ends(world) == [("press", "ignored", "unknown_button")]


@pytest.mark.parametrize(("per", "ended"), [("person", "ignored"), ("room", "command")])
async def test_in_a_group_it_is_for_those_of_the_conversation(idle_world: World, per: str, ended: str) -> None:
    world = idle_world
    rules: dict[str, Any] = {"group_policy": "open", "session_per": per}
    world.settings.wire = msgspec.structs.replace(world.settings.wire, **rules)
    world.settings.capabilities = Capabilities(400, buttons=BOUNDS)
    world.settings.let(fallback=MODELS[1:])
    await world.start()
    shown = await offered(world, kind="group", room="g1")
    await press(world, shown, 1, who="p2", kind="group", room="g1")
    assert [outcome for _, outcome, _ in ends(world)] == [ended]
    assert states(world) == ["pressed" if ended == "command" else "open"]


async def test_who_is_not_let_in_is_told_so_politely(world: World) -> None:
    shown = await offered(world)
    world.settings.wire = msgspec.structs.replace(world.settings.wire, dm_policy="pairing")
    await world.restart()
    await press(world, shown, 1, who="p2")
    assert ends(world) == [("press", "refused", "pairing")]
    assert world.platform.told == ["These buttons are for somebody else."]
    assert world.rows("SELECT code FROM pairings") == []


# --- trouble --------------------------------------------------------------------------------------------------


async def test_a_repeat_of_the_message_has_them_too(world: World) -> None:
    world.platform.answers(MaybeSent("no answer"))
    shown = await offered(world)
    assert shown.text.startswith("(This may be a repeat.)")
    assert len(shown.buttons) == 2
    await press(world, shown, 1)
    assert model(world) == MODELS[1]


async def test_a_press_of_a_first_try_takes_them_off_its_repeat_too(world: World) -> None:
    world.platform.answers(MaybeSent("no answer"))
    repeat = await offered(world)
    await world.press(value(repeat, 1), ref="a first try whose id nobody told us")
    await world.rest()
    assert (model(world), repeat.buttons) == (MODELS[1], ())


async def test_what_is_closed_before_it_is_sent_has_none(world: World) -> None:
    world.platform.answers(NotSent("busy", 60.0))
    await world.say("/model")
    await world.say("/model")
    world.jump(61)
    await world.rest()
    first, second = world.platform.rooms
    assert (first.buttons, len(second.buttons)) == ((), 2)


async def test_taking_off_is_tried_again(world: World) -> None:
    shown = await offered(world)
    world.platform.answers(MaybeSent("no answer"), NotSent("busy", 0.01))
    await world.press(value(shown, 1), ref=shown.native_id)
    world.jump(30)
    await world.rest()
    assert shown.buttons == ()
    assert set(world.part_states()) == {"sent"}


@pytest.mark.parametrize("point", ["op.accept.before", "op.accept.after", "intake.acknowledge"])
async def test_a_crash_in_a_press_runs_it_once(world: World, point: str) -> None:
    shown = await offered(world)
    chosen = value(shown, 1)
    world.parts.crash.arm(point)
    with pytest.raises(Died):
        await world.press(chosen, ref=shown.native_id, key="press/q1")
    await world.restart()
    await world.press(chosen, ref=shown.native_id, key="press/q1")
    await world.rest()
    assert (model(world), ends(world)) == (MODELS[1], [("press", "command", None)])
    assert shown.buttons == ()


@pytest.mark.parametrize("point", ["op.send_intent.after", "send.before", "send.after", "op.send_outcome.before"])
async def test_a_crash_while_they_are_taken_off_takes_them_off(world: World, point: str) -> None:
    shown = await offered(world)
    world.parts.crash.arm(point, 2)  # the answer is sent before
    await world.press(value(shown, 1), ref=shown.native_id)
    await world.died.wait()
    await world.restart()
    world.jump(30)
    await world.rest()
    assert shown.buttons == ()
    assert model(world) == MODELS[1]


async def test_of_two_presses_at_once_one_counts(world: World) -> None:
    shown = await offered(world)
    values = [value(shown, 0), value(shown, 1)]

    async def faster() -> None:
        await world.press(values[1], ref=shown.native_id)

    world.store.before["accept"].append(faster)
    await world.press(values[0], ref=shown.native_id)
    await world.rest()
    assert model(world) == MODELS[1]
    assert sorted(str(outcome) for _, outcome, _ in ends(world)) == ["command", "ignored"]


async def test_a_list_says_what_a_delivery_without_a_text_does(world: World) -> None:
    shown = await offered(world)
    await press(world, shown, 1)
    listed = await outbox.listed(world.store, "", 10, "")
    assert {(one.kind, one.words) for one in listed if not one.text} == {
        ("buttons", "Takes the buttons off a message.")
    }
    assert f"From the next message on: {MODELS[1]}." in [one.words for one in listed]
