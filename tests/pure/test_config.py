"""Loading the configuration: what it becomes, what refuses, and how each refusal is told."""

from pathlib import Path

import msgspec
import pytest

from quarterdeck.base.config import ConfigRefusals, LoadedConfig, decode_settings, diff_reload, load_config
from quarterdeck.base.config_checks import network_filesystem
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.secrets import SecretRef

WHOLE = """
data_dir = "./data"
database = "sqlite"
[server]
host = "127.0.0.1"
port = 8420
[log]
level = "info"
format = "json"
[limits]
concurrent_turns = 100
[delivery]
unknown = "resend_marked"
[providers.main]
kind = "openai-compatible"
base_url = "http://127.0.0.1:11434/v1"
api_keys = [{ env = "OPENAI_API_KEY" }]
[assistants.default]
model = "main/llama3.2"
fallback = []
queue = "followup"
debounce_ms = 0
[connections.tg]
channel = "telegram"
assistant = "default"
token = { env = "TELEGRAM_BOT_TOKEN" }
api_root = "https://api.telegram.org"
mode = "poll"
dm_policy = "pairing"
allow = []
group_policy = "allowlist"
require_mention = true
streaming = "off"
"""


class WireSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of an invented channel."""

    token: SecretRef
    api_root: str = "https://wire.example"
    seconds: int = 30


def load(folder: Path, text: str, **environ: str) -> LoadedConfig:
    file = folder / "q.toml"
    file.write_text(text)
    return load_config(file, environ, cwd=folder)


def problems(folder: Path, text: str, **environ: str) -> dict[str, ConfigRefused]:
    """The problems of a configuration by path; every one must say reason and fix."""
    with pytest.raises(ConfigRefusals) as caught:
        load(folder, text, **environ)
    found = {problem.field: problem for problem in caught.value.problems}
    assert len(found) == len(caught.value.problems), "one problem was told twice"
    for field, problem in found.items():
        assert problem.reason
        assert problem.fix
        assert field in str(caught.value)
    return found


def test_the_documented_file_loads_as_written(tmp_path: Path) -> None:
    loaded = load(tmp_path, WHOLE)
    config = loaded.config
    assert loaded.path == tmp_path / "q.toml"
    assert loaded.notes == ()
    assert config.data_dir == str(tmp_path / "data")
    assert config.server.port == 8420
    assert config.providers["main"].api_keys == (SecretRef(env="OPENAI_API_KEY"),)
    assert config.assistants["default"].workspace == str(tmp_path / "data/workspaces/default")
    assert config.assistants["default"].tools == ("time", "send_message")
    assert config.connections["tg"].dm_policy == "pairing"
    assert config.connections["tg"].options == {
        "token": {"env": "TELEGRAM_BOT_TOKEN"},
        "api_root": "https://api.telegram.org",
        "mode": "poll",
    }


def test_the_defaults(tmp_path: Path) -> None:
    loaded = load(tmp_path, "")
    limits = loaded.config.limits
    assert (limits.concurrent_turns, limits.turn_seconds, limits.turn_steps) == (100, 300, 20)
    assert (limits.queue_per_session, limits.message_ttl_seconds, limits.late_after_seconds) == (
        1000,
        86400,
        300,
    )
    assert loaded.config.providers["scripted"].kind == "scripted"
    assert loaded.config.assistants["default"].model == "scripted/help"
    assert any("a built-in script answers" in note for note in loaded.notes)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
        databse = "sqlite"
        [server]
        port = "8420"
        prot = 1
        [limits]
        turn_steps = 0
        [providers.main]
        base_url = "http://127.0.0.1/"
        [assistants.default]
        model = "main/x"
        queue = "followups"
        [connections.tg]
        channel = "telegram"
        require_mention = "yes"
        """,
    )
    assert set(found) == {
        "databse",
        "server.port",
        "server.prot",
        "limits.turn_steps",
        "providers.main.kind",
        "assistants.default.queue",
        "connections.tg.require_mention",
    }
    assert found["databse"].fix == "Did you mean database?"
    assert found["server.prot"].fix == "Did you mean port?"
    assert '"followup"' in found["assistants.default.queue"].fix


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("server = 5", "server"),
        ("providers = 5", "providers"),
        ('[providers]\nmain = 5\n[assistants.default]\nmodel = "main/x"', "providers.main"),
        ('[providers.main]\nkind = 5\n[assistants.default]\nmodel = "main/x"', "providers.main.kind"),
        ('[assistants.default]\nmodel = "main"', "assistants.default.model"),
        ('[assistants.default]\nmodel = "nope/x"', "assistants.default.model"),
        ('[assistants.default]\nmodel = "scripted/x"\nfallback = ["no/x"]', "assistants.default.fallback[0]"),
        ('[assistants.default]\nmodel = "scripted/x"\nfallback = [1]', "assistants.default.fallback[0]"),
        ('[connections.x]\nchannel = "telegrm"', "connections.x.channel"),
        ('[connections.x]\nchannel = "loopback"\nassistant = "who"', "connections.x.assistant"),
        ('[connections.x]\nchannel = "loopback"\ndm_policy = "al"', "connections.x.dm_policy"),
        ('[connections.web]\nchannel = "loopback"', "connections.web"),
        ('[connections."Bad Name"]\nchannel = "loopback"', 'connections."Bad Name"'),
        ('[providers.p]\nkind = "openai-compatible"', "providers.p.base_url"),
        ('[providers.p]\nkind = "scripted"\nbase_url = "ftp://x"', "providers.p.base_url"),
        ('[providers.p]\nkind = "scripted"\nbase_url = "http://u:pw@x/"', "providers.p.base_url"),
        ('[providers.p]\nkind = "scriptd"', "providers.p.kind"),
        ('[providers.p]\nkind = "scripted"\nidle_seconds = 0', "providers.p.idle_seconds"),
        ('[providers.p]\nkind = "openai-compatible"\nbase_url = "http://x/"', "assistants.default.model"),
        ('database = "mysql://x"', "database"),
        ('[server]\nhost = "0.0.0.0"', "server.host"),
        ('[server]\nhost = "::"\npublic_url = "http://x.example"', "server.host"),
        ('[server]\nhost = "box.local"', "server.host"),
    ],
)
def test_each_refusal_names_its_path(tmp_path: Path, text: str, field: str) -> None:
    scripted = "" if "providers" in text else '\n[providers.scripted]\nkind = "scripted"'
    default = '\n[assistants.default]\nmodel = "p/x"' if "[providers.p]" in text and "default" not in field else ""
    assert set(problems(tmp_path, text + scripted + default)) == {field}


