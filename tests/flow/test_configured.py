"""What the configuration says about an assistant reaches the model that it asks."""

from pathlib import Path

from quarterdeck.base.config import load_config
from quarterdeck.flow import configured
from quarterdeck.model.asking import Options
from tests.flow.world import World

FILE = """
[providers.main]
kind = "scripted"
[assistants.default]
model = "main/help"
max_tokens = 300
temperature = 0.2
seed = 7
effort = "low"
[assistants.plain]
model = "main/help"
[limits]
context_tokens = 5000
"""


def test_an_assistants_wishes_are_read(tmp_path: Path) -> None:
    (tmp_path / "quarterdeck.toml").write_text(FILE)
    found = configured.assistants(load_config(None, {}, cwd=tmp_path).config, {})
    assert found["default"].options == Options(max_tokens=300, temperature=0.2, seed=7, effort="low")
    assert found["plain"].options == Options()
    assert found["default"].context_tokens == 5000
    assert found["default"].release() != found["plain"].release(), "they are part of the release"


async def test_they_are_part_of_every_request(idle_world: World) -> None:
    world = idle_world
    world.settings.let(options=Options(max_tokens=300, effort="low"))
    await world.start()
    await world.ended(await world.say("go"))
    (request,) = world.main.requests
    assert request.max_tokens == 300
    assert request.options.effort == "low"


def test_wishes_of_a_client_go_over_the_assistants() -> None:
    base = Options(temperature=0.2, seed=7, stop=("x",))
    assert Options(temperature=0.9).over(base) == Options(temperature=0.9, seed=7, stop=("x",))
    assert Options().over(base) == base
