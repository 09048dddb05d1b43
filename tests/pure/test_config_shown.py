"""Is every setting shown with its value and its origin, and never a secret?"""

from pathlib import Path

from quarterdeck.base.config import leaves, load_config
from quarterdeck.base.config_shown import Section, Setting, sections, text
from quarterdeck.base.secrets import SecretRef

FILE = """
data_dir = "./here"
database = "postgresql://qd:hunter2@db.example/qd"
[limits]
turn_steps = 7
[providers.main]
kind = "openai-compatible"
base_url = "http://127.0.0.1:1/v1"
api_keys = [{ env = "ONE" }, { file = "/run/two" }]
organization = "acme"
[assistants.default]
model = "main/any"
[prices."main/gpt-4.1"]
input = "1"
[connections.tg]
channel = "telegram"
token = { command = ["pass", "show", "bot"] }
[[hooks]]
name = "guard"
on = ["before_tool"]
url = "https://guard.example"
secret = { env = "GUARD" }
"""


def shown(tmp_path: Path, text: str = FILE, **environ: str) -> dict[str, Setting]:
    return {one.path: one for section in found(tmp_path, text, **environ) for one in section.settings}


def found(tmp_path: Path, text: str, **environ: str) -> list[Section]:
    (tmp_path / "quarterdeck.toml").touch(0o600)
    (tmp_path / "quarterdeck.toml").write_text(text)
    return sections(load_config(None, environ, cwd=tmp_path))


def test_each_setting_says_where_it_comes_from(tmp_path: Path) -> None:
    one = shown(tmp_path, QUARTERDECK_SERVER__PORT="0", QUARTERDECK_CONNECTIONS__TG__DM_POLICY="open")
    assert (one["limits.turn_steps"].value, one["limits.turn_steps"].origin) == ("7", "file")
    assert (one["limits.turn_seconds"].value, one["limits.turn_seconds"].origin) == ("300.0", "default")
    assert (one["server.port"].value, one["server.port"].origin) == ("0", "QUARTERDECK_SERVER__PORT")
    assert one["connections.tg.dm_policy"].origin == "QUARTERDECK_CONNECTIONS__TG__DM_POLICY"
    assert (one["connections.tg.token"].origin, one["providers.main.organization"].value) == ("file", "acme")
    assert one["server.public_url"].value == ""
    assert (one["log.format"].restart, one["log.level"].restart) == (True, False)


def test_what_is_picked_up_is_of_the_environment(tmp_path: Path) -> None:
    one = {
        each.path: each
        for section in sections(load_config(None, {"OPENAI_API_KEY": "sk-1"}, cwd=tmp_path))
        for each in section.settings
    }
    assert one["providers.openai.kind"].origin == "environment"
    assert one["providers.openai.max_retries"].origin == "default"


def test_every_setting_stands_in_the_section_of_its_table(tmp_path: Path) -> None:
    parts = found(tmp_path, FILE)
    names = [part.name for part in parts]
    assert names[0] == "Top level"
    assert {"server", "limits", "providers.main", "connections.tg", "prices.main/gpt-4.1", "alerts"} <= set(names)
    loaded = load_config(None, {}, cwd=tmp_path)
    whole = {path for path, _ in leaves(loaded.config, "", "live") if not path.endswith(".options")}
    assert whole <= {one.path for part in parts for one in part.settings}


def test_no_secret_and_no_password_is_shown(tmp_path: Path) -> None:
    one = shown(tmp_path)
    assert "hunter2" not in "".join(each.value for each in one.values())
    assert one["database"].value == "postgresql://qd:***@db.example/qd"
    keys = one["providers.main.api_keys"]
    assert (keys.value, keys.secret) == ("env ONE; file /run/two", True)
    assert [place for place, _ in keys.secrets] == ["providers.main.api_keys[0]", "providers.main.api_keys[1]"]
    token = one["connections.tg.token"]
    assert (token.value, token.secret) == ("command pass", True)
    assert token.secrets == (("connections.tg.token", SecretRef(command=("pass", "show", "bot"))),)
    hooks = one["hooks"]
    assert (hooks.secret, [place for place, _ in hooks.secrets]) == (False, ["hooks[0].secret"])
    assert "guard" in hooks.value


def test_values_read_as_people_write_them() -> None:
    assert text(None) == text("") == text(()) == text({}) == ""
    assert text(True) == "true"
    assert text({"a": 1, "b": ""}) == "a = 1"
    assert text("http://[broken") == "http://[broken"
