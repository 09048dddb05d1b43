"""The environment: overrides by name and type, and what is picked up when there is no file."""

from pathlib import Path

import pytest

from quarterdeck.base.config import ConfigRefusals, LoadedConfig, load_config
from quarterdeck.base.secrets import SecretRef

FILE = """
[providers.main]
kind = "openai-compatible"
base_url = "http://x/v1"
[assistants.default]
model = "main/x"
[connections.my-bot]
channel = "telegram"
"""


def load(folder: Path, text: str, **environ: str) -> LoadedConfig:
    (folder / "q.toml").write_text(text)
    return load_config(folder / "q.toml", environ, cwd=folder)


def refused(folder: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigRefusals) as caught:
        load(folder, text, **environ)
    return str(caught.value)


def test_values_are_read_as_their_settings_want_them(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        FILE,
        QUARTERDECK_SERVER__PORT="0",
        QUARTERDECK_SERVER__ALLOW_REMOTE="true",
        QUARTERDECK_SERVER__PUBLIC_URL="https://qd.example",
        QUARTERDECK_LIMITS__TURN_SECONDS="12.5",
        QUARTERDECK_LOG__LEVEL="debug",
        QUARTERDECK_DATABASE="postgresql://h/db",
        QUARTERDECK_ASSISTANTS__DEFAULT__MODEL="main/123",
        QUARTERDECK_ASSISTANTS__DEFAULT__TOOLS='["time"]',
        QUARTERDECK_PROVIDERS__MAIN__API_KEYS='[{ env = "K" }]',
    ).config
    assert (config.server.port, config.server.allow_remote) == (0, True)
    assert config.server.public_url == "https://qd.example"
    assert (config.limits.turn_seconds, config.log.level) == (12.5, "debug")
    assert config.database == "postgresql://h/db"
    assert (config.assistants["default"].model, config.assistants["default"].tools) == ("main/123", ("time",))
    assert config.providers["main"].api_keys == (SecretRef(env="K"),)


def test_a_channels_own_settings_can_be_given_too(tmp_path: Path) -> None:
    connection = load(
        tmp_path,
        FILE,
        QUARTERDECK_CONNECTIONS__MY_BOT__API_ROOT="http://127.0.0.1:1234",
        QUARTERDECK_CONNECTIONS__MY_BOT__POLL_SECONDS="5",
        QUARTERDECK_CONNECTIONS__MY_BOT__TOKEN='{ env = "T" }',
        QUARTERDECK_CONNECTIONS__MY_BOT__DM_POLICY="open",
    ).config.connections["my-bot"]
    assert connection.dm_policy == "open"
    assert connection.options == {
        "api_root": "http://127.0.0.1:1234",
        "poll_seconds": 5,
        "token": {"env": "T"},
    }


def test_a_table_can_be_made_by_the_environment_alone(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        FILE,
        QUARTERDECK_CONNECTIONS__NEW__CHANNEL="loopback",
        QUARTERDECK_TOOLS__HTTP_POST__URL="http://127.0.0.1:9/",
    ).config
    assert config.connections["new"].channel == "loopback"
    assert config.tools == {"http_post": {"url": "http://127.0.0.1:9/"}}


def test_the_data_directory_is_relative_to_where_the_variable_was_set(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/q.toml").write_text("")
    environ = {"QUARTERDECK_DATA_DIR": "state"}
    assert load_config("etc/q.toml", environ, cwd=tmp_path).config.data_dir == str(tmp_path / "state")
    assert load_config("etc/q.toml", {}, cwd=tmp_path).config.data_dir == str(tmp_path / "etc/data")


def test_the_file_is_named_by_argument_then_variable_then_habit(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml", "quarterdeck.toml"):
        (tmp_path / name).write_text("")
    environ = {"QUARTERDECK_CONFIG": "b.toml"}
    assert load_config("a.toml", environ, cwd=tmp_path).path == tmp_path / "a.toml"
    assert load_config(None, environ, cwd=tmp_path).path == tmp_path / "b.toml"
    assert load_config(None, {}, cwd=tmp_path).path == tmp_path / "quarterdeck.toml"


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("QUARTERDECK_SERVER__PROT", "Did you mean port?"),
        ("QUARTERDECK_SERVR__PORT", "Did you mean server?"),
        ("QUARTERDECK_DATABSE", "Did you mean database?"),
        ("QUARTERDECK_SERVER__PORT__X", "not a table"),
        ("QUARTERDECK_", "Known here"),
        ("QUARTERDECK_PORT_8420_TCP", "enableServiceLinks"),
        ("QUARTERDECK_SERVICE_HOST", "enableServiceLinks"),
    ],
)
def test_an_unknown_variable_refuses(tmp_path: Path, variable: str, hint: str) -> None:
    message = refused(tmp_path, FILE, **{variable: "1"})
    assert message.startswith(f"{variable}: ")
    assert hint in message


