"""Which plugins are found, and what refuses the start: with field, reason and fix."""

import sys
from pathlib import Path

import pytest

from quarterdeck.base.config import load_config
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.settings import Config
from quarterdeck.flow import configured
from quarterdeck.plugins.build import Plugins
from quarterdeck.plugins.find import installed, taken
from tests.plugins.packages import install, install_acme

pytestmark = pytest.mark.proves("plugin.channel", "plugin.provider", "plugin.tool")

BASE = """
[assistants.default]
model = "scripted/echo"
tools = [{tools}]
[providers.scripted]
kind = "scripted"
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    site = tmp_path / "site"
    install_acme(site)
    monkeypatch.syspath_prepend(site)
    for name in [one for one in sys.modules if one.startswith("acme")]:
        monkeypatch.delitem(sys.modules, name)
    return site


def load(tmp_path: Path, tools: str = "", more: str = "") -> Config:
    (tmp_path / "q.toml").write_text(BASE.format(tools=tools) + more)
    return load_config(tmp_path / "q.toml", {}, cwd=tmp_path, plugins=installed).config


def refused(config: Config) -> ConfigRefused:
    (problem,) = Plugins(config).check()
    return problem


def test_what_is_named_is_found_and_nothing_else_is_imported(site: Path, tmp_path: Path) -> None:
    config = load(tmp_path, '"time", "shout"')
    plugins = Plugins(config)
    assert [str(one) for one in plugins.found] == ["tool/shout acme-deck 1.2"]
    assert "acme" not in sys.modules
    assert plugins.check() == []
    assert "acme" in sys.modules
    assert "acme_breaks" not in sys.modules


def test_what_nobody_installed_is_refused(site: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused) as caught:
        load(tmp_path, '"shuot", "zzz"', '[connections.c]\nchannel = "post2"\n[providers.p]\nkind = "brian"\n')
    found: list[ConfigRefused] = list(getattr(caught.value, "problems", ()))
    assert [(one.field, one.reason) for one in found] == [
        ("providers.p.kind", "there is no provider brian"),
        ("assistants.default.tools[0]", "there is no tool shuot"),
        ("assistants.default.tools[1]", "there is no tool zzz"),
        ("connections.c.channel", "there is no channel post2"),
    ]
    assert found[1].fix == "Did you mean shout?"
    assert "Or install the package that brings the tool plugin zzz" in found[2].fix


@pytest.mark.parametrize(
    ("tool", "reason", "fix"),
    [
        ("too_new", "is made for API 2, this is API 1", "Update Quarterdeck"),
        ("too_old", "is made for API 0", "newer version"),
        ("absent", "cannot be imported (AttributeError", "Reinstall or repair acme-deck"),
        ("no_module", "cannot be imported (ModuleNotFoundError", "Reinstall or repair acme-deck"),
        ("breaks", "cannot be imported (ZeroDivisionError: at import)", "Reinstall or repair acme-deck"),
        ("leaves", "cannot be imported (SystemExit", "Reinstall or repair acme-deck"),
        ("something_else", "gives a int, not a ToolPlugin", "Reinstall or repair acme-deck"),
        ("no_settings", "does not say its api as a number and its settings", "Reinstall or repair acme-deck"),
    ],
)
def test_what_cannot_be_used_is_refused(site: Path, tmp_path: Path, tool: str, reason: str, fix: str) -> None:
    problem = refused(load(tmp_path, f'"{tool}"'))
    assert problem.field == "assistants.default.tools"
    assert reason in problem.reason
    assert f"tool/{tool} acme-deck 1.2" in problem.reason
    assert fix in problem.fix


def test_two_packages_with_one_name_are_refused(site: Path, tmp_path: Path) -> None:
    install(site, "rival-deck", "2.0", {"tools": {"shout": "acme:shout"}})
    with pytest.raises(ConfigRefused, match="acme-deck and rival-deck bring a tool plugin called shout each"):
        Plugins(load(tmp_path, '"shout"'))


def test_a_built_in_name_is_refused(site: Path, tmp_path: Path) -> None:
    install(site, "rival-deck", "2.0", {"tools": {"time": "acme:shout"}})
    assert Plugins(load(tmp_path, '"time"')).found == ()  # nobody looked
    assert [problem.field for problem in taken()] == ["plugins.tool.time"]
    with pytest.raises(ConfigRefused, match="rival-deck brings a tool plugin called time, which is a built-in name"):
        Plugins(load(tmp_path, '"shout"'))


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ("[tools.shout]\nmrak = '?'", "tools.shout.mrak"),
        ("[tools.shout]\nmark = 5", "tools.shout.mark"),
        ("[providers.b]\nkind = 'brain'", "providers.b.base_url"),
        ("[providers.b]\nkind = 'brain'\nbase_url = 'http://x'\nidle_seconds = 5", "providers.b.idle_seconds"),
        ("[connections.c]\nchannel = 'post'", "connections.c.folder"),
    ],
)
def test_settings_are_the_plugins_own(site: Path, tmp_path: Path, more: str, field: str) -> None:
    assert refused(load(tmp_path, "", more)).field == field


def test_a_providers_common_keys_are_handed_over(site: Path, tmp_path: Path) -> None:
    more = "[providers.b]\nkind = 'brain'\nbase_url = 'http://x'\napi_keys = [{ env = 'K' }]\nmax_retries = 0\n"
    assert Plugins(load(tmp_path, "", more)).check() == []


def test_releases_name_the_plugins_that_they_use(site: Path, tmp_path: Path) -> None:
    more = """
        [assistants.plain]
        model = "scripted/echo"
        tools = []
        [connections.c]
        channel = "post"
        folder = "x"
        [providers.b]
        kind = "brain"
        base_url = "http://x"
        [assistants.clever]
        model = "scripted/echo"
        fallback = ["b/x"]
        tools = []
    """
    config = load(tmp_path, '"shout"', more)
    plugins = Plugins(config).found
    found = configured.assistants(config, {}, plugins)
    assert found["default"].plugins == ("channel/post acme-deck 1.2", "tool/shout acme-deck 1.2")
    assert found["clever"].plugins == ("provider/brain acme-deck 1.2",)
    assert found["plain"].plugins == ()
    without = configured.assistants(config, {})
    changed = [name for name in found if found[name].release() != without[name].release()]
    assert changed == ["default", "clever"]
