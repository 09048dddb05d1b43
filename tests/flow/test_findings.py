"""A channel that explains itself is held against the groups that are configured and those that were let in."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from quarterdeck.actions.findings import Findings
from quarterdeck.flow.directory import GroupRules
from quarterdeck.model.finding import Finding, Group
from quarterdeck.store import people
from quarterdeck.store.operations import operation
from tests.flow.doubles import PlatformChannel
from tests.flow.world import World


class Explaining(PlatformChannel):
    """Says which groups it was asked about; `slow` never comes to an end."""

    slow = False

    async def findings(self, groups: Sequence[Group]) -> list[Finding]:
        if self.slow:
            await asyncio.Event().wait()
        return [Finding(one.native_id, "OK", str(one.hears_all)) for one in groups]


async def explained(world: World) -> dict[str, str]:
    return {one.about: one.detail for one in await Findings(world.store, world.parts.directory).of("wire")}


def attach(world: World) -> Explaining:
    channel = Explaining(world.platform, world.settings.capabilities, lambda: False)
    world.parts.directory.attach("wire", channel)
    return channel


@pytest.mark.parametrize("policy", ["allowlist", "open", "disabled"])
async def test_the_groups_that_count(idle_world: World, policy: str) -> None:
    world = idle_world
    world.settings.wire = msgspec.structs.replace(
        world.settings.wire,
        group_policy=policy,
        allow=("g4",),
        groups={"g2": GroupRules(require_mention=False), "g3": GroupRules(False)},
    )
    await world.start()
    attach(world)
    for group in ("g1", "g5"):
        await world.accept(msgspec.structs.replace(world.act("hello", room=group, kind="group"), addressed=True))
    await world.rest()
    wanted = people.room_id("wire", "g1")
    if policy != "disabled":
        await world.store.commit(operation("pairing", people.set_room_state(wanted, "allowed")))
    expected = {"g2": "True", "g4": "False", "g1": "False"} if policy != "disabled" else {}
    assert await explained(world) == expected


async def test_a_channel_that_says_nothing_of_itself_has_no_findings(world: World) -> None:
    assert await explained(world) == {}


async def test_a_look_that_takes_too_long_is_a_finding(world: World) -> None:
    attach(world).slow = True
    (late,) = await Findings(world.store, world.parts.directory, seconds=0.05).of("wire")
    assert (late.state, bool(late.fix)) == ("FAIL", True)