def test_a_wrong_value_names_path_and_variable(tmp_path: Path) -> None:
    message = refused(tmp_path, FILE, QUARTERDECK_SERVER__PORT="70000", QUARTERDECK_LOG__LEVEL="loud")
    assert "server.port: " in message
    assert "(from QUARTERDECK_SERVER__PORT)" in message
    assert "(from QUARTERDECK_LOG__LEVEL)" in message
    assert "QUARTERDECK_SERVER__PORT" in refused(tmp_path, FILE, QUARTERDECK_SERVER__PORT="eighty")


def test_a_secret_in_a_variable_of_ours_is_still_plain_text(tmp_path: Path) -> None:
    message = refused(tmp_path, FILE, QUARTERDECK_PROVIDERS__MAIN__API_KEYS='["sk-1"]')
    assert "plain text" in message
    message = refused(tmp_path, FILE, QUARTERDECK_CONNECTIONS__MY_BOT__TOKEN="123:abc")
    assert "plain text" in message
    assert "123" not in message


def test_variables_of_tests_and_of_others_are_left_alone(tmp_path: Path) -> None:
    load(tmp_path, FILE, QUARTERDECK_TESTING="1", QUARTERDECK_CRASH_AT="send.before", PATH="/bin", QUARTER="x")


# -- no file -------------------------------------------------------------------------------------------


def test_with_nothing_at_all_it_starts_and_says_so(tmp_path: Path) -> None:
    loaded = load_config(None, {}, cwd=tmp_path)
    assert loaded.path is None
    assert loaded.config.assistants["default"].model == "scripted/help"
    assert len(loaded.notes) == 1


def test_openai_and_telegram_are_picked_up(tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": "sk-1", "TELEGRAM_BOT_TOKEN": "1:a"}
    loaded = load_config(None, environ, cwd=tmp_path)
    provider = loaded.config.providers["openai"]
    assert (provider.kind, provider.base_url) == ("openai", "https://api.openai.com/v1")
    assert provider.api_keys == (SecretRef(env="OPENAI_API_KEY"),)
    assert loaded.config.assistants["default"].model.startswith("openai/")
    assert loaded.config.connections["tg"].options == {"token": {"env": "TELEGRAM_BOT_TOKEN"}}
    notes = "\n".join(loaded.notes)
    assert "OPENAI_API_KEY" in notes
    assert "TELEGRAM_BOT_TOKEN" in notes
    assert "sk-1" not in notes + repr(loaded)


def test_an_anthropic_key_is_picked_up(tmp_path: Path) -> None:
    loaded = load_config(None, {"ANTHROPIC_API_KEY": "sk-1"}, cwd=tmp_path)
    provider = loaded.config.providers["anthropic"]
    assert (provider.kind, provider.base_url) == ("anthropic", None)
    assert provider.api_keys == (SecretRef(env="ANTHROPIC_API_KEY"),)
    assert loaded.config.assistants["default"].model.startswith("anthropic/")
    assert "sk-1" not in "\n".join(loaded.notes) + repr(loaded)


def test_gemini_is_picked_up_and_comes_behind_openai(tmp_path: Path) -> None:
    loaded = load_config(None, {"GEMINI_API_KEY": "AIza"}, cwd=tmp_path)
    provider = loaded.config.providers["gemini"]
    assert (provider.kind, provider.base_url, provider.api_keys) == ("gemini", None, (SecretRef(env="GEMINI_API_KEY"),))
    assert loaded.config.assistants["default"].model == "gemini/gemini-flash-latest"
    both = load_config(None, {"GEMINI_API_KEY": "AIza", "OPENAI_API_KEY": "sk-1"}, cwd=tmp_path)
    assert both.config.assistants["default"].model.startswith("openai/")


def test_an_openai_address_without_a_key(tmp_path: Path) -> None:
    loaded = load_config(None, {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, cwd=tmp_path)
    assert loaded.config.providers["openai"].base_url == "http://127.0.0.1:1/v1"
    assert loaded.config.providers["openai"].kind == "openai-compatible"
    assert loaded.config.providers["openai"].api_keys == ()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0:1234", "http://127.0.0.1:1234/v1"),
        ("[::]:1234", "http://127.0.0.1:1234/v1"),
        ("box", "http://box:11434/v1"),
        ("http://box:5/", "http://box:5/v1"),
        ("https://box.example", "https://box.example/v1"),
        ("[::1]", "http://[::1]:11434/v1"),
    ],
)
def test_ollama_is_picked_up_in_all_its_forms(tmp_path: Path, host: str, url: str) -> None:
    loaded = load_config(None, {"OLLAMA_HOST": host}, cwd=tmp_path)
    assert loaded.config.providers["ollama"].base_url == url
    assert loaded.config.assistants["default"].model.startswith("ollama/")


