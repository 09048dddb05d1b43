"""What was said before, how long things may wait, and files."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import BadInput, NotFound, Retry
from quarterdeck.flow.compaction import KEPT_MESSAGES
from quarterdeck.flow.history import KEEP, History
from quarterdeck.model.message import AssistantMessage, Attachment, SystemEvent, UserMessage
from quarterdeck.ports import ModelProfile
from quarterdeck.store import blobs, sessions
from quarterdeck.store.blob_files import FileBlobs
from quarterdeck.store.operations import operation
from tests.flow.doubles import Held, ToolDouble
from tests.flow.world import World
from tests.waiting import until

# --- history --------------------------------------------------------------------------------------------------


async def test_a_model_is_shown_a_window_that_begins_where_a_person_speaks(world: World) -> None:
    world.main.profiles["m"] = ModelProfile(history_messages=3)
    for n in range(4):
        await world.ended(await world.say(f"m{n}", connection="web"))
    shown = world.main.requests[-1].messages
    assert isinstance(shown[0], SystemEvent)
    assert [m.text for m in shown[1:]] == ["m2", "re: m2", "m3"]


async def test_the_cache_gives_what_the_rows_give(world: World) -> None:
    session = world.session(connection="web")
    for n in range(KEEP // 2 + 5):
        await world.ended(await world.say(f"m{n}", connection="web"))
    await world.rest()
    row = await sessions.get(world.store, session)
    assert row is not None
    cached = await world.parts.history.read(row)
    fresh = await History(world.store, 1_000_000).read(row)
    assert KEPT_MESSAGES <= len(cached.messages) <= KEEP
    assert cached == fresh


async def test_a_long_conversation_takes_no_more_of_the_cache_than_it_holds(world: World) -> None:
    session = world.session(connection="web")
    await world.ended(await world.say("hello", connection="web"))
    row = await sessions.get(world.store, session)
    assert row is not None
    history = History(world.store, 50_000)
    message = UserMessage("x" * 80)
    await history.read(row)
    for _ in range(10 * KEEP):
        history.extend(row, row.fence, 9, (message,), (100,))
    assert history._bytes <= 100 * (KEEP + 3)
    assert session in history._entries, "what fits is kept"


async def test_a_cache_without_room_still_reads(world: World) -> None:
    world.parts.history._max_bytes = 0
    for n in range(3):
        await world.ended(await world.say(f"m{n}", connection="web"))
    assert [m.text for m in world.main.requests[-1].messages] == ["m0", "re: m0", "m1", "re: m1", "m2"]
    assert world.parts.history._bytes == 0


async def test_history_is_the_same_after_a_restart(world: World) -> None:
    for n in range(3):
        await world.ended(await world.say(f"m{n}", connection="web"))
    await world.restart()
    await world.ended(await world.say("m3", connection="web"))
    assert [m.text for m in world.main.requests[-1].messages[:-1]] == ["m0", "re: m0", "m1", "re: m1", "m2", "re: m2"]


async def test_what_a_client_sent_along_stands_before_its_message(world: World) -> None:
    before = (UserMessage("first"), AssistantMessage("second"))
    act = world.act("third", connection="web")
    await world.ended(await world.accept(msgspec.structs.replace(act, history=before)))
    assert [m.text for m in world.main.requests[-1].messages] == ["first", "second", "third"]


async def test_each_ended_turn_leaves_its_messages(world: World) -> None:
    world.main.fail("invalid", retryable=False)
    await world.ended(await world.say("one", connection="web"))
    held = world.main.hold()
    stopped = await world.say("two", connection="web")
    await held.reached()
    await world.say("/stop", connection="web")
    await world.ended(stopped)
    await world.ended(await world.say("three", connection="web"))
    assert world.history(world.session(connection="web")) == [
        ("user", "one"),
        ("user", "two"),
        ("event", "The answer to this was stopped before it was finished."),
        ("user", "three"),
        ("assistant", "re: three"),
    ]


# --- time -----------------------------------------------------------------------------------------------------


@pytest.mark.proves("M5")
async def test_a_late_answer_says_so(world: World) -> None:
    await world.say("old", sent_at=world.clock.now() - 400)
    await world.rest()
    (text,) = world.platform.texts()
    assert text.startswith("(A late answer to your message of 20")
    assert text.endswith("UTC.)\n\nre: old")
    assert world.history()[-1] == ("assistant", "re: old")


async def test_an_answer_in_time_does_not(world: World) -> None:
    await world.say("new", sent_at=world.clock.now() - 200)
    await world.rest()
    assert world.platform.texts() == ["re: new"]


@pytest.mark.proves("M5", "outcome.expired")
@pytest.mark.parametrize("mode", ["followup", "steer", "collect"])
async def test_what_waited_too_long_expires_with_a_word(world: World, mode: str) -> None:
    held = world.main.hold("first")
    first = await world.say("one")
    await held.reached()
    waiting = [await world.say(f"two {n}", mode=mode) for n in range(2)]
    if mode == "steer":
        await world.restart()  # else the end of the turn takes them in
        world.main.script.clear()
    world.clock.ahead += 90_000
    held.release()
    outcomes = list(await world.ended(first, *waiting))
    assert outcomes[0] == "answered"
    assert set(outcomes[1:]) <= ({"expired"} if mode != "steer" else {"expired", "absorbed"})
    await world.rest()


async def test_what_arrives_older_than_its_time_to_live_is_not_answered(world: World) -> None:
    accepted = await world.say("yesterday", sent_at=world.clock.now() - 90_000)
    assert list(await world.ended(accepted)) == ["expired"]
    await world.rest()
    assert world.main.asked == 0
    assert world.platform.texts()[0].startswith("I could not answer your message of")


async def test_a_stop_beside_an_expiry_ends_each_row_once(world: World) -> None:
    world.store.before["expire"].append(lambda: world.say("/stop"))
    accepted = await world.say("yesterday", sent_at=world.clock.now() - 90_000, mode="steer")
    assert list(await world.ended(accepted)) == ["stopped"]


# --- files ----------------------------------------------------------------------------------------------------


def file(name: str = "f") -> Attachment:
    return Attachment(f"{name}.txt", "text/plain", 4, native_id=name)


def files_shown(world: World) -> list[Attachment]:
    return [a for m in world.main.requests[-1].messages if isinstance(m, UserMessage) for a in m.attachments]


async def test_a_file_is_fetched_before_the_model_is_asked(world: World) -> None:
    world.platform.files["f"] = b"data"
    await world.ended(await world.say("look", files=(file(),)))
    await world.rest()
    (shown,) = files_shown(world)
    assert await world.parts.blobs.read(shown.blob) == b"data"
    assert (await blobs.get(world.store, shown.blob)).size == 4
    committed = [name for name in world.store.committed if name != "blob_part"]
    assert committed == ["accept", "take", "media", "model_intent", "end_turn", "send_outcome"]


@pytest.mark.parametrize(
    "why", [BadInput("file", "is too large", "Send less."), Retry("not now"), NotFound("it is gone")]
)
async def test_a_file_that_cannot_be_fetched_says_why(world: World, why: Exception) -> None:
    world.platform.files["f"] = why
    assert list(await world.ended(await world.say("look", files=(file(),)))) == ["answered"]
    (shown,) = files_shown(world)
    assert (shown.blob, shown.error) == ("", str(why))


@pytest.mark.proves("context.documents")
async def test_a_document_is_read_before_the_model_is_asked(world: World) -> None:
    world.platform.files["f1"] = b"the budget is 42"
    world.platform.files["f2"] = b"%PDF-1.4 broken"
    files = (
        Attachment("notes.txt", "text/plain", 16, native_id="f1"),
        Attachment("plan.pdf", "application/pdf", 15, native_id="f2"),
    )
    await world.ended(await world.say("look", files=files))
    message = world.main.requests[-1].messages[-1]
    assert isinstance(message, UserMessage)
    assert [file.text for file in message.attachments] == ["the budget is 42", ""]
    assert message.attachments[1].unreadable.startswith("it cannot be read")
    await world.restart()
    await world.ended(await world.say("again"))
    earlier = world.main.requests[-1].messages[0]
    assert isinstance(earlier, UserMessage)
    assert earlier.attachments == message.attachments, "what was read is kept, not read again"


@pytest.mark.parametrize("point", ["op.take.after", "blob.written", "op.media.before", "op.media.after"])
async def test_a_crash_in_step_0_loses_no_file(world: World, point: str) -> None:
    world.platform.files["f"] = b"data"
    world.parts.crash.arm(point)
    accepted = await world.say("look", files=(file(),))
    await world.died.wait()
    await world.restart()
    assert list(await world.ended(accepted)) == ["answered"]
    assert files_shown(world)[0].blob


async def test_the_file_of_a_message_that_steers_is_fetched_or_said_not_to_be(idle_world: World) -> None:
    world = idle_world
    tool = world.add_tool(ToolDouble("look"))
    await world.start()
    world.platform.files["f"] = b"data"
    world.main.use(("look", "{}"))
    held = tool.hold()
    first = await world.say("go")
    await held.reached()
    steering = await world.say("and this", mode="steer", files=(file(),))
    held.release()
    await world.ended(first, steering)
    (shown,) = files_shown(world)
    assert shown.blob or shown.error


async def test_a_stop_does_not_wait_for_a_file(world: World) -> None:
    held = Held()
    world.platform.files["f"] = held
    accepted = await world.say("look", files=(file(),))
    await held.reached()
    await world.say("/stop")
    try:
        assert list(await world.ended(accepted)) == ["stopped"]
    finally:
        held.release()


async def test_the_same_bytes_are_one_blob(world: World) -> None:
    world.platform.files.update(f=b"data", g=b"data")
    await world.ended(await world.say("look", files=(file(), file("g"))))
    assert len({shown.blob for shown in files_shown(world)}) == 1
    assert world.rows("SELECT COUNT(*) AS n FROM blobs") == [{"n": 1}]
    assert stored_files(world.folder / "blobs") + len(world.rows("SELECT n FROM blob_parts")) == 1


def stored_files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


async def test_a_file_that_is_too_large_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        await FileBlobs(tmp_path, CrashPoints()).write(chunks(b"123", b"456"), "text/plain", 5)
    assert stored_files(tmp_path) == 0


async def test_a_write_that_is_cancelled_writes_into_no_other_file(tmp_path: Path) -> None:
    """Its thread may begin only after the cancellation, when the descriptor belongs to somebody else."""
    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(1)
    loop.set_default_executor(pool)
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        asked.set()
        await go.wait()
        yield b"stray bytes"

    writing = asyncio.create_task(FileBlobs(tmp_path / "blobs", CrashPoints()).write(slow(), "text/plain"))
    await asked.wait()
    blocked, unblock = asyncio.Event(), asyncio.Event()
    pool.submit(lambda: _block(loop, blocked, unblock))
    await blocked.wait()
    go.set()
    await until(lambda: pool._work_queue.qsize() == 1, what="the write to be queued")
    writing.cancel()
    ended = asyncio.create_task(asyncio.wait((writing,), timeout=1))
    await until(lambda: writing.done() or pool._work_queue.qsize() > 1, what="the cancellation to be seen")
    other = (tmp_path / "other").open("wb")
    unblock.set()
    await ended
    await loop.run_in_executor(pool, lambda: None)
    other.close()
    pool.shutdown()
    assert (tmp_path / "other").read_bytes() == b""


def _block(loop: asyncio.AbstractEventLoop, blocked: asyncio.Event, unblock: asyncio.Event) -> None:
    loop.call_soon_threadsafe(blocked.set)
    asyncio.run_coroutine_threadsafe(_wait(unblock), loop).result(10)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_reset_by_whoever_operates_hides_the_past(world: World) -> None:
    await world.ended(await world.say("my secret", connection="web"))
    session = world.session(connection="web")
    await world.store.commit(operation("session", sessions.stop(session), sessions.reset(session)))
    await world.ended(await world.say("hello", connection="web"))
    assert "secret" not in str(world.main.requests[-1].messages)
