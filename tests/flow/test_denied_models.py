"""A model that the policy does not allow is not asked, and the record says so: rule, reason, next step."""

import json

import pytest

from quarterdeck.flow.hooks import HookRule
from tests.flow.test_hooks import HookDouble, change, records
from tests.flow.world import World

pytestmark = pytest.mark.proves("G3")

SENTENCE = (
    "Denied by default.model.own: the assistant has no model spare/m. "
    "Add it to the assistant's model or fallback in the configuration."
)


async def with_a_model_that_is_gone(world: World) -> None:
    """The conversation's own model, once chosen by a person, is no longer configured."""
    world.settings.let(fallback=("spare/m",))
    await world.start()
    await world.say("/model spare/m")
    await world.rest()
    world.settings.let(fallback=())
    await world.restart()


async def test_the_denial_is_recorded_with_the_end_of_the_turn(idle_world: World) -> None:
    world = idle_world
    await with_a_model_that_is_gone(world)
    accepted = await world.say("hello")
    await world.rest()
    assert world.outcome(accepted) == "failed"
    assert (world.main.asked, world.spare.asked) == (0, 0)
    assert world.platform.texts()[-1] == (
        "I may not ask my model about this: the assistant has no model spare/m. "
        "Add it to the assistant's model or fallback in the configuration."
    )
    assert records(world, "model.denied") == [("default.model.own", SENTENCE)]
    (turn,) = world.rows("SELECT id, error FROM turns")
    assert turn["error"] == f"invalid: {SENTENCE}"
    leaves = [json.loads(row["leaf"]) for row in world.rows("SELECT leaf FROM audit ORDER BY rowid")]
    ending = [leaf["type"] for leaf in leaves if leaf.get("turn") == turn["id"]]
    assert ending[ending.index("turn.end") + 1] == "model.denied"


async def test_what_hooks_did_before_is_recorded_with_it(idle_world: World) -> None:
    world = idle_world
    world.hooks.append(HookRule("h", frozenset(("before_model",)), HookDouble(change)))
    await with_a_model_that_is_gone(world)
    await world.say("hello")
    await world.rest()
    assert [rule for rule, _ in records(world, "hook.changed")] == ["hook:h"]
    assert records(world, "model.denied") == [("default.model.own", SENTENCE)]
