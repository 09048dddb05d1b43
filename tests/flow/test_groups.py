"""In which groups is it answered, to whom, and what is kept of the rest? And what when a group moves."""

import re
from typing import Any

import msgspec
import pytest

from quarterdeck.actions.pairing import Pairings
from quarterdeck.base.errors import NotFound
from quarterdeck.flow.directory import GroupRules
from quarterdeck.governance.audit import SYSTEM
from quarterdeck.model.inbound import Acceptance, Accepted, Inbound, Room, RoomChange
from quarterdeck.model.message import Quoted, UserMessage
from quarterdeck.store import people
from tests.flow.world import World

pytestmark = pytest.mark.proves("channel.telegram")

CODE = re.compile(r"\b[0-9A-F]{8}\b")
MENTION = "Mention me"


@pytest.fixture
async def world(idle_world: World) -> World:
    """A started world whose connection has everything as it is without a word in the configuration."""
    await rules(idle_world, start=True)
    return idle_world


async def rules(world: World, *, start: bool = False, **changes: Any) -> None:
    """Let other rules hold, from a restart on."""
    world.settings.wire = msgspec.structs.replace(
        world.settings.wire, **{"dm_policy": "pairing", "group_policy": "allowlist", **changes}
    )
    await (world.start() if start else world.restart())


def act(world: World, text: str, *, room: Room | None = None, who: str = "p1", **more: Any) -> Inbound:
    made = world.act(text, who=who)
    return msgspec.structs.replace(made, room=room or Room("g1", "group", "Crew"), **more)


async def say(world: World, text: str, **more: Any) -> Acceptance:
    accepted = await world.accept(act(world, text, **more))
    if accepted.inbox_id:
        await world.ended(accepted)
        await world.rest()
    return accepted


async def let_in(world: World, room: str = "g1") -> str:
    """Approve the newest code that a room was shown; what it was."""
    parts = world.parts
    code = CODE.findall(world.platform.texts(room)[-1])[-1]
    await Pairings(parts.store, parts.directory, parts.auditor, parts.sending, parts.outbox, world.clock).approve(
        code, SYSTEM
    )
    await world.rest()
    return code


def shown(world: World) -> list[UserMessage]:
    return [one for one in world.main.requests[-1].messages if isinstance(one, UserMessage)]


# -- admission -----------------------------------------------------------------------------------------------


async def test_a_strange_group_is_shown_a_code_once_and_answered_when_it_was_let_in(world: World) -> None:
    first = await say(world, "hello")
    again = await say(world, "hello?", who="p2")
    assert [world.outcome(one) for one in (first, again)] == ["refused", "refused"]
    assert len(world.platform.texts("g1")) == 1
    await let_in(world)
    assert MENTION in world.platform.texts("g1")[-1]
    for who in ("p1", "p2", "p3"):
        assert world.outcome(await say(world, f"{who} speaks", who=who)) == "answered"
    assert world.platform.texts("g1")[-1] == "re: p3 speaks"


async def test_a_group_that_was_let_in_opens_no_private_chat_and_the_other_way_round(world: World) -> None:
    await say(world, "hello")
    await let_in(world)
    assert world.outcome(await say(world, "psst", room=Room("r9"))) == "refused"
    await let_in(world, "r9")
    assert world.outcome(await say(world, "hello", room=Room("r9"))) == "answered"
    assert world.outcome(await say(world, "hello", room=Room("g2", "group"))) == "refused"


async def test_a_group_that_was_kept_out_hears_nothing_more(world: World) -> None:
    await say(world, "hello")
    parts = world.parts
    code = CODE.findall(world.platform.texts("g1")[-1])[-1]
    pairings = Pairings(parts.store, parts.directory, parts.auditor, parts.sending, parts.outbox, world.clock)
    denied = await pairings.deny(code, SYSTEM)
    assert (denied.kind, denied.native_id, denied.name) == ("group", "g1", "Crew")
    assert world.outcome(await say(world, "hello?")) == "refused"
    assert len(world.platform.texts("g1")) == 1
    with pytest.raises(NotFound):
        await pairings.approve(code, SYSTEM)


