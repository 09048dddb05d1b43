"""Hooks as they are configured: in a running gateway, over its doors, and refused where something is wrong."""

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from quarterdeck.base.config import load_config
from quarterdeck.base.decode import ConfigRefusals
from tests.plugins.packages import PluginDesk
from tests.standins.hooks import Answer, receiver

pytestmark = pytest.mark.proves("plugin.hook")

CONFIG = """
data_dir = "./data"
[server]
port = 0
[providers.scripted]
kind = "scripted"
[assistants.default]
model = "scripted/echo"
introduce = false
"""
WARDEN = """
[[hooks]]
name = "words"
on = ["before_route", "before_send"]
plugin = "warden"
hide = "secret"
"""
FAR = """
[[hooks]]
name = "far"
on = {on}
url = "{url}"
secret = {{ env = "HOOK_SECRET" }}
timeout_seconds = 5
on_failure = "{on_failure}"
"""


@pytest.fixture
def desk(tmp_path: Path) -> PluginDesk:
    return PluginDesk(tmp_path)


async def test_a_plugins_hook_over_every_door(desk: PluginDesk) -> None:
    desk.write(CONFIG + WARDEN)
    async with desk.gateway():
        assert "that is a bad word" in (await desk.run("chat", "a bad thing")).out
        said = (await desk.run("chat", "my secret", "--json")).out
        assert "You said: my ***" in said
        (session,) = [row for row in await desk.rows("sessions", "list") if row["connection"] == "terminal"]
        shown = json.dumps(await desk.rows("sessions", "show", str(session["id"])))
        assert "You said: my ***" in shown
        assert "You said: my secret" not in shown
        assert "held back by hook:words: that is not said here" in (await desk.run("chat", "forbidden")).out
        (status,) = await desk.rows("status")
        assert status["plugins"] == ["hook/warden acme-deck 1.2"]
        await over_v1(desk)
        kinds = [row["type"] for row in await desk.rows("audit", "list", "--limit", "200")]
        assert {"route.denied", "send.denied", "hook.changed"} <= set(kinds)


async def over_v1(desk: PluginDesk) -> None:
    """Programs see no more than people, streamed or not."""
    url = json.loads((desk.data / "runtime.json").read_text())["url"]
    token = (await desk.rows("token", "create", "--name", "t", "--scope", "chat"))[0]["token"]
    async with openai.AsyncOpenAI(api_key=str(token), base_url=f"{url}/v1", max_retries=0, timeout=20) as client:
        asked: list[Any] = [{"role": "user", "content": "my secret"}]
        answer = await client.chat.completions.create(model="default", messages=asked)
        assert answer.choices[0].message.content == "You said: my ***"
        stream = await client.chat.completions.create(model="default", messages=asked, stream=True)
        pieces = [choice.delta.content or "" async for chunk in stream for choice in chunk.choices]
        assert "".join(pieces) == "You said: my ***"
        asked[0]["content"] = "forbidden"
        answer = await client.chat.completions.create(model="default", messages=asked)
        held = answer.choices[0].message.content or ""
        assert held.startswith("What I was going to say here is held back by hook:words")
        asked[0]["content"] = "a bad thing"
        with pytest.raises(openai.PermissionDeniedError, match="that is a bad word"):
            await client.chat.completions.create(model="default", messages=asked)


async def test_a_signed_hook_of_a_running_gateway(desk: PluginDesk) -> None:
    async with receiver() as peer:
        peer.decide = lambda call: (
            Answer(body=b'{"change":{"text":"changed on the way"}}') if call["type"] == "before_route" else Answer()
        )
        points = '["before_route", "after_send"]'
        desk.write(CONFIG + FAR.format(on=points, url=peer.url, on_failure="deny"))
        async with desk.gateway():
            assert "You said: changed on the way" in (await desk.run("chat", "hello")).out
        assert [call["data"]["outcome"] for call in peer.on("after_send")] == [{"state": "sent"}]
        assert peer.forged == 0


@pytest.mark.parametrize(
    ("on_failure", "said"), [("deny", "A check that has to come first did not work"), ("pass", "You said: hello")]
)
async def test_what_holds_when_nobody_listens(desk: PluginDesk, on_failure: str, said: str) -> None:
    desk.write(CONFIG + FAR.format(on='["before_route"]', url="http://127.0.0.1:9/hook", on_failure=on_failure))
    async with desk.gateway():
        assert said in (await desk.run("chat", "hello")).out


async def test_a_secret_that_is_none_refuses_the_start(desk: PluginDesk) -> None:
    text = FAR.format(on='["before_route"]', url="http://127.0.0.1:9/hook", on_failure="deny")
    desk.write(CONFIG + text.replace("HOOK_SECRET", "BRAIN_KEY"))
    said = await desk.run("up")
    assert said.code == 78
    assert "hooks[0].secret: the secret is not whsec_" in said.err
    assert "sk-brain" not in said.err


@pytest.mark.parametrize(
    ("hooks", "field", "reason"),
    [
        ("name='a'\non=['before_model']", "hooks[0]", "either a plugin or a url"),
        ("name='a'\non=['before_model']\nplugin='x'\nurl='https://x'", "hooks[0]", "either a plugin or a url"),
        ("name='a'\non=['before_model']\nplugin='x'", "hooks[0].plugin", "there is no hook x"),
        ("name='A b'\non=['before_model']\nplugin='warden'", "hooks[0].name", "lower-case"),
        ("name='a'\non=[]\nplugin='warden'", "hooks[0].on", ""),
        ("name='a'\non=['before_lunch']\nplugin='warden'", "hooks[0].on", ""),
        ("name='a'\non=['before_model']\nplugin='warden'\ntimeout_seconds=11", "hooks[0].timeout_seconds", ""),
        ("name='a'\non=['before_model']\nplugin='warden'\non_failure='shrug'", "hooks[0].on_failure", ""),
        ("name='a'\non=['before_model']\nurl='http://far.example/x'\nsecret={env='S'}", "hooks[0].url", "unencrypted"),
        ("name='a'\non=['before_model']\nurl='ftp://x/y'\nsecret={env='S'}", "hooks[0].url", "not an http"),
        ("name='a'\non=['before_model']\nurl='https://x/y'", "hooks[0].secret", "signed"),
        ("name='a'\non=['before_model']\nurl='https://x/y'\nsecret='whsec_x'", "hooks[0].secret", "plain text"),
        ("name='a'\non=['before_model']\nurl='https://x/y'\nsecret={env='S'}\nhide='x'", "hooks[0].hide", "unknown"),
    ],
)
def test_what_is_refused(tmp_path: Path, hooks: str, field: str, reason: str) -> None:
    (tmp_path / "q.toml").write_text(f"{CONFIG}\n[[hooks]]\n{hooks}\n")
    with pytest.raises(ConfigRefusals) as caught:
        load_config(tmp_path / "q.toml", {}, cwd=tmp_path, plugins=lambda kind: ("warden",) if kind == "hook" else ())
    found = [problem for problem in caught.value.problems if problem.field == field]
    assert found, caught.value
    assert reason in found[0].reason


def test_two_hooks_with_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "q.toml").write_text(CONFIG + WARDEN + WARDEN)
    with pytest.raises(ConfigRefusals, match="another hook is called words"):
        load_config(tmp_path / "q.toml", {}, cwd=tmp_path, plugins=lambda kind: ("warden",))