@pytest.mark.parametrize(
    "server",
    [
        'host = "0.0.0.0"\nallow_remote = true',
        'host = "0.0.0.0"\npublic_url = "https://qd.example"',
        'host = "::1"',
        'host = "localhost"\npublic_url = "http://qd.example"',
    ],
)
def test_a_server_that_is_reached_safely_is_allowed(tmp_path: Path, server: str) -> None:
    assert load(tmp_path, f"[server]\n{server}").config.server.host


def test_an_unknown_kind_is_told_the_nearest_one(tmp_path: Path) -> None:
    text = '[providers.p]\nkind = "openai-response"\n[assistants.default]\nmodel = "p/x"'
    assert problems(tmp_path, text)["providers.p.kind"].fix == "Did you mean openai-responses?"


def test_plain_text_secrets_refuse_everywhere_and_are_not_repeated(tmp_path: Path) -> None:
    text = """
    [providers.main]
    kind = "openai-compatible"
    base_url = "http://x/"
    api_keys = ["sk-123456"]
    [assistants.default]
    model = "main/x"
    [connections.tg]
    channel = "telegram"
    token = "123:abc"
    token_url = "https://x.example"
    [connections.tg.deep]
    signing_secret = "123:def"
    [tools.http_post]
    api_key = "123:ghi"
    """
    found = problems(tmp_path, text)
    secret = ["providers.main.api_keys", "connections.tg.token", "connections.tg.deep.signing_secret"]
    assert set(found) == {*secret, "tools.http_post.api_key"}
    for problem in found.values():
        assert "plain text" in problem.reason
        assert "{ env =" in problem.fix
        assert "123" not in str(problem)