async def test_two_strange_groups_of_one_person_have_a_code_each(world: World) -> None:
    await say(world, "hello")
    await say(world, "hello", room=Room("g2", "group"))
    assert await let_in(world, "g1") != await let_in(world, "g2")


async def test_a_topic_is_let_in_with_its_group(world: World) -> None:
    topic = Room("g1/4", "thread", "Crew", "g1")
    await say(world, "hello", room=topic)
    await let_in(world, "g1/4")
    assert MENTION in world.platform.texts("g1")[-1], "the greeting is the group's"
    assert world.outcome(await say(world, "hello", room=Room("g1/5", "thread", "Crew", "g1"))) == "answered"
    assert world.platform.texts("g1/5") == ["re: hello"], "the answer comes where the question was"


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"group_policy": "open"}, "answered"),
        ({"group_policy": "disabled", "allow": ("g1",)}, "refused"),
        ({"allow": ("g1",)}, "answered"),
        ({"allow": ("p1",)}, "refused"),
        ({"groups": {"g1": GroupRules(True)}}, "answered"),
        ({"group_policy": "open", "groups": {"g1": GroupRules(False)}}, "refused"),
        ({"dm_policy": "open"}, "refused"),
    ],
)
async def test_the_policy_of_a_connection(idle_world: World, changes: dict[str, Any], outcome: str) -> None:
    await rules(idle_world, start=True, **changes)
    assert idle_world.outcome(await say(idle_world, "hello")) == outcome


# -- what people say to each other -----------------------------------------------------------------------------


async def test_nothing_is_kept_of_what_is_not_said_to_the_assistant(world: World) -> None:
    await say(world, "hello")
    await let_in(world)
    before = {table: world.rows(f"SELECT COUNT(*) AS n FROM {table}") for table in ("inbox", "audit", "identities")}
    talk = await say(world, "lunch at noon, Bo", who="p7", addressed=False)
    assert talk == Accepted("", "", 0, "ignored")
    assert before == {table: world.rows(f"SELECT COUNT(*) AS n FROM {table}") for table in before}


async def test_without_the_need_for_a_mention_everything_is_answered_in_that_group_alone(idle_world: World) -> None:
    groups = {"g1": GroupRules(True, require_mention=False), "g2": GroupRules(True)}
    await rules(idle_world, start=True, groups=groups)
    assert idle_world.outcome(await say(idle_world, "lunch?", addressed=False)) == "answered"
    assert (await say(idle_world, "lunch?", room=Room("g2", "group"), addressed=False)).inbox_id == ""


async def test_a_strange_group_where_nobody_speaks_to_the_assistant_is_not_spoken_to(idle_world: World) -> None:
    await rules(idle_world, start=True, require_mention=False)
    assert (await say(idle_world, "lunch?", addressed=False)).inbox_id == ""
    assert idle_world.platform.texts("g1") == []


# -- what the model is told ------------------------------------------------------------------------------------


async def test_in_a_shared_conversation_the_model_is_told_who_speaks_and_what_is_answered(idle_world: World) -> None:
    await rules(idle_world, start=True, groups={"g1": GroupRules(True, session_per="room")})
    await say(idle_world, "lunch?", who="p1")
    await say(idle_world, "where?", who="p2", quoted=Quoted("re: lunch?", own=True))
    assert [one.text for one in shown(idle_world)] == ["Name of p1: lunch?", "Name of p2: where?"]
    assert shown(idle_world)[-1].quoted == Quoted("re: lunch?", own=True)


