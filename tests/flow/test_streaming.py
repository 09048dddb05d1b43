"""An answer that grows on a platform that can edit: one message, whose id is known before anything else is shown."""

import msgspec
import pytest

from quarterdeck.flow.sending import repeat_mark
from quarterdeck.model.inbound import Accepted
from quarterdeck.ports import Capabilities, MaybeSent, NotSent, SendRefused
from tests.flow.doubles import Answer, Held, ToolDouble
from tests.flow.world import World
from tests.waiting import until

REPEAT_MARK = repeat_mark("en")


@pytest.fixture
async def streamed(idle_world: World) -> World:
    """A world whose connection streams."""
    idle_world.settings.capabilities = Capabilities(400, edits=True, typing=True)
    idle_world.settings.wire = msgspec.structs.replace(idle_world.settings.wire, streaming=True)
    await idle_world.start()
    return idle_world


def growing(world: World, text: str, first: str) -> Held:
    """The next answer stops behind its first piece."""
    held = Held()
    world.main.say(text, deltas=(first,), after=held)
    return held


async def test_the_answer_grows_in_one_message(streamed: World) -> None:
    held = growing(streamed, "hello you", "hel")
    await streamed.say("go")
    await until(lambda: streamed.platform.texts() == ["hel"])
    await until(lambda: streamed.rows("SELECT native_id FROM parts")[0]["native_id"] == "n1")
    held.release()
    await streamed.rest()
    assert streamed.platform.texts() == ["hello you"]
    assert [kind for kind, _, _ in streamed.platform.calls] == ["show", "edit"]
    assert streamed.rows("SELECT kind, state FROM intents ORDER BY kind") == [
        {"kind": "model", "state": "done"}, {"kind": "send", "state": "done"}, {"kind": "stream", "state": "done"},
    ]  # fmt: skip


async def test_an_answer_that_was_never_shown_is_sent(streamed: World) -> None:
    await streamed.say("go")
    await streamed.rest()
    assert [kind for kind, _, _ in streamed.platform.calls] == ["send"]
    assert streamed.platform.texts() == ["re: go"]


async def test_a_long_answer_ends_in_further_messages(streamed: World) -> None:
    held = growing(streamed, "a" * 336 + "b" * 100, "a" * 350)
    await streamed.say("go")
    await until(lambda: "stream_id" in streamed.store.committed)
    held.release()
    await streamed.rest()
    assert [text[0] for text in streamed.platform.texts()] == ["a", "b"]


@pytest.mark.parametrize("point", ["op.stream_id.after", "provider.after", "op.end_turn.before"])
async def test_a_crash_between_goes_on_in_the_same_message(streamed: World, point: str) -> None:
    held = growing(streamed, "lost", "hel")
    streamed.parts.crash.arm(point)
    accepted = await streamed.say("go")
    await until(lambda: "stream_id" in streamed.store.committed or streamed.died.is_set())
    held.release()
    await streamed.died.wait()
    await streamed.restart()
    await streamed.ended(accepted)
    await streamed.rest()
    assert streamed.platform.texts() == ["re: go"]


async def test_a_crash_before_the_id_is_known_marks_the_repeat(streamed: World) -> None:
    growing(streamed, "lost", "hel")
    streamed.parts.crash.arm("stream.shown")
    await streamed.say("go")
    await streamed.died.wait()
    await streamed.restart()
    await streamed.rest()
    assert streamed.platform.texts() == ["hel", f"{REPEAT_MARK}re: go"]


async def test_an_unsure_first_showing_marks_the_repeat(streamed: World) -> None:
    streamed.platform.answers(MaybeSent("no answer"), arrives=True)
    held = growing(streamed, "hello", "hel")
    await streamed.say("go")
    await until(lambda: streamed.platform.calls)
    held.release()
    await streamed.rest()
    assert streamed.platform.texts() == ["hel", f"{REPEAT_MARK}hello"]


async def test_a_showing_that_is_under_way_when_the_answer_is_there_is_not_doubled(streamed: World) -> None:
    showing = streamed.platform.hold()
    held = growing(streamed, "hello", "hel")
    await streamed.say("go")
    await showing.reached()
    held.release()
    showing.release()
    await streamed.rest()
    assert streamed.platform.texts() == ["hello"]


async def test_a_stop_while_the_first_showing_is_under_way_leaves_no_second_unmarked_message(streamed: World) -> None:
    showing = streamed.platform.hold()
    growing(streamed, "hello", "hel")
    await streamed.say("go")
    await showing.reached()
    await streamed.say("/stop")
    showing.release()
    await streamed.rest()
    unmarked = [text for text in streamed.platform.texts() if not text.startswith(REPEAT_MARK)]
    assert sorted(unmarked) in (["Stopped.", "Stopped."], ["Stopped.", "hel"])


@pytest.mark.parametrize("result", [NotSent("slow down", 0.2), SendRefused("no", "not here")])
async def test_a_first_showing_that_did_not_arrive_is_made_up_by_the_answer(
    streamed: World, result: NotSent | SendRefused
) -> None:
    streamed.platform.answers(result)
    held = growing(streamed, "hello", "hel")
    await streamed.say("go")
    await until(lambda: streamed.platform.calls)
    held.release()
    await streamed.rest()
    assert streamed.platform.texts() == ["hello"]


