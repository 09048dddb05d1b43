"""A person sees by a reaction that their message is being answered; nothing of the turn depends on it."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from quarterdeck.base.config import load_config
from quarterdeck.flow import configured
from quarterdeck.ports import Capabilities
from tests.flow.doubles import Held, ToolDouble
from tests.flow.world import World
from tests.waiting import until

pytestmark = pytest.mark.proves("G1")

ON, OFF = ("r1", "ref1", True), ("r1", "ref1", False)


@pytest.fixture
async def reacting(idle_world: World) -> World:
    """A world whose platform has reactions, and whose connection acknowledges by them."""
    await start(idle_world)
    return idle_world


async def start(world: World, *, wanted: bool = True, able: bool = True) -> None:
    world.settings.capabilities = Capabilities(400, typing=True, reactions=able)
    world.settings.wire = msgspec.structs.replace(world.settings.wire, acknowledge=wanted)
    await world.start()


async def looked(world: World) -> None:
    """Typing comes behind the place of a reaction: where it is shown afresh, that place was passed."""
    world.platform.typed.clear()
    await until(lambda: world.platform.typed, what="typing")


def counted(world: World, result: str) -> float:
    labels = {"connection": "wire", "result": result}
    return world.parts.services.metrics.registry.get_sample_value("quarterdeck_acknowledgements_total", labels) or 0.0


async def test_it_stands_while_the_turn_goes_on_and_leaves_no_record(reacting: World) -> None:
    held = reacting.main.hold("hello")
    await reacting.say("go")
    await until(lambda: reacting.platform.reactions == [ON], what="the reaction")
    held.release()
    await reacting.rest()
    assert reacting.platform.reactions == [ON, OFF]
    assert reacting.platform.texts() == ["hello"]
    assert {row["kind"] for row in reacting.rows("SELECT kind FROM intents")} == {"model", "send"}
    assert (counted(reacting, "set"), counted(reacting, "taken_off")) == (1, 1)


async def test_it_is_set_once_in_a_turn_of_several_calls(idle_world: World) -> None:
    idle_world.add_tool(ToolDouble("look"))
    await start(idle_world)
    first = Held()
    idle_world.main.use(("look", "{}"), before=first)
    second = idle_world.main.hold("hello")
    await idle_world.say("go")
    await until(lambda: idle_world.platform.reactions == [ON], what="the reaction")
    first.release()
    await second.reached()
    await looked(idle_world)
    second.release()
    await idle_world.rest()
    assert idle_world.platform.reactions == [ON, OFF]


async def test_it_comes_off_when_the_turn_is_stopped(reacting: World) -> None:
    reacting.main.hold()
    accepted = await reacting.say("go")
    await until(lambda: reacting.platform.reactions == [ON], what="the reaction")
    await reacting.say("/stop")
    await reacting.ended(accepted)
    await reacting.rest()
    assert reacting.outcome(accepted) == "stopped"
    assert reacting.platform.reactions == [ON, OFF]


async def test_a_turn_that_is_taken_up_again_takes_it_off(reacting: World) -> None:
    reacting.main.hold()
    await reacting.say("go")
    await until(lambda: reacting.platform.reactions == [ON], what="the reaction")
    await reacting.restart()
    await reacting.rest()
    assert reacting.platform.reactions[-1] == OFF


async def test_a_platform_that_takes_none_stops_nothing(reacting: World) -> None:
    reacting.platform.takes_reactions = False
    held = reacting.main.hold("hello")
    await reacting.say("go")
    await until(lambda: counted(reacting, "failed") == 1, what="the refusal")
    held.release()
    await reacting.rest()
    assert reacting.platform.texts() == ["hello"]
    assert counted(reacting, "failed") == 2


async def test_a_platform_that_hangs_is_not_waited_for(reacting: World) -> None:
    reacting.platform.reacting = asyncio.Event()
    held = reacting.main.hold("hello")
    accepted = await reacting.say("go")
    await until(lambda: reacting.platform.reactions == [ON], what="the reaction")
    held.release()
    await reacting.ended(accepted)
    assert counted(reacting, "failed") == 1
    reacting.platform.reacting.set()
    await reacting.rest()
    assert reacting.platform.texts() == ["hello"]


@pytest.mark.parametrize(("wanted", "able"), [(False, True), (True, False)])
async def test_none_where_nobody_wants_it_or_the_platform_has_none(idle_world: World, wanted: bool, able: bool) -> None:
    await start(idle_world, wanted=wanted, able=able)
    held = idle_world.main.hold("hello")
    await idle_world.say("go")
    await held.reached()
    await looked(idle_world)
    held.release()
    await idle_world.rest()
    assert idle_world.platform.reactions == []


@pytest.mark.parametrize(
    ("said", "wanted"), [("", False), ('acknowledge = "off"', False), ('acknowledge = "reaction"', True)]
)
def test_the_setting_of_a_connection_is_what_flow_obeys(tmp_path: Path, said: str, wanted: bool) -> None:
    file = tmp_path / "q.toml"
    file.write_text(f'[connections.lo]\nchannel = "loopback"\n{said}\n')
    config = load_config(file, {}, cwd=tmp_path).config
    assert configured.connections(config)["lo"].acknowledge is wanted