async def test_a_group_may_have_its_own_conversations(idle_world: World) -> None:
    await rules(idle_world, start=True, group_policy="open", groups={"g1": GroupRules(True, session_per="room")})
    shared = [await say(idle_world, "hello", who=who) for who in ("p1", "p2")]
    own = [await say(idle_world, "hello", who=who, room=Room("g2", "group")) for who in ("p1", "p2")]
    assert (len({one.session_id for one in shared}), len({one.session_id for one in own})) == (1, 2)


async def test_an_album_is_answered_once(idle_world: World) -> None:
    await rules(idle_world, start=True, group_policy="open")
    album = {"mode": "collect", "gather_ms": 1500}
    first, second = [await idle_world.accept(act(idle_world, text, **album)) for text in ("look", "and this")]
    idle_world.jump(2)
    idle_world.look()
    assert list(await idle_world.ended(first, second)) == ["answered", "answered"]
    await idle_world.rest()
    assert len(idle_world.main.requests) == 1
    assert [one.text for one in shown(idle_world)] == ["look", "and this"]


# -- rooms that change -----------------------------------------------------------------------------------------


async def changed(world: World, room: str, change: RoomChange, kind: str = "group") -> Acceptance:
    made = act(world, f"[{change.what}]", room=Room(room, kind, "Crew"))  # type: ignore[arg-type]
    return await world.accept(msgspec.structs.replace(made, kind="room", change=change, message_ref=""))


async def test_a_group_that_moves_keeps_its_conversation_and_is_answered_where_it_is(idle_world: World) -> None:
    world = idle_world
    await rules(world, start=True, session_per="room")
    await say(world, "hello")
    await let_in(world)
    before = await say(world, "first")
    for old, new in (("g1", "g5"), ("g1", "g5"), ("g5", "g6")):  # told twice, and moved once more
        accepted = await changed(world, old, RoomChange("moved", new))
        assert world.outcome(accepted) == "command"
        after = await say(world, f"hello {new}", room=Room(new, "group", "Crew"))
        assert after.session_id == before.session_id
    assert world.platform.texts("g5") == ["re: Name of p1: hello g5"] * 2
    assert world.platform.texts("g6") == ["re: Name of p1: hello g6"]
    topic = await say(world, "third", room=Room("g6/4", "thread", "Crew", "g6"))
    assert (topic.session_id, world.platform.texts("g6/4")) == (before.session_id, ["re: Name of p1: third"])


async def test_a_change_of_a_room_is_told_once(world: World) -> None:
    change = act(world, "[removed]", kind="room", change=RoomChange("removed"), message_ref="", act_key="g1/member/1")
    first, again = await world.accept(change), await world.accept(change)
    assert first.inbox_id == again.inbox_id
    assert world.outcomes() == ["command"]


async def test_a_room_that_the_bot_was_removed_from_is_not_written_to_until_it_is_back(idle_world: World) -> None:
    world = idle_world
    world.settings.let(tools=("send_message",))
    await rules(world, start=True, group_policy="open", dm_policy="open")
    await say(world, "hello")

    async def posted() -> str:
        world.main.use(("send_message", '{"room": "g1", "text": "news"}'))
        await say(world, "tell them", room=Room("r1"))
        return [text for kind, text in world.history(world.session(room="r1")) if kind == "tool"][-1]

    assert await posted() == "Queued for room g1."
    await changed(world, "g1", RoomChange("removed"))
    assert "no room g1" in await posted()
    await changed(world, "g1", RoomChange("reachable"))
    assert await posted() == "Queued for room g1."
    assert world.platform.texts("g1") == ["re: hello", "news", "news"]


async def test_whoever_tells_of_a_change_is_not_let_in_by_it(world: World) -> None:
    await changed(world, "r9", RoomChange("reachable"), "dm")
    who = await people.identity(world.store, people.identity_id("wire", "p1"))
    assert who is not None
    assert who.state == "unknown"
    assert world.outcome(await say(world, "hello", room=Room("r9"))) == "refused"
