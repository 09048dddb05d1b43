"""What an API client wishes reaches the model, its own tools are given to it, and a crash changes none of it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from quarterdeck.flow import context
from quarterdeck.model.asking import NO_WISHES, AnswerForm, Options, ToolSpec
from quarterdeck.model.message import (
    AssistantMessage,
    Attachment,
    LateResults,
    SystemEvent,
    ToolCall,
    ToolResult,
    UserMessage,
)
from quarterdeck.ports import ModelProfile
from quarterdeck.store import blobs
from quarterdeck.store.operations import Statement, operation
from tests.flow.doubles import ToolDouble
from tests.flow.world import World

pytestmark = pytest.mark.proves("channel.api")

THEIRS = ToolSpec("theirs", "The client's", '{"type":"object","properties":{}}')
WITH_TOOL = Options(client_tools=(THEIRS,))
SCHEMA = '{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],"additionalProperties":false}'


async def ask(world: World, text: str, options: Options = NO_WISHES, **more: Any) -> Any:
    """One act at the web door, which has rows of ours like `api`."""
    results = more.pop("results", ())
    history = more.pop("history", ())
    act = world.act(text, connection="web", **more)
    return await world.accept(msgspec.structs.replace(act, options=options, results=results, history=history))


def results_of(world: World, request: int = -1) -> list[tuple[str, str, str]]:
    messages = world.main.requests[request].messages
    return [(one.call_id, one.text, one.status) for one in messages if isinstance(one, ToolResult)]


def tool_intents(world: World) -> int:
    return len(world.rows("SELECT id FROM intents WHERE kind = 'tool'"))


# --- wishes ---------------------------------------------------------------------------------------------------


@pytest.mark.proves("v1.wishes")
async def test_wishes_reach_the_model_over_the_assistants(idle_world: World) -> None:
    world = idle_world
    world.settings.let(options=Options(temperature=0.1, seed=1))
    await world.start()
    wishes = Options(temperature=0.9, stop=("x",), effort="low", max_tokens=7, instructions="Be brief.")
    await world.ended(await ask(world, "one", wishes))
    await world.ended(await ask(world, "two"))
    first, second = world.main.requests
    assert first.options == Options(temperature=0.9, seed=1, stop=("x",), effort="low", max_tokens=7)
    assert (first.max_tokens, first.system) == (7, "Be brief.")
    assert (second.options, second.system) == (Options(temperature=0.1, seed=1), "")


async def test_the_newest_row_of_a_turn_wins(world: World) -> None:
    held = world.main.hold()
    first = await ask(world, "one")
    await held.reached()
    second = await ask(world, "two", Options(seed=2, top_p=0.5), mode="collect")
    third = await ask(world, "three", Options(seed=3), mode="collect")
    held.release()
    await world.ended(first, second, third)
    assert world.main.requests[-1].options == Options(seed=3, top_p=0.5)


@pytest.mark.proves("v1.wishes")
async def test_wishes_survive_the_end_of_the_process(world: World) -> None:
    held = world.main.hold()
    accepted = await ask(world, "one", Options(seed=5, client_tools=(THEIRS,)))
    await held.reached()
    await world.restart()
    await world.ended(accepted)
    assert [request.options.seed for request in world.main.requests] == [5, 5]
    assert all(THEIRS in request.tools for request in world.main.requests)


async def test_more_tokens_than_the_model_may_write_are_not_asked_for(world: World) -> None:
    world.main.profiles["m"] = ModelProfile(max_tokens=9)
    await world.ended(await ask(world, "one", Options(max_tokens=1000)))
    assert world.main.requests[0].max_tokens == 9


@pytest.mark.proves("v1.wishes")
async def test_a_choice_of_tool_holds_until_one_was_called(idle_world: World) -> None:
    world = idle_world
    world.add_tool(ToolDouble("look"))
    await world.start()
    world.main.use(("look", "{}"))
    await world.ended(await ask(world, "one", Options(tool_choice="look")))
    assert [request.options.tool_choice for request in world.main.requests] == ["look", ""]


async def test_without_tools_nothing_is_said_of_them(world: World) -> None:
    await world.ended(await ask(world, "one", Options(tool_choice="required", parallel_calls=False)))
    assert world.main.requests[0].options == NO_WISHES


# --- the client's own tools -----------------------------------------------------------------------------------


async def test_a_call_of_the_clients_tool_ends_the_turn_and_is_never_run(world: World) -> None:
    world.main.use(("theirs", '{"a":1}'), text="One moment.")
    accepted = await ask(world, "go", WITH_TOOL)
    assert list(await world.ended(accepted)) == ["answered"]
    assert (world.main.asked, tool_intents(world)) == (1, 0)
    assert len(world.rows("SELECT id FROM intents")) == 1
    steps = world.rows("SELECT step, content FROM steps ORDER BY step")
    assert [row["step"] for row in steps] == ["m1", "m1.t0"]
    assert json.loads(steps[1]["content"])["result"]["status"] == "given"
    assert world.rows("SELECT text FROM parts") == [{"text": "One moment."}]


@pytest.mark.proves("v1.tools")
async def test_a_result_takes_the_place_of_the_given_one(world: World) -> None:
    world.main.use(("theirs", "{}"), ("theirs", "{}"))
    await world.ended(await ask(world, "go", WITH_TOOL))
    late = (ToolResult("call_main_1", "theirs", "42"),)
    assert list(await world.ended(await ask(world, "", WITH_TOOL, results=late))) == ["answered"]
    assert results_of(world) == [("call_main_1", "42", "ok"), ("call_main_2", context.GIVEN, "given")]
    assert not any(one.text == "" for one in world.main.requests[-1].messages if isinstance(one, UserMessage))
    more = (ToolResult("call_main_2", "theirs", "43"),)
    await world.ended(await ask(world, "and now?", results=more))
    assert results_of(world) == [("call_main_1", "42", "ok"), ("call_main_2", "43", "ok")]
    last = world.main.requests[-1].messages[-1]
    assert isinstance(last, UserMessage)
    assert last.text == "and now?"


async def test_our_own_calls_of_that_answer_run_first(idle_world: World) -> None:
    world = idle_world
    tool = world.add_tool(ToolDouble("look"))
    await world.start()
    world.main.use(("look", "{}"), ("theirs", "{}"))
    await world.ended(await ask(world, "go", WITH_TOOL))
    assert (len(tool.runs), world.main.asked, tool_intents(world)) == (1, 1, 1)
    await world.ended(await ask(world, "", WITH_TOOL, results=(ToolResult("call_main_2", "theirs", "42"),)))
    assert results_of(world) == [("call_main_1", "look ran 1", "ok"), ("call_main_2", "42", "ok")]


async def test_the_clients_tool_hides_one_of_ours(idle_world: World) -> None:
    world = idle_world
    tool = world.add_tool(ToolDouble("theirs", effect="external", repeatable=False))
    await world.start()
    world.main.use(("theirs", "{}"))
    await world.ended(await ask(world, "go", WITH_TOOL))
    assert (tool.runs, tool_intents(world)) == ([], 0)
    assert world.main.requests[0].tools == (THEIRS,)


@pytest.mark.proves("v1.tools")
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(
    "point",
    ["provider.after", "op.model_step.before", "op.model_step.after", "op.tool_result.before", "op.tool_result.after",
     "op.end_turn.before", "op.end_turn.after"],
)  # fmt: skip
async def test_a_crash_hands_the_calls_over_once(idle_world: World, point: str, own: bool) -> None:
    world = idle_world
    if own:
        world.add_tool(ToolDouble("look"))
    await world.start()
    calls = [("look", "{}")] * own + [("theirs", "{}")]
    world.main.use(*calls)
    world.parts.crash.arm(point)
    accepted = await ask(world, "go", WITH_TOOL)
    if own or "tool_result" not in point:
        await world.died.wait()
        if not world.rows("SELECT 1 FROM steps"):
            world.main.use(*calls)  # the answer was lost: it is asked for again
        await world.restart()
    assert list(await world.ended(accepted)) == ["answered"]
    await world.rest()
    assert world.main.asked == (2 if point in ("provider.after", "op.model_step.before") else 1)
    given = world.rows("SELECT step FROM steps WHERE instr(CAST(content AS TEXT), '\"given\"') > 0")
    assert given == [{"step": f"m1.t{int(own)}"}]


async def test_what_steers_meanwhile_begins_the_next_turn(world: World) -> None:
    held = world.main.hold()
    world.main.script[-1].calls = (ToolCall("c1", "theirs", "{}"),)
    first = await ask(world, "go", WITH_TOOL)
    await held.reached()
    second = await ask(world, "and this", mode="steer")
    held.release()
    assert list(await world.ended(first, second)) == ["answered", "answered"]
    assert results_of(world) == [("c1", context.GIVEN, "given")]


async def test_results_that_steer_are_taken_in(world: World) -> None:
    world.main.use(("theirs", "{}"))
    await world.ended(await ask(world, "go", WITH_TOOL))
    held = world.main.hold()
    second = await ask(world, "meanwhile")
    await held.reached()
    late = await ask(world, "here", mode="steer", results=(ToolResult("call_main_1", "theirs", "42"),))
    held.release()
    assert list(await world.ended(second, late)) == ["answered", "absorbed"]
    assert results_of(world) == [("call_main_1", "42", "ok")]


async def test_a_stop_before_the_end_is_a_stop(world: World) -> None:
    world.main.use(("theirs", "{}"))
    waiting = ask(world, "/stop")

    async def stop() -> None:
        await waiting

    world.store.before["end_turn"].append(stop)
    accepted = await ask(world, "go", WITH_TOOL)
    assert list(await world.ended(accepted)) == ["stopped"]


def test_results_are_for_the_newest_call_of_their_id() -> None:
    def round_of(text: str, late: str) -> list[Any]:
        call = AssistantMessage(text, (ToolCall("c", "t", "{}"),))
        return [call, ToolResult("c", "t", "given", "given"), LateResults((ToolResult("c", "t", late),))]

    shown = context.said([*round_of("one", "1"), *round_of("two", "2"), LateResults((ToolResult("c", "t", "3"),))])
    assert [one.text for one in shown] == ["one", "1", "two", "3"]
    assert context.said([LateResults((ToolResult("gone", "t", "x"),))]) == (SystemEvent("Result of t: x"),)


# --- the form of the answer -----------------------------------------------------------------------------------


async def test_a_form_is_told_and_its_answer_is_bare(world: World) -> None:
    world.main.profiles["m"] = ModelProfile(label="a demo")
    world.main.say('```json\n{"n": 1}\n```')
    form = AnswerForm(SCHEMA)
    accepted = await ask(world, "go", Options(form=form), sent_at=world.clock.now() - 4000)
    assert list(await world.ended(accepted)) == ["answered"]
    assert world.rows("SELECT text FROM parts") == [{"text": '{"n": 1}'}]
    assert SCHEMA in world.main.requests[0].system
    assert world.main.requests[0].options.form == form


async def test_a_model_that_knows_forms_is_not_told_in_words(world: World) -> None:
    world.main.profiles["m"] = ModelProfile(forms=True)
    world.main.say('{"n": 1}')
    await world.ended(await ask(world, "go", Options(form=AnswerForm(SCHEMA))))
    assert world.main.requests[0].system == ""


@pytest.mark.proves("v1.forms")
@pytest.mark.parametrize("crash", ["", "op.model_step.after"])
async def test_an_answer_without_the_form_is_asked_for_once_more(world: World, crash: str) -> None:
    world.main.say("It is one.")
    world.main.say('{"n": 1}')
    if crash:
        world.parts.crash.arm(crash)
    accepted = await ask(world, "go", Options(form=AnswerForm(SCHEMA)))
    if crash:
        await world.died.wait()
        await world.restart()
    assert list(await world.ended(accepted)) == ["answered"]
    assert world.rows("SELECT text FROM parts") == [{"text": '{"n": 1}'}]
    told = world.main.requests[-1].messages
    assert told[-2] == AssistantMessage("It is one.")
    assert isinstance(told[-1], SystemEvent)
    assert "no JSON" in told[-1].text


@pytest.mark.proves("v1.forms")
async def test_a_second_answer_without_the_form_fails_honestly(world: World) -> None:
    world.main.say('{"n": "one"}')
    world.main.say('{"n": 1, "m": 2}')
    accepted = await ask(world, "go", Options(form=AnswerForm(SCHEMA)))
    assert list(await world.ended(accepted)) == ["failed"]
    assert "m is not asked for" in world.rows("SELECT text FROM parts")[0]["text"]
    assert world.main.asked == 2


# --- files ----------------------------------------------------------------------------------------------------


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def keep(world: World, data: bytes, mime: str = "image/png", name: str = "a.png") -> Attachment:
    blob = await world.parts.blobs.write(chunks(data), mime)
    await world.store.commit(operation("blob", blobs.row(blob, world.clock.now())))
    return Attachment(name, mime, blob.size, blob.digest)


async def lose(world: World, file: Attachment) -> None:
    """The bytes go, the row stays."""
    found = (world.folder / "blobs").rglob(file.blob)
    gone = Statement("lose", "DELETE FROM blob_parts WHERE digest = :digest", {"digest": file.blob})
    await world.store.commit(operation("blob", gone))
    for one in found:
        one.unlink()


@pytest.mark.proves("v1.files")
async def test_files_that_a_model_reads_are_in_the_request(world: World) -> None:
    world.main.profiles["m"] = ModelProfile(reads=("image/png",), file_bytes=10)
    picture, large = await keep(world, b"picture"), await keep(world, b"x" * 11)
    sheet = await keep(world, b"sheet", "text/csv", "a.csv")
    await world.ended(await ask(world, "look", files=(picture, large, sheet)))
    assert world.main.requests[0].files == {picture.blob: b"picture"}
    await world.ended(await ask(world, "and again"))
    assert world.main.requests[1].files == {picture.blob: b"picture"}


@pytest.mark.proves("v1.files")
async def test_files_of_a_messenger_are_in_the_request(world: World) -> None:
    world.main.profiles["m"] = ModelProfile(reads=("image/png",))
    world.platform.files["f"] = b"picture"
    await world.ended(await world.say("look", files=(Attachment("a.png", "image/png", 7, native_id="f"),)))
    assert list(world.main.requests[0].files.values()) == [b"picture"]


async def test_a_file_whose_bytes_are_gone_is_only_named(world: World) -> None:
    world.main.profiles["m"] = ModelProfile(reads=("image/png",))
    picture = await keep(world, b"picture")
    await lose(world, picture)
    assert list(await world.ended(await ask(world, "look", files=(picture,)))) == ["answered"]
    assert world.main.requests[0].files == {}
    assert world.log.named("file.missing")


def test_files_are_bounded_newest_first() -> None:
    profile = ModelProfile(reads=("image/png",), file_bytes=context.FILES_BYTES)
    many = [UserMessage("", (Attachment(str(n), "image/png", 1, f"d{n}"),)) for n in range(context.MOST_FILES + 5)]
    assert [one.blob for one in context.readable(many, profile)][:2] == ["d24", "d23"]
    assert len(context.readable(many, profile)) == context.MOST_FILES
    half = context.FILES_BYTES // 2 + 1
    large = [UserMessage("", (Attachment("a", "image/png", half, name),)) for name in ("old", "new", "new")]
    assert [one.blob for one in context.readable(large, profile)] == ["new"]
