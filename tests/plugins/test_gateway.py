"""A gateway with plugins: what it says of them, what they may do, and what one that breaks does not harm."""

from pathlib import Path

import pytest

from tests.plugins.packages import PluginDesk
from tests.waiting import until

pytestmark = pytest.mark.proves("plugin.channel", "plugin.provider", "plugin.tool")

CONFIG = """
data_dir = "./data"
[server]
port = 0
[providers.b]
kind = "brain"
base_url = "http://127.0.0.1:9"
api_keys = [{{ env = "BRAIN_KEY" }}]
mode = "{brain}"
[providers.scripted]
kind = "scripted"
[assistants.default]
model = "b/brain"
tools = ["shout"]
introduce = false
[assistants.plain]
model = "scripted/echo"
tools = []
introduce = false
[tools.shout]
mark = "?"
mode = "{shout}"
[connections.letters]
channel = "post"
folder = "post"
dm_policy = "open"
mode = "{post}"
"""


@pytest.fixture
def desk(tmp_path: Path) -> PluginDesk:
    desk = PluginDesk(tmp_path)
    write(desk)
    return desk


def write(desk: PluginDesk, *, brain: str = "", shout: str = "", post: str = "") -> None:
    desk.write(CONFIG.format(brain=brain, shout=shout, post=post))


async def test_a_conversation_over_plugins_only(desk: PluginDesk) -> None:
    async with desk.gateway():
        desk.letter("1", "hello")
        await until(desk.letters, 20, "an answer")
        assert desk.letters() == ["HELLO?"]
        (status,) = await desk.rows("status")
        assert status["plugins"] == [
            "provider/brain acme-deck 1.2",
            "channel/post acme-deck 1.2",
            "tool/shout acme-deck 1.2",
        ]
        doctor = await desk.rows("doctor")
        assert {"plugin tool/shout", "plugin provider/brain", "plugin channel/post"} <= {
            str(one["id"]) for one in doctor
        }
        records = await desk.rows("audit", "list", "--limit", "200")
        told = {(one["resource"], one["outcome"]) for one in records if one["type"] == "config.plugin"}
        assert ("tool/shout", "acme-deck 1.2") in told
        assert len(told) == 3
        kinds = [one["type"] for one in records]
        assert kinds.count("tool.intent") == kinds.count("tool.outcome") == 1
        assert kinds.count("model.intent") == kinds.count("model.outcome") == 2
    kept = desk.data / "plugins" / "shout"
    assert (kept / "said").read_text() == "hello"
    assert kept.stat().st_mode & 0o777 == 0o700
    (line,) = desk.logged("acme.shouted")
    assert line["plugin"] == "shout"


async def test_what_breaks_harms_only_its_own(desk: PluginDesk) -> None:
    """A provider and a channel that want to end the process do not; everybody else is served."""
    write(desk, brain="exit", post="exit")
    async with desk.gateway():
        assert "I could not get an answer" in (await desk.run("chat", "hello")).out
        assert "You said: hello" in (await desk.run("chat", "hello", "--assistant", "plain", "--room", "b")).out
        await until(lambda: desk.logged("service.restarting"), 10, "the channel to be started again")


async def test_a_tool_that_spends_no_permit_brings_nothing(desk: PluginDesk) -> None:
    write(desk, shout="no permit")
    async with desk.gateway():
        said = (await desk.run("chat", "hello")).out
        assert "Failed inside the tool (Nonsense)" in said
        assert "without asking" not in said


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("broken", "could not be built (RuntimeError: no shouting here)"),
        ("half", "without spec, effect, repeatable, run, which every Tool has"),
    ],
)
async def test_what_cannot_be_built_refuses_the_start(desk: PluginDesk, mode: str, reason: str) -> None:
    write(desk, shout=mode)
    said = await desk.run("up")
    assert said.code == 78
    assert reason in said.err
    assert "quarterdeck: tools.shout: " in said.err
    assert "Repair acme-deck" in said.err


async def test_config_check_reads_the_plugins_tables(desk: PluginDesk) -> None:
    assert (await desk.run("config", "check")).code == 0
    desk.write(desk.config.read_text().replace('mark = "?"', "mark = 7"))
    said = await desk.run("config", "check")
    assert said.code == 78
    assert "tools.shout.mark" in said.err


async def test_a_reload_cannot_bring_a_plugin(desk: PluginDesk) -> None:
    async with desk.gateway():
        desk.write(desk.config.read_text().replace('tools = ["shout"]', 'tools = ["shout", "other_name"]'))
        said = await desk.run("config", "reload")
        assert said.code == 78
        assert "there is no tool other_name in the running process" in said.err
        assert "Restart to use it" in said.err