def test_nothing_is_picked_up_where_there_is_a_file_and_that_is_said(tmp_path: Path) -> None:
    loaded = load(tmp_path, "", OPENAI_API_KEY="sk-1", TELEGRAM_BOT_TOKEN="1:a")
    assert list(loaded.config.providers) == ["scripted"]
    assert loaded.config.connections == {}
    told = "OPENAI_API_KEY and TELEGRAM_BOT_TOKEN are set, but q.toml is in force and does not name them"
    assert told in loaded.notes


def test_what_the_file_names_is_not_said_to_be_unused(tmp_path: Path) -> None:
    text = FILE + 'token = { env = "TELEGRAM_BOT_TOKEN" }\n[providers.here]\nkind = "openai-compatible"\n'
    text += 'base_url = "http://127.0.0.1:11434/v1"\napi_keys = [{ env = "OPENAI_API_KEY" }]\n'
    environ = {"OPENAI_API_KEY": "sk-1", "TELEGRAM_BOT_TOKEN": "1:a", "OPENAI_BASE_URL": "http://x/v1"}
    assert load(tmp_path, text, OLLAMA_HOST="127.0.0.1", **environ).notes == ()
    (told,) = load(tmp_path, text, OLLAMA_HOST="elsewhere", **environ).notes
    assert told == "OLLAMA_HOST is set, but q.toml is in force and does not name it"


@pytest.mark.parametrize(
    ("has", "model", "told"),
    [
        (None, "llama3.2", "Ollama did not say which models it has"),
        ((), "llama3.2", "Ollama has no model yet; `ollama pull llama3.2`"),
        (("qwen3:0.6b", "gemma3"), "qwen3:0.6b", "model ollama/qwen3:0.6b"),
        (("qwen3:0.6b", "llama3.2:1b"), "llama3.2:1b", "model ollama/llama3.2:1b"),
    ],
)
def test_a_model_that_ollama_has_answers(tmp_path: Path, has: tuple[str, ...] | None, model: str, told: str) -> None:
    loaded = load_config(None, {"OLLAMA_HOST": "127.0.0.1"}, cwd=tmp_path, ollama=has)
    assert loaded.config.assistants["default"].model == f"ollama/{model}"
    assert told in "\n".join(loaded.notes)
    assert loaded.ollama == has


def test_overrides_hold_over_what_was_picked_up(tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": "sk-1", "QUARTERDECK_ASSISTANTS__DEFAULT__MODEL": "openai/other"}
    assert load_config(None, environ, cwd=tmp_path).config.assistants["default"].model == "openai/other"
