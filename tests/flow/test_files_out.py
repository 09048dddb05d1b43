"""Files of a conversation that an assistant sends: parts of a delivery behind its text."""

import pytest

from quarterdeck.flow.sending import repeat_mark
from quarterdeck.model.message import Attachment, ToolResult
from quarterdeck.ports import Capabilities
from tests.flow.world import World

REPEAT = repeat_mark("en")


@pytest.fixture
async def posting(idle_world: World) -> World:
    """A world whose assistant may send files of up to 10 bytes."""
    idle_world.settings.let(tools=("send_message",))
    idle_world.settings.capabilities = Capabilities(400, file_bytes=10)
    idle_world.platform.files = {"f1": b"old", "f2": b"new", "f3": b"much too large"}
    await idle_world.start()
    return idle_world


def a_file(native: str, name: str = "a.txt") -> Attachment:
    return Attachment(name, "text/plain", 3, native_id=native)


def result(world: World) -> ToolResult:
    """What the model was shown of its last call."""
    return [m for m in world.main.requests[-1].messages if isinstance(m, ToolResult)][-1]


async def test_a_file_of_the_conversation_is_sent_behind_its_text(posting: World) -> None:
    await posting.ended(await posting.say("one", files=(a_file("f1"), a_file("f1", "b.txt"))))
    posting.main.use(("send_message", '{"text":"here","files":["a.txt","b.txt"]}'))
    await posting.ended(await posting.say("back please", files=(a_file("f2"),)))
    await posting.rest()
    assert result(posting).text == "Queued for room of this conversation with 2 files."
    assert posting.platform.texts() == ["re: one", "here", "[a.txt]", "[b.txt]", "re: back please"]
    assert posting.platform.received == [("a.txt", b"new"), ("b.txt", b"old")], "the newest of a name"
    assert posting.part_states() == ["sent"] * 5


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ('["c.txt"]', "there is no 'c.txt' in this conversation; there are: a.txt, big.txt"),
        ('["big.txt"]', "big.txt has 14 bytes; wire takes 10"),
    ],
)
async def test_a_file_that_cannot_be_sent_is_said_and_nothing_is_sent(posting: World, wanted: str, says: str) -> None:
    posting.main.use(("send_message", f'{{"text":"here","files":{wanted}}}'))
    await posting.ended(await posting.say("go", files=(a_file("f1"), a_file("f3", "big.txt"))))
    await posting.rest()
    assert (result(posting).status, says in result(posting).text) == ("error", True)
    assert posting.platform.texts() == ["re: go"]


async def test_where_no_file_can_be_sent_that_is_said(idle_world: World) -> None:
    idle_world.settings.let(tools=("send_message",))
    idle_world.platform.files = {"f1": b"old"}
    await idle_world.start()
    idle_world.main.use(("send_message", '{"text":"here","files":["a.txt"]}'))
    await idle_world.ended(await idle_world.say("go", files=(a_file("f1"),)))
    assert "wire cannot send files now" in result(idle_world).text


@pytest.mark.parametrize(
    ("point", "shown"),
    [
        ("tool.after", ["here", "[a.txt]"]),
        ("op.tool_result.after", ["here", "[a.txt]"]),
        ("op.send_intent.after:2", ["here", f"{REPEAT}[a.txt]"]),
        ("op.send_outcome.before:2", ["here", "[a.txt]", f"{REPEAT}[a.txt]"]),
    ],
)
async def test_a_crash_while_a_file_is_sent_repeats_it_only_with_a_mark(
    posting: World, point: str, shown: list[str]
) -> None:
    posting.main.use(("send_message", '{"text":"here","files":["a.txt"]}'))
    name, _, hit = point.partition(":")
    posting.parts.crash.arm(name, int(hit or 1))
    accepted = await posting.say("go", files=(a_file("f1"),))
    await posting.died.wait()
    await posting.restart()
    await posting.ended(accepted)
    await posting.rest()
    assert [text for text in posting.platform.texts() if "re:" not in text] == shown
    assert {content for _, content in posting.platform.received} == {b"old"}
