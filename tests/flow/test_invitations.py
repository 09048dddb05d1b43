"""Who has an invitation is let in by the operation that accepts it, once; everybody else is a stranger as before."""

import asyncio
from collections import Counter

import msgspec
import pytest

from quarterdeck.actions.invitations import INVITATION_SECONDS, Invitation, Inviting
from quarterdeck.actions.pairing import Pairings
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.assistant import Introduction
from quarterdeck.model.inbound import Accepted, Duplicate
from tests.flow.world import World

OPERATOR = Actor(id="uid-0", kind="operator")


@pytest.fixture
async def world(idle_world: World) -> World:
    """Strangers are shown a code, and introduced to who speaks when they are let in."""
    idle_world.settings.wire = msgspec.structs.replace(
        idle_world.settings.wire, dm_policy="pairing", group_policy="allowlist"
    )
    idle_world.settings.let(introduction=Introduction("Ada", "Room 4"))
    await idle_world.start()
    return idle_world


def inviting(world: World) -> Inviting:
    return Inviting(world.store, world.parts.auditor, world.clock, world.parts.services.new_id)


async def invite(world: World, connection: str = "wire") -> Invitation:
    return await inviting(world).make(connection, OPERATOR)


async def let_in(world: World) -> bool:
    """Whether p1 may talk; a stranger is shown a code instead."""
    await world.say("may I?")
    await world.rest()
    return world.platform.texts()[-1] == "re: may I?"


async def test_the_first_who_says_the_code_is_let_in_and_greeted(world: World) -> None:
    made = await invite(world)
    accepted = await world.say(f"/start {made.code}")
    assert isinstance(accepted, Accepted)
    assert accepted.outcome == "command"
    await world.rest()
    introduced, greeted = world.platform.texts()
    assert introduced.startswith("Hello. I am a machine")
    assert greeted.startswith("You have been let in.")
    found = await inviting(world).get(made.id)
    assert (found.state, found.identity != "", found.sent) == ("approved", True, "sent")
    assert found.sent_at >= (found.decided_at or 0.0)
    assert world.main.asked == 0
    assert await let_in(world)
    record = b"".join(row["leaf"] for row in world.rows("SELECT leaf FROM audit"))
    assert b"change.pairing.invite" in record
    assert b"change.pairing.join" in record


async def test_a_code_that_comes_again_lets_in_once_and_is_a_repetition(world: World) -> None:
    made = await invite(world)
    first = await world.say(f"/start {made.code}", key="a1")
    again = await world.say(f"/start {made.code}", key="a1")
    assert isinstance(first, Accepted)
    assert isinstance(again, Duplicate)
    await world.rest()
    assert len(world.platform.texts()) == 2


async def test_of_many_who_say_it_at_once_one_is_let_in(world: World) -> None:
    made = await invite(world)
    await asyncio.gather(*(world.say(f"/start {made.code}", who=f"p{n}", room=f"r{n}") for n in range(6)))
    await world.rest()
    assert Counter(world.outcomes()) == {"command": 1, "refused": 5}
    assert len(world.rows("SELECT id FROM identities WHERE state = 'allowed'")) == 1


@pytest.mark.parametrize("trouble", ["wrong", "used", "old", "elsewhere", "long", "edit", "group"])
async def test_who_has_no_good_code_is_treated_as_every_stranger(world: World, trouble: str) -> None:
    made = await invite(world, "wire2" if trouble == "elsewhere" else "wire")
    code = {"wrong": made.code[::-1], "long": made.code + "x" * 64}.get(trouble, made.code)
    if trouble == "used":
        await world.say(f"/start {code}", who="p9", room="r9")
        await world.rest()
    if trouble == "old":
        world.jump(INVITATION_SECONDS + 1)
    kind, room = ("group", "g1") if trouble == "group" else ("dm", "r1")
    act = world.act(f"/start {code}", kind=kind, room=room, edit=trouble == "edit")
    with_code = await world.accept(msgspec.structs.replace(act, addressed=True))
    await world.rest()
    shown = world.platform.texts(room)[-1]
    plain = await world.say("hello", who="p2", room="r2")
    await world.rest()
    assert isinstance(with_code, Accepted)
    assert isinstance(plain, Accepted)
    assert with_code.outcome == plain.outcome == "refused"
    if trouble != "group":  # the very same words
        assert shown.rpartition(" ")[0] == world.platform.texts("r2")[-1].rpartition(" ")[0]


async def test_who_was_kept_out_does_not_come_back_by_an_invitation(world: World) -> None:
    made = await invite(world)
    await world.say("let me in")
    await world.rest()
    code = world.platform.texts()[-1].rpartition(" ")[2]
    parts = world.parts
    pairings = Pairings(parts.store, parts.directory, parts.auditor, parts.sending, parts.outbox, world.clock)
    await pairings.deny(code, OPERATOR)
    accepted = await world.say(f"/start {made.code}")
    assert isinstance(accepted, Accepted)
    assert accepted.outcome == "refused"
    assert (await inviting(world).get(made.id)).state == "offered"


async def test_of_the_code_nothing_is_kept(world: World) -> None:
    made = await invite(world)
    await world.say(f"/start {made.code}")
    await world.rest()
    kept = [*world.rows("SELECT content FROM inbox"), *world.rows("SELECT content FROM audit_content")]
    kept += world.rows("SELECT code AS content FROM pairings")
    assert any(b"/start" in bytes(row["content"]) for row in kept[:-1])
    assert not any(made.code.encode() in row["content"] for row in kept[:-1])
    assert made.code not in kept[-1]["content"] + repr(made)