def test_a_secret_file_that_others_may_read_refuses(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("x")
    secret.chmod(0o640)
    text = f'[connections.tg]\nchannel = "telegram"\ntoken = {{ file = "{secret}" }}'
    assert "chmod 600" in problems(tmp_path, text)["connections.tg.token"].fix
    secret.chmod(0o600)
    assert load(tmp_path, text).config.connections["tg"].options["token"] == {"file": str(secret)}
    relative = text.replace(str(secret), "token")
    assert "absolute" in problems(tmp_path, relative)["connections.tg.token"].reason


def test_a_file_that_everybody_may_change_refuses(tmp_path: Path) -> None:
    file = tmp_path / "q.toml"
    file.write_text("")
    file.chmod(0o666)
    with pytest.raises(ConfigRefused, match="chmod o-w"):
        load_config(file, {}, cwd=tmp_path)


def test_a_missing_file_and_broken_toml_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused, match=r"none\.toml"):
        load_config(tmp_path / "none.toml", {}, cwd=tmp_path)
    with pytest.raises(ConfigRefused, match="line 2") as caught:
        load(tmp_path, "a = 1\nb = = 2")
    assert caught.value.field == str(tmp_path / "q.toml")


@pytest.mark.parametrize("address", ["postgresql://u:pw@h/db", "postgresql://u@h/db?password=pw"])
def test_a_password_that_others_may_read_refuses(tmp_path: Path, address: str) -> None:
    file = tmp_path / "q.toml"
    file.write_text(f'database = "{address}"\n[providers.s]\nkind = "scripted"')
    for mode in (0o644, 0o640, 0o604):
        file.chmod(mode)
        with pytest.raises(ConfigRefused, match=f"chmod 600 {file}") as caught:
            load_config(file, {}, cwd=tmp_path)
        assert (caught.value.field, "pw" in str(caught.value)) == ("database", False)
    file.chmod(0o600)
    assert load_config(file, {}, cwd=tmp_path).config.database == address
    file.write_text('[providers.s]\nkind = "scripted"')
    file.chmod(0o644)
    assert load_config(file, {"QUARTERDECK_DATABASE": address}, cwd=tmp_path).config.database == address


def test_open_policies_and_passwords_are_allowed_and_told(tmp_path: Path) -> None:
    (tmp_path / "q.toml").touch(0o600)
    text = 'database = "postgresql://u:pw@h/db"\n[connections.x]\nchannel = "loopback"\ndm_policy = "open"\n'
    loaded = load(tmp_path, text + 'group_policy = "open"\n[providers.s]\nkind = "scripted"')
    assert [note.split(":")[0] for note in loaded.notes] == ["connections.x", "connections.x", "database"]
    assert "pw" not in repr(loaded)


def test_further_channels_come_from_outside(tmp_path: Path) -> None:
    (tmp_path / "q.toml").write_text('[connections.x]\nchannel = "wire"\nanything = 5')
    loaded = load_config(
        tmp_path / "q.toml", {}, cwd=tmp_path, plugins=lambda kind: ("wire",) if kind == "channel" else ()
    )
    assert loaded.config.connections["x"].options == {"anything": 5}


def test_a_second_assistant_lends_its_settings_to_the_default_one(tmp_path: Path) -> None:
    text = '[assistants.support]\nmodel = "scripted/x"\nqueue = "steer"\nworkspace = "w"'
    assistants = load(tmp_path, text).config.assistants
    assert assistants["default"].queue == "steer"
    assert assistants["support"].workspace == str(tmp_path / "w")
    assert assistants["default"].workspace == str(tmp_path / "data/workspaces/default")


# -- a channel's own settings --------------------------------------------------------------------------


def test_own_settings_decode() -> None:
    decoded = decode_settings({"token": {"env": "A"}, "seconds": 5}, WireSettings, "connections.w")
    assert decoded == WireSettings(token=SecretRef(env="A"), seconds=5)


