"""First contact: everybody is told once, and once only, by which machine they are answered."""

import asyncio
import contextlib

import msgspec
import pytest

from quarterdeck.actions.pairing import Pairings
from quarterdeck.flow.directory import ConnectionRules
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.assistant import Introduction
from quarterdeck.store import people
from tests.flow.world import Died, World

ADA = Introduction("Ada Example", "ada@example.org")
OPERATOR = Actor(id="owner", kind="operator")


@pytest.fixture
async def honest(idle_world: World) -> World:
    """A world whose assistant introduces itself."""
    idle_world.settings.let(introduction=ADA)
    await idle_world.start()
    return idle_world


def introductions(world: World) -> list[str]:
    return [text for text in world.platform.texts() if "I am a machine" in text]


def introduced(world: World) -> list[str]:
    """The rooms in which it was said, over all connections."""
    rows = world.rows("SELECT d.room_id, p.text FROM parts p JOIN deliveries d ON d.id = p.delivery_id ORDER BY p.seq")
    return [row["room_id"] for row in rows if "I am a machine" in row["text"]]


def pairings(world: World) -> Pairings:
    parts = world.parts
    return Pairings(parts.store, parts.directory, parts.auditor, parts.sending, parts.outbox, world.clock)


async def test_the_first_message_is_answered_after_it_was_said_who_answers(honest: World) -> None:
    await honest.say("hello")
    await honest.say("again")
    await honest.rest()
    first, *others = honest.platform.texts()
    assert "a machine: an AI assistant, not a person" in first
    assert "Ada Example" in first
    assert "ada@example.org" in first
    assert "/stop" in first
    assert "block this chat" in first
    assert others == ["re: hello", "re: again"]
    assert honest.history()[:2] == [("user", "hello"), ("assistant", "re: hello")], "the model is not told"


@pytest.mark.parametrize("text", ["/stop", "/status"])
async def test_a_command_is_a_first_message_too(honest: World, text: str) -> None:
    await honest.say(text)
    await honest.rest()
    assert len(introductions(honest)) == 1
    assert len(honest.platform.texts()) == 2


async def test_everybody_in_a_group_is_told(honest: World) -> None:
    for who in ("p1", "p2", "p1", "p2"):
        await honest.say("hello", who=who, kind="group", connection="web")
    assert len(introduced(honest)) == 2


async def test_once_in_all_rooms(honest: World) -> None:
    for room in ("r1", "r2", "r1"):
        await honest.say("hello", room=room, connection="web")
    assert introduced(honest) == [people.room_id("web", "r1")]


async def test_first_messages_at_once_bring_one(honest: World) -> None:
    await asyncio.gather(*(honest.say("hello", room=f"r{n}") for n in range(5)))
    await honest.rest()
    assert len(introduced(honest)) == 1
    assert honest.outcomes() == ["answered"] * 5


@pytest.mark.parametrize("point", ["op.accept.before", "op.accept.after", "intake.acknowledge", "send.before"])
async def test_no_crash_loses_or_repeats_it(honest: World, point: str) -> None:
    """Killed around the commit that holds it; what the platform brings again is the same act."""
    act = honest.act("hello")
    honest.parts.crash.arm(point)
    with contextlib.suppress(Died):
        await honest.accept(act)
    await honest.died.wait()
    await honest.restart()
    await honest.accept(act)
    await honest.say("again")
    await honest.rest()
    marked = [text for text in introductions(honest) if text.startswith("(This may be a repeat.)")]
    assert len(introductions(honest)) - len(marked) <= 1
    assert len(introductions(honest)) == 1
    assert honest.rows("SELECT COUNT(*) AS n FROM first_contacts") == [{"n": 1}]


async def test_it_comes_with_the_greeting_of_who_is_let_in(idle_world: World) -> None:
    world = idle_world
    world.settings.let(introduction=ADA)
    world.settings.wire = ConnectionRules("wire", "test", "default", "pairing")
    await world.start()
    await world.say("let me in", language="de")
    (asked,) = world.rows("SELECT code FROM pairings")
    await pairings(world).approve(asked["code"], OPERATOR)
    await world.say("hello", language="de")
    await world.rest()
    code, introduction, greeting, answer = world.platform.texts()
    assert asked["code"] in code
    assert introduction.startswith("Hallo. Ich bin eine Maschine")
    assert greeting.startswith("Sie sind zugelassen.")
    assert answer == "re: hello"


async def test_a_crash_while_somebody_is_let_in_repeats_nothing(idle_world: World) -> None:
    world = idle_world
    world.settings.let(introduction=ADA)
    world.settings.wire = ConnectionRules("wire", "test", "default", "pairing")
    await world.start()
    await world.say("let me in")
    (asked,) = world.rows("SELECT code FROM pairings")
    world.parts.crash.arm("op.pairing.after")
    approving = asyncio.create_task(pairings(world).approve(asked["code"], OPERATOR))
    await world.died.wait()
    approving.cancel()
    await world.restart()
    await world.say("hello")
    await world.rest()
    assert len(introductions(world)) == 1
    assert world.platform.texts()[-1] == "re: hello"


async def test_not_to_programs(honest: World) -> None:
    rules = dict(honest.parts.directory._connections)
    rules["api"] = ConnectionRules("api", "api", "default")
    honest.parts.directory._connections = rules
    await honest.say("hello", connection="api")
    await honest.say("hello", connection="web", room="r2")
    await honest.rest()
    assert introduced(honest) == [people.room_id("web", "r2")]


async def test_on_the_page_it_stands_before_what_was_said(honest: World) -> None:
    accepted = await honest.say("hello", connection="web")
    await honest.rest()
    events = honest.rows("SELECT seq, kind, data FROM events ORDER BY seq")
    assert [event["kind"] for event in events][:3] == ["delivery", "inbox.accepted", "turn.started"]
    notice = msgspec.json.decode(events[0]["data"])
    assert (notice["kind"], notice["turn"]) == ("notice", "")
    assert "block this chat" not in notice["text"]
    assert accepted.position == 2  # type: ignore[union-attr]  of what was said


async def test_whoever_wants_no_introduction_has_none(world: World) -> None:
    await world.say("hello")
    await world.rest()
    assert world.platform.texts() == ["re: hello"]


async def test_an_assistant_may_say_it_in_its_own_words(idle_world: World) -> None:
    world = idle_world
    world.settings.let(introduction=Introduction(texts=(("en", "I am a machine of the town hall."),)))
    await world.start()
    await world.say("hello")
    await world.rest()
    assert world.platform.texts() == ["I am a machine of the town hall.", "re: hello"]