async def test_a_showing_that_breaks_does_not_end_the_turn(streamed: World) -> None:
    streamed.platform.script.append(Answer(ValueError("a bug"), arrives=False))
    held = growing(streamed, "hello", "hel")
    accepted = await streamed.say("go")
    await until(lambda: streamed.platform.calls)
    held.release()
    assert list(await streamed.ended(accepted)) == ["answered"]
    await streamed.rest()
    assert streamed.main.asked == 1


async def test_an_interrupted_answer_says_that_it_is_one(streamed: World) -> None:
    growing(streamed, "never", "hel")
    first = await streamed.say("go")
    await until(lambda: "stream_id" in streamed.store.committed)
    second = await streamed.say("instead", mode="interrupt")
    await streamed.ended(first, second)
    await streamed.rest()
    assert streamed.platform.texts() == ["hel\n\n(Set aside for your newer message.)", "re: instead"]


async def test_a_streamed_answer_that_was_steered_and_the_next_are_both_read_in_order(streamed: World) -> None:
    held = growing(streamed, "first answer", "first")
    first = await streamed.say("go")
    await until(lambda: "stream_id" in streamed.store.committed)
    steering = await streamed.say("left", mode="steer")
    held.release()
    await streamed.ended(first, steering)
    await streamed.rest()
    assert streamed.platform.texts() == ["first answer", "re: left"]


async def test_a_steering_message_beside_the_end_does_not_break_what_is_streamed_next(streamed: World) -> None:
    streamed.store.before["end_turn"].append(lambda: streamed.say("left", mode="steer"))
    streamed.main.say("first answer")
    held = growing(streamed, "second answer", "second")
    accepted = await streamed.say("go")
    await until(lambda: streamed.main.asked == 2)
    await until(
        lambda: any("second" in text for _, _, text in streamed.platform.calls), what="the second answer to grow"
    )
    held.release()
    await streamed.ended(accepted)
    await streamed.rest()
    assert streamed.main.asked == 2


async def test_typing_is_shown_until_something_is_there(streamed: World) -> None:
    held = streamed.main.hold("hello")
    await streamed.say("go")
    await until(lambda: streamed.platform.typed == ["r1"])
    held.release()
    await streamed.rest()
    assert streamed.platform.texts() == ["hello"]


# --- drafts ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def drafting(idle_world: World) -> World:
    """A world whose platform has drafts."""
    idle_world.settings.capabilities = Capabilities(400, drafts=True)
    idle_world.settings.wire = msgspec.structs.replace(idle_world.settings.wire, streaming=True)
    await idle_world.start()
    return idle_world


async def test_a_draft_shows_the_growing_answer_and_leaves_no_record(drafting: World) -> None:
    held = growing(drafting, "hello you", "hel")
    await drafting.say("go")
    await until(lambda: drafting.platform.drafts, what="a draft")
    held.release()
    await drafting.rest()
    ((room, number, text),) = drafting.platform.drafts
    assert (room, text) == ("r1", "hel")
    assert 0 < number < 2**31
    assert drafting.platform.texts() == ["hello you"]
    assert [kind for kind, _, _ in drafting.platform.calls] == ["send"]
    assert [row["kind"] for row in drafting.rows("SELECT kind FROM intents ORDER BY kind")] == ["model", "send"]


async def test_a_turn_shows_no_more_drafts_once_the_platform_takes_none(drafting: World) -> None:
    drafting.platform.takes_drafts = False
    drafting.add_tool(ToolDouble("look"))
    await drafting.restart()
    first, second = Held(), Held()
    drafting.main.use(("look", "{}"), text="a", deltas=("a",), after=first)
    drafting.main.say("done", deltas=("do", "ne"), after=second)
    accepted = await drafting.say("go")
    await until(lambda: drafting.platform.drafts, what="a draft")
    assert isinstance(accepted, Accepted)
    with drafting.parts.live.watch(accepted.session_id) as watcher:
        first.release()
        while "ne" not in [piece.text for piece in await watcher.next(5)]:
            pass  # what is shown to watchers and drafts go out together
    second.release()
    await drafting.rest()
    assert [text for _, _, text in drafting.platform.drafts] == ["a"]
    assert drafting.platform.texts() == ["done"]


async def test_a_crash_behind_a_draft_sends_the_answer_without_a_mark(drafting: World) -> None:
    held = growing(drafting, "lost", "hel")
    drafting.parts.crash.arm("provider.after")
    await drafting.say("go")
    await until(lambda: drafting.platform.drafts, what="a draft")
    held.release()
    await drafting.died.wait()
    await drafting.restart()
    await drafting.rest()
    assert drafting.platform.texts() == ["re: go"]


async def test_without_streaming_there_is_no_draft(idle_world: World) -> None:
    idle_world.settings.capabilities = Capabilities(400, drafts=True)
    await idle_world.start()
    held = growing(idle_world, "hello you", "hel")
    await idle_world.say("go")
    await held.reached()
    held.release()
    await idle_world.rest()
    assert idle_world.platform.drafts == []
