"""Conversations that grow long: summaries as journalled steps, pins, what is left out, and how it comes back."""

from typing import Any

import pytest

from quarterdeck.actions.mind import Mind
from quarterdeck.base.errors import NotFound
from quarterdeck.flow.budget import CUT_MARK
from quarterdeck.flow.compaction import KEPT_MESSAGES, MANY
from quarterdeck.flow.minutes import INSTRUCTIONS
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.message import SystemEvent
from quarterdeck.model.turn import Usage
from quarterdeck.ports import ModelProfile, ModelRequest
from tests.flow.doubles import Reply
from tests.flow.world import World
from tests.waiting import until

pytestmark = pytest.mark.proves(
    "context.summary", "context.pins", "context.cut", "command.pin", "command.pins", "command.unpin"
)

SMALL = ModelProfile(window=4_000, max_tokens=500)
OPERATOR = Actor(id="uid-0", kind="operator")


async def talk(world: World, turns: int, *, size: int = 10) -> None:
    for n in range(turns):
        await world.ended(await world.say(f"m{n} {'x' * size}", connection="web"))
    await world.rest()


def told(world: World, request: int = -1) -> list[str]:
    return [message.text for message in world.main.requests[request].messages]


def asked_for_a_summary(world: World) -> list[ModelRequest]:
    return [request for request in world.main.requests if request.system == INSTRUCTIONS]


def stored(world: World) -> list[dict[str, Any]]:
    return world.rows("SELECT * FROM summaries ORDER BY position")


def restoring(world: World) -> Mind:
    p = world.parts
    return Mind(p.store, p.auditor, world.clock, p.services.new_id)


async def test_what_is_long_ago_is_summarized_once_and_stays_stored(world: World) -> None:
    world.main.profiles["m"] = SMALL
    await talk(world, 4, size=1_000)
    assert asked_for_a_summary(world) == []
    world.main.say("open task: call Ada", usage=Usage(70, 7))
    world.main.say("re: next")
    await world.ended(await world.say("next", connection="web"))
    assert len(asked_for_a_summary(world)) == 1
    (row,) = stored(world)
    assert row["text"] == "open task: call Ada"
    opening = world.main.requests[-1].messages[0]
    assert isinstance(opening, SystemEvent)
    assert opening.text.endswith("open task: call Ada")
    assert told(world)[-1] == "next"
    assert CUT_MARK.text not in told(world), "nothing is missing: it is summarized"
    assert len(world.history(world.session(connection="web"))) == 10, "every message is still stored"
    steps = world.rows("SELECT step FROM steps WHERE turn_id = :turn ORDER BY step", turn=row["turn_id"])
    assert [step["step"] for step in steps] == ["c1", "m1"]
    settled = world.rows("SELECT tokens_in, tokens_out FROM ledger WHERE kind = 'settle' AND tokens_out = 7")
    assert [tuple(one.values()) for one in settled] == [(70, 7)]


async def test_many_short_messages_are_summarized_too(world: World) -> None:
    await talk(world, MANY // 2 + 1)
    assert asked_for_a_summary(world) == []
    await talk(world, 1)
    assert len(asked_for_a_summary(world)) == 1
    assert len(world.main.requests[-1].messages) <= KEPT_MESSAGES + 2


async def test_the_next_summary_carries_the_last_one_on(world: World) -> None:
    world.main.profiles["m"] = SMALL
    await talk(world, 20, size=1_000)
    first, second = asked_for_a_summary(world)[:2]
    assert "Earlier summary" not in first.messages[0].text
    assert second.messages[0].text.startswith("Earlier summary:")
    assert len(stored(world)) == len(asked_for_a_summary(world))


async def test_a_summary_that_cannot_be_had_costs_only_what_is_left_out(world: World) -> None:
    world.main.profiles["m"] = SMALL
    await talk(world, 3, size=1_600)
    world.main.fail("server", retryable=True)
    world.main.say("re: next", usage=Usage(5, 5))
    assert list(await world.ended(await world.say("n" * 6_000, connection="web"))) == ["answered"]
    assert len(asked_for_a_summary(world)) == 1
    assert stored(world) == []
    assert told(world)[0] == CUT_MARK.text
    (step,) = world.rows("SELECT content FROM steps WHERE step = 'c1'")
    assert b'"failed":"server"' in step["content"]


async def test_pins_are_kept_word_for_word_through_summaries_until_they_are_taken_off(world: World) -> None:
    world.main.profiles["m"] = SMALL
    await world.say("/pin the password hint is on page 7", connection="web")
    await world.say("/pin Ada owns the budget", connection="web")
    await talk(world, 9, size=1_000)
    assert asked_for_a_summary(world)
    assert sum("the password hint is on page 7" in text for text in told(world)) == 1
    await world.say("/unpin 1", connection="web")
    await talk(world, 1)
    assert not any("page 7" in text for text in told(world))
    assert any("Ada owns the budget" in text for text in told(world))
    await world.say("/new", connection="web")
    await talk(world, 1)
    assert len(told(world)) == 1, "a new conversation begins with nothing in mind"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("/pin", "Write what I am to keep in mind: /pin TEXT"),
        (f"/pin {'x' * 501}", "That is 501 characters long; a pin may have 500."),
        ("/unpin 1", "Write the number of a pin, /unpin NUMBER. There are 0: /pins."),
        ("/unpin x", "Write the number of a pin, /unpin NUMBER. There are 0: /pins."),
        ("/pins", "Nothing is pinned. /pin TEXT pins something."),
    ],
)
async def test_what_a_pin_may_not_be(world: World, said: str, answer: str) -> None:
    await world.say(said)
    await world.rest()
    assert world.platform.texts() == [answer]


