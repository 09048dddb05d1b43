"""Who is written to without having asked, and what the record that is kept for ever says of people."""

import json

import msgspec
import pytest

from quarterdeck.flow.directory import ConnectionRules
from quarterdeck.ports import Capabilities
from quarterdeck.store import people
from quarterdeck.store.operations import operation
from tests.flow.world import World

WHO, ROOM = "person-4711", "room-4712"


async def posted(world: World, room: str = "r2") -> str:
    """Let the assistant write to a room; the result that it is shown."""
    world.main.use(("send_message", json.dumps({"room": room, "text": "news"})))
    await world.ended(await world.say("tell them"))
    await world.rest()
    results = [text for kind, text in world.history() if kind == "tool"]
    return results[-1]


async def deny(world: World, who: str) -> None:
    await world.store.commit(operation("pairing", people.set_identity_state(people.identity_id("wire", who), "denied")))


@pytest.fixture
async def posting(idle_world: World) -> World:
    """A started world whose assistant may write to other rooms."""
    idle_world.settings.let(tools=("send_message",))
    await idle_world.start()
    return idle_world


async def test_a_stranger_who_was_refused_is_not_written_to(idle_world: World) -> None:
    world = idle_world
    world.settings.let(tools=("send_message",))
    world.settings.wire = ConnectionRules("wire", "test", "default", "allowlist", ("p1",))
    await world.start()
    assert world.outcome(await world.say("hello", room="r2", who="p2")) == "refused"
    assert (await posted(world)).startswith("Failed. no room r2 on wire has spoken with this assistant")
    assert world.platform.texts("r2") == []


async def test_a_stranger_who_was_given_a_code_is_not_written_to_before_being_let_in(idle_world: World) -> None:
    world = idle_world
    world.settings.let(tools=("send_message",))
    world.settings.wire = ConnectionRules("wire", "test", "default", "pairing", ("p1",))
    await world.start()
    await world.say("hello", room="r2", who="p2")
    await world.rest()
    assert "no room r2" in await posted(world)
    assert len(world.platform.texts("r2")) == 1  # the code


async def test_who_was_put_out_is_not_written_to(posting: World) -> None:
    await posting.ended(await posting.say("hello", room="r2", who="p2"))
    await posting.rest()
    assert await posted(posting) == "Queued for room r2."
    await deny(posting, "p2")
    assert "no room r2" in await posted(posting)
    assert posting.platform.texts("r2") == ["re: hello", "news"]


async def test_who_is_no_longer_on_the_list_is_not_written_to(posting: World) -> None:
    await posting.ended(await posting.say("hello", room="r2", who="p2"))
    await posting.rest()
    posting.settings.wire = ConnectionRules("wire", "test", "default", "allowlist", ("p1",))
    await posting.restart()
    assert "no room r2" in await posted(posting)
    assert posting.platform.texts("r2") == ["re: hello"]


async def test_a_room_where_somebody_may_still_speak_is_written_to(posting: World) -> None:
    for who in ("p2", "p3"):
        await posting.ended(await posting.say("hello", room="r2", who=who))
    await posting.rest()
    await deny(posting, "p2")
    assert await posted(posting) == "Queued for room r2."


async def test_no_record_that_is_kept_names_a_person(idle_world: World) -> None:
    """The platform's ids of people and of their rooms, their names and their words are content, never in a leaf."""
    world = idle_world
    world.settings.let(tools=("send_message",))
    world.settings.capabilities = Capabilities(400, edits=True)
    world.settings.wire = ConnectionRules("wire", "test", "default", "pairing", (WHO,), streaming=True)
    await world.start()
    mine = {"room": ROOM, "who": WHO}
    await world.say("hello there", **mine, ref="message-4713")
    await world.say("hello again", **mine, ref="message-4713", edit=True)
    await world.rest()
    for room in (ROOM, "room-4799"):
        world.main.use(("send_message", json.dumps({"room": room, "text": "hello too"})))
        await world.say("tell them", **mine)
        await world.rest()
    await world.say("hello", room="room-4714", who="person-4715")  # a stranger
    held = world.main.hold("hello")
    await world.say("slow", **mine)
    await held.reached()
    await world.say("/stop", **mine)
    await world.say("hello", room=ROOM, who=WHO, connection="web")
    await world.rest()
    leaves = b"\n".join(bytes(row["leaf"]) for row in world.rows("SELECT leaf FROM audit"))
    kinds = {msgspec.json.decode(row["leaf"])["type"] for row in world.rows("SELECT leaf FROM audit")}
    assert {"message.in", "message.out", "send.intent", "stream.intent", "tool.intent", "tool.outcome"} <= kinds
    assert "change.session.stop" in kinds
    for named in (b"person-47", b"room-47", b"message-47", b"Name of", b"hello", b"tell"):
        assert named not in leaves, named