def test_own_settings_are_as_strict() -> None:
    table = {"token": "123:abc", "api_rot": "x", "secnds": 5, "dm_polcy": "open", "seconds": "x"}
    with pytest.raises(ConfigRefusals) as caught:
        decode_settings(table, WireSettings, "connections.w")
    found = {problem.field: problem.fix for problem in caught.value.problems}
    assert found["connections.w.api_rot"] == "Did you mean api_root?"
    assert found["connections.w.secnds"] == "Did you mean seconds?"
    assert found["connections.w.dm_polcy"] == "Did you mean dm_policy?"
    assert "{ env =" in found["connections.w.token"]
    assert "whole number" in found["connections.w.seconds"]
    assert len(found) == 5


def test_own_settings_that_are_missing_are_told() -> None:
    with pytest.raises(ConfigRefusals, match=r"connections\.w\.token: this is missing"):
        decode_settings({}, WireSettings, "connections.w")


@pytest.mark.parametrize("ref", [{}, {"env": "A", "file": "/b"}, {"vault": "x"}, {"env": 5}, 5])
def test_a_bad_reference_is_told(ref: object) -> None:
    with pytest.raises(ConfigRefusals, match=r"connections\.w\.token"):
        decode_settings({"token": ref}, WireSettings, "connections.w")


# -- reload and digest ---------------------------------------------------------------------------------


def test_what_a_running_process_can_apply(tmp_path: Path) -> None:
    old = load(tmp_path, WHOLE).config
    text = WHOLE.replace("port = 8420", "port = 1").replace('level = "info"', 'level = "debug"')
    text = text.replace("concurrent_turns = 100", "concurrent_turns = 5").replace('mode = "poll"', 'mode = "hook"')
    text = text.replace('format = "json"', 'format = "text"').replace("11434", "11435")
    text = text.replace('model = "main/llama3.2"', 'model = "main/other"')
    text += '[connections.new]\nchannel = "loopback"\n[tools.http_post]\nurl = "http://x/"'
    applicable, needs_restart = diff_reload(old, load(tmp_path, text).config)
    assert needs_restart == ["log.format", "providers.main.base_url", "server.port", "tools.http_post.url"]
    assert {"assistants.default.model", "limits.concurrent_turns", "log.level"} <= set(applicable)
    assert {"connections.tg.options", "connections.new.channel"} <= set(applicable)
    assert diff_reload(old, old) == ([], [])


def test_moving_the_data_needs_a_restart(tmp_path: Path) -> None:
    old = load(tmp_path, "").config
    new = load(tmp_path, 'data_dir = "other"\ndatabase = "postgresql://h/db"').config
    assert diff_reload(old, new)[1] == ["data_dir", "database"]
    assert diff_reload(new, old)[1] == ["data_dir", "database"]


def test_the_digest_follows_the_effective_configuration(tmp_path: Path) -> None:
    digest = load(tmp_path, WHOLE).digest
    assert load(tmp_path, WHOLE + "\n# a comment").digest == digest
    assert load(tmp_path, WHOLE, OPENAI_API_KEY="changed").digest == digest
    assert load(tmp_path, WHOLE.replace("8420", "8421")).digest != digest
    assert load(tmp_path, WHOLE.replace('env = "TELEGRAM_BOT_TOKEN"', 'env = "B"')).digest != digest


# -- the disk ------------------------------------------------------------------------------------------

MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:50 / /srv/share rw,relatime shared:1 - nfs4 server:/x rw
31 22 0:51 / /srv/share/local rw,relatime - ext4 /dev/sdb rw
32 22 0:52 / /srv/with\\040space rw,relatime - cifs //server/x rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/share/data", "nfs4"),
        ("/srv/share", "nfs4"),
        ("/srv/share/local/data", None),
        ("/srv/shared", None),
        ("/var/lib", None),
        ("/srv/with space/data", "cifs"),
    ],
)
def test_network_file_systems_are_found(path: str, kind: str | None) -> None:
    assert network_filesystem(path, MOUNTS) == kind
