"""Languages and first contact over real doors: Telegram, the native API, and `/v1`."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doors.commands import SCRIPTED, Desk
from tests.doors.running import CONFIG, Running, running
from tests.doors.test_api_sessions import begin
from tests.standins.telegram import TelegramDriver, in_process

HONEST = CONFIG.replace("introduce = false", 'owner = "Ada Example"\ncontact = "ada@example.org"')
TELEGRAM = """
[connections.tg]
channel = "telegram"
api_root = "{url}"
token = {{ env = "BOT_TOKEN" }}
dm_policy = "{policy}"
"""
STOPPED = {
    "de": "Es gibt nichts anzuhalten.",
    "es": "No hay nada que detener.",
    "fr": "Il n'y a rien à arrêter.",
    "zh-CN": "没有什么可停止的。",
    "en-GB": "There is nothing to stop.",
    "pt": "There is nothing to stop.",
}
MACHINE = {"de": "eine Maschine", "es": "una máquina", "fr": "une machine", "zh-CN": "我是机器", "en-GB": "a machine"}


@pytest.fixture
async def honest(tmp_path: Path) -> AsyncIterator[Running]:
    """A gateway whose assistants introduce themselves."""
    async with running(tmp_path, HONEST) as found:
        yield found


async def texts(driver: TelegramDriver, count: int) -> list[str]:
    return [str(one["text"]) for one in await driver.sent(count)]


# --- Telegram -------------------------------------------------------------------------------------------------


async def test_telegram_speaks_the_language_of_the_app(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    async with in_process() as standin:
        told = TELEGRAM.format(url=standin.url, policy="open")
        desk.write(SCRIPTED.format(model="scripted/echo").replace("introduce = false", 'owner = "Ada Example"') + told)
        await standin.driver.set_user(7001, language_code="de")
        await standin.driver.set_user(7002, language_code="zh-hans")
        desk.secrets = {"BOT_TOKEN": standin.token}
        async with desk.gateway():
            await standin.driver.write("hello", user_id=7001)
            first, answer = await texts(standin.driver, 2)
            assert "eine Maschine" in first
            assert "Verantwortlich für mich: Ada Example." in first
            assert answer == "You said: hello"
            await standin.driver.write("/status", user_id=7001)
            assert (await texts(standin.driver, 3))[2].startswith("Ich habe nichts zu tun; 0 Nachrichten warten.")
            await standin.driver.write("/stop", user_id=7002)
            said = (await texts(standin.driver, 5))[3:]
            assert "我是机器" in said[0]
            assert said[1] == "没有什么可停止的。"


async def test_telegram_lets_in_with_a_word_about_the_machine(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    async with in_process() as standin:
        told = TELEGRAM.format(url=standin.url, policy="pairing")
        desk.write(SCRIPTED.format(model="scripted/echo").replace("introduce = false", "") + told)
        await standin.driver.set_user(7001, language_code="es-MX")
        desk.secrets = {"BOT_TOKEN": standin.token}
        async with desk.gateway():
            await standin.driver.write("let me in", user_id=7001)
            (shown,) = await texts(standin.driver, 1)
            assert shown.startswith("Hola. Soy un asistente de IA")
            assert (await desk.run("pairing", "approve", shown.split()[-1])).code == 0
            _, machine, greeting = await texts(standin.driver, 3)
            assert "una máquina" in machine
            assert greeting.startswith("Ya tiene acceso.")


# --- the native API -------------------------------------------------------------------------------------------


async def said(gateway: Running, session: str) -> list[str]:
    rows = await gateway.parts.store.fetch(
        "SELECT data FROM events WHERE session_id = :session AND kind = 'delivery' ORDER BY seq", {"session": session}
    )
    return [json.loads(bytes(row[0]))["text"] for row in rows]  # type: ignore[arg-type]


@pytest.mark.parametrize("language", [*STOPPED, "pt"])
async def test_the_api_speaks_what_the_client_accepts(gateway: Running, language: str) -> None:
    token = await gateway.token("chat")
    session = await begin(gateway, token)
    headers = {"Accept-Language": f"{language}, en;q=0.1"}
    stopped = await gateway.call("POST", f"/api/v1/sessions/{session}/stop", token=token, headers=headers)
    assert stopped.status == 202
    assert await said(gateway, session) == [STOPPED.get(language, "There is nothing to stop.")]


@pytest.mark.parametrize("language", MACHINE)
async def test_the_page_is_told_whom_it_talks_to_once(honest: Running, language: str) -> None:
    token = await honest.token("chat")
    session = await begin(honest, token)
    for text in ("/stop", "/help"):
        path = f"/api/v1/sessions/{session}/messages"
        sent = await honest.call("POST", path, token=token, headers={"Accept-Language": language}, json={"text": text})
        assert sent.status == 202
    machine, *others = await said(honest, session)
    assert MACHINE[language] in machine
    assert "Ada Example" in machine
    assert "ada@example.org" in machine
    assert others[0] == STOPPED[language]
    assert len(others) == 2
    another = await begin(honest, token)
    await honest.call("POST", f"/api/v1/sessions/{another}/stop", token=token)
    assert await said(honest, another) == ["There is nothing to stop."]


# --- /v1 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "idle"), [("fr", "Je n'ai rien à faire"), ("", "I am idle")])
async def test_programs_are_not_introduced_to(honest: Running, language: str, idle: str) -> None:
    token = await honest.token("chat")
    for text, answer in (("hello", "You said: hello"), ("/status", idle)):
        messages = [{"role": "user", "content": text}]
        got = await honest.call(
            "POST", "/v1/chat/completions", token=token, headers={"Accept-Language": language},
            json={"model": "default", "messages": messages, "user": "ann"},
        )  # fmt: skip
        assert got.json()["choices"][0]["message"]["content"].startswith(answer)
    assert await honest.parts.store.fetch("SELECT identity_id FROM first_contacts", {}) == []