async def test_no_more_pins_than_may_be(world: World) -> None:
    for n in range(21):
        await world.say(f"/pin {n}")
    await world.rest()
    assert world.platform.texts()[-1].startswith("There are 20 pins already.")
    assert len(world.rows("SELECT id FROM pins")) == 20


async def test_a_dropped_summary_shows_the_model_what_it_stood_for(world: World) -> None:
    await talk(world, MANY // 2 + 2)
    session = world.session(connection="web")
    (row,) = stored(world)
    dropped = await restoring(world).restore(session, OPERATOR, "it was wrong")
    assert dropped.id == row["id"]
    world.main.script.append(Reply("", finish="refusal"))  # no new summary
    await talk(world, 1)
    assert any(text.startswith("m1 ") for text in told(world))
    with pytest.raises(NotFound):
        await restoring(world).restore(session, OPERATOR)
    with pytest.raises(NotFound):
        await restoring(world).restore("ses_none", OPERATOR)


async def test_a_stop_during_a_summary_ends_the_turn_and_closes_its_call(world: World) -> None:
    await talk(world, MANY // 2 + 1)
    held = world.main.hold("late")
    accepted = await world.say("next", connection="web")
    await held.reached()
    await world.say("/stop", connection="web")
    assert list(await world.ended(accepted)) == ["stopped"]
    held.release()
    await world.rest()
    assert world.rows("SELECT id FROM intents WHERE state = 'open'") == []


async def test_a_crash_during_a_summary_makes_it_again(world: World) -> None:
    await talk(world, MANY // 2 + 1)
    held = world.main.hold("never")
    accepted = await world.say("next", connection="web")
    await held.reached()
    await world.restart()
    assert list(await world.ended(accepted)) == ["answered"]
    await world.rest()
    assert len(stored(world)) == 1
    states = world.rows("SELECT state, COUNT(*) AS n FROM intents WHERE step = 'c1' GROUP BY state ORDER BY state")
    assert [(one["state"], one["n"]) for one in states] == [("done", 1), ("lost", 1)]


async def test_a_turn_that_is_taken_up_again_does_not_try_its_summary_again(world: World) -> None:
    await talk(world, MANY // 2 + 1)
    world.main.fail("server", retryable=True)
    held = world.main.hold("never")
    accepted = await world.say("next", connection="web")
    await held.reached()
    await world.restart()
    assert list(await world.ended(accepted)) == ["answered"]
    assert len(asked_for_a_summary(world)) == 1


async def test_a_model_that_says_too_much_is_shown_less(world: World) -> None:
    await talk(world, 10, size=1_000)
    world.main.fail("context", retryable=False)
    world.main.fail("context", retryable=False)
    world.main.say("now it fits")
    assert list(await world.ended(await world.say("next", connection="web"))) == ["answered"]
    assert told(world)[-1] == "next"
    whole, half, quarter = (sum(map(len, told(world, n))) for n in (-3, -2, -1))
    assert half <= 0.55 * whole
    assert quarter <= 0.55 * half


async def test_more_than_a_model_can_read_is_told(world: World) -> None:
    world.main.fail("context", retryable=False)
    assert list(await world.ended(await world.say("x" * 5_000))) == ["failed"]
    await world.rest()
    assert world.platform.texts()[0].startswith("This is more than the model can read at once.")


async def test_small_models_and_scripts_write_no_summaries(world: World) -> None:
    world.main.profiles["m"] = ModelProfile(history_messages=6)
    await talk(world, MANY // 2 + 3)
    assert asked_for_a_summary(world) == []
    assert told(world)[0] == CUT_MARK.text
    await until(lambda: not world.busy)
