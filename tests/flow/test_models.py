"""Model answers: how they finish, how they fail, and what is tried then."""

import pytest

from quarterdeck.model.turn import Usage
from quarterdeck.ports import FailureKind, ModelProfile
from tests.flow.doubles import Reply
from tests.flow.world import World
from tests.waiting import until


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply("hello"), "hello"),
        (Reply("  hello\n"), "hello"),
        (Reply(""), "The model gave an empty answer. Please ask in other words."),
        (Reply("", finish="refusal"), "The model declined to answer this."),
        (Reply("I will not", finish="refusal"), "I will not"),
        (Reply("", finish="filter"), "The model's provider filtered the answer."),
        (Reply("half", finish="filter"), "half\n\nThe model's provider filtered the answer."),
        (Reply("half", finish="length"), 'half\n\n(The answer was cut at its length limit. Say "go on" for the rest.)'),
        (Reply("odd", finish="tool_calls"), "odd"),
    ],
)
async def test_how_an_answer_finishes(world: World, reply: Reply, words: str) -> None:
    world.main.script.append(reply)
    assert list(await world.ended(await world.say("go"))) == ["answered"]
    await world.rest()
    assert world.platform.texts() == [words]


async def test_the_label_of_a_model_is_shown_and_not_remembered(world: World) -> None:
    world.main.profiles["m"] = ModelProfile(label="(demo)")
    await world.ended(await world.say("go"))
    await world.rest()
    assert world.platform.texts() == ["re: go\n\n(demo)"]
    assert world.history()[-1] == ("assistant", "re: go")


async def test_usage_is_settled_as_reported(world: World) -> None:
    world.main.say("x", usage=Usage(7, 3, 2))
    await world.ended(await world.say("go"))
    rows = world.rows("SELECT tokens_in, tokens_out, tokens_cached, reported FROM ledger WHERE kind = 'settle'")
    assert [tuple(row.values()) for row in rows] == [(7, 3, 2, 1)]


async def test_a_call_that_may_work_later_is_tried_three_times(world: World) -> None:
    for _ in range(3):
        world.main.fail("overload", retryable=True)
    assert list(await world.ended(await world.say("go"))) == ["failed"]
    await world.rest()
    assert world.main.asked == 3
    assert world.platform.texts() == [
        "I could not get an answer: the model's service is busy. Please send your message again in a few minutes."
    ]
    assert [row["attempt"] for row in world.rows("SELECT attempt FROM intents WHERE kind = 'model' ORDER BY id")] == [
        1,
        2,
        3,
    ]
    assert {row["state"] for row in world.rows("SELECT state FROM intents WHERE kind = 'model'")} == {"failed"}


@pytest.mark.parametrize("kind", ["invalid", "context"])
async def test_a_call_that_will_never_work_is_tried_once(world: World, kind: FailureKind) -> None:
    world.main.fail(kind, retryable=False)
    assert list(await world.ended(await world.say("go"))) == ["failed"]
    assert world.main.asked == 1


@pytest.mark.parametrize("kind", ["auth", "credit"])
async def test_a_refused_key_is_told_without_its_details(world: World, kind: FailureKind) -> None:
    world.main.fail(kind, retryable=False)
    assert list(await world.ended(await world.say("go"))) == ["failed"]
    await world.rest()
    (text,) = world.platform.texts()
    assert text.startswith("I could not get an answer: the model's service refused my key.")


async def test_the_fallback_answers_and_stays_for_the_turn(idle_world: World) -> None:
    world = idle_world
    world.settings.let(fallback=("spare/m",))
    await world.start()
    world.main.fail("auth", retryable=False)
    world.spare.use(("nothing", "{}"))
    world.spare.say("from the spare")
    assert list(await world.ended(await world.say("go"))) == ["answered"]
    await world.rest()
    assert (world.main.asked, world.spare.asked) == (1, 2)
    assert world.platform.texts() == ["from the spare"]
    await world.ended(await world.say("again"))
    assert world.main.asked == 1, "the conversation stays with whoever answered"


async def test_the_fallback_has_tries_of_its_own(idle_world: World) -> None:
    world = idle_world
    world.settings.let(fallback=("spare/m",))
    await world.start()
    for _ in range(3):
        world.main.fail("server", retryable=True)
        world.spare.fail("server", retryable=True)
    assert list(await world.ended(await world.say("go"))) == ["failed"]
    assert (world.main.asked, world.spare.asked) == (3, 3)


async def test_what_a_failed_call_used_is_settled(world: World) -> None:
    world.main.fail("cut", retryable=True, usage=Usage(9, 4))
    world.main.fail("network", retryable=True)
    await world.ended(await world.say("go"))
    rows = world.rows("SELECT tokens_in, tokens_out, reported FROM ledger WHERE kind = 'settle' ORDER BY intent_id")
    assert [tuple(row.values()) for row in rows] == [(9, 4, 1), (100, 50, 0), (10, 5, 1)]


async def test_an_adapter_that_breaks_is_a_failed_turn(loose_world: World) -> None:
    world = loose_world
    await world.start()
    world.main.script.append(Reply(fail=ValueError("a bug")))
    assert list(await world.ended(await world.say("go"))) == ["failed"]
    assert len(world.log.failures) == 1


async def test_a_provider_that_is_not_there_is_a_failed_turn(idle_world: World) -> None:
    world = idle_world
    world.settings.let(model="nobody/m")
    await world.start()
    accepted = await world.say("go")
    assert list(await world.ended(accepted)) == ["failed"]
    await world.rest()
    assert len(world.platform.texts()) == 1


async def test_the_pieces_of_a_new_attempt_are_told_from_the_old(world: World) -> None:
    """Who watches clears the bubble when the attempt changes."""
    world.main.fail("cut", retryable=True, deltas=("Hel",))
    world.main.say("Hello", deltas=("Hello",))
    with world.parts.live.watch(world.session()) as watcher:
        await world.ended(await world.say("go"))
        pieces = await watcher.next(1)
        await until(lambda: len(pieces) >= 2 or not pieces)
    assert [piece.text for piece in pieces] == ["Hel", "Hello"]
    assert pieces[0].attempt < pieces[1].attempt


async def test_pieces_come_in_order(world: World) -> None:
    world.main.say("abc", deltas=("a", "b", "c"))
    with world.parts.live.watch(world.session()) as watcher:
        await world.ended(await world.say("go"))
        pieces = await watcher.next(1)
    assert "".join(piece.text for piece in pieces) == "abc"
    assert [piece.seq for piece in pieces] == list(range(1, len(pieces) + 1))
