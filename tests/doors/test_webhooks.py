"""What platforms bring by calling /hooks/{connection}: kept before it is acknowledged, from nobody else, once."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from quarterdeck.base.config import load_config
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.secrets import Secret
from quarterdeck.channels.telegram.receiving import webhook_secret
from tests.doors.running import CONFIG, Running, running
from tests.standins.telegram import RunningStandIn, TelegramDriver, in_process
from tests.waiting import until

pytestmark = pytest.mark.proves("channel.telegram")

ADDRESS = "https://gateway.example"
HOOK = f"{ADDRESS}/hooks/tg"
HEADER = "X-Telegram-Bot-Api-Secret-Token"
ENVIRON = {"BOT_TOKEN": "4242424242:stand-in-bot-token"}


def config(api_root: str, mode: str = "webhook") -> str:
    text = CONFIG.replace("port = 0", f'port = 0\npublic_url = "{ADDRESS}"')
    return f"""{text}
[connections.tg]
channel = "telegram"
api_root = "{api_root}"
token = {{ env = "BOT_TOKEN" }}
mode = "{mode}"
dm_policy = "open"
webhook_check_seconds = 0.2
"""


@pytest.fixture
async def platform() -> AsyncIterator[RunningStandIn]:
    async with in_process() as stand_in:
        yield stand_in


@asynccontextmanager
async def gateway(folder: Path, platform: RunningStandIn, mode: str = "webhook") -> AsyncIterator[Running]:
    """A gateway that receives; the stand-in knows where its address is."""
    async with running(folder, config(platform.url, mode), ENVIRON) as door:
        await platform.driver.place(ADDRESS, door.url)
        channel = door.parts.directory.channel("tg")
        assert channel is not None
        receiving = asyncio.create_task(channel.receive(door.parts.intake))
        try:
            yield door
        finally:
            receiving.cancel()
            await asyncio.wait((receiving,))


async def info(platform: RunningStandIn) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{platform.url}/bot{platform.token}/getWebhookInfo") as answer,
    ):
        return (await answer.json())["result"]


async def secret(driver: TelegramDriver) -> str:
    """What the gateway told Telegram to show."""
    (request, *_) = await driver.requests("setWebhook", 1, answered=True)
    parameters = request["parameters"]
    assert isinstance(parameters, dict)
    return str(parameters["secret_token"])


def update(number: int = 1, text: str = "hello", message: int = 5) -> bytes:
    who = {"id": 9, "is_bot": False, "first_name": "Ada"}
    said = {
        "message_id": message,
        "date": 1_767_225_600,
        "chat": {"id": 9, "type": "private"},
        "from": who,
        "text": text,
    }
    return json.dumps({"update_id": number, "message": said}).encode()


async def call(
    door: Running, body: bytes, token: str | None, path: str = "/hooks/tg", headers: dict[str, str] | None = None
) -> int:
    sent = {"Content-Type": "application/json", **({HEADER: token} if token is not None else {}), **(headers or {})}
    return (await door.call("POST", path, headers=sent, data=io.BytesIO(body))).status


async def rows(door: Running) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await door.parts.store.fetch("SELECT act_key, outcome FROM inbox ORDER BY id", {})]


async def counted(door: Running, result: str) -> float:
    name = f'quarterdeck_webhooks_total{{connection="tg",result="{result}"}}'
    lines = door.parts.metrics.exposition().decode().splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(name)), 0.0)


# -- the way of an update --------------------------------------------------------------------------------------


async def test_an_update_is_brought_kept_and_confirmed(tmp_path: Path, platform: RunningStandIn) -> None:
    async with gateway(tmp_path, platform) as door:
        await platform.driver.requests("setWebhook", 1, answered=True)
        sent = await platform.driver.write("hello")
        (ack,) = await platform.driver.acked(1)
        assert ack["update_ids"] == [sent.update_id]
        assert [key for key, _ in await rows(door)] == [f"7001/{sent.message_id}/0"]
        assert await counted(door, "taken") == 1
        found = await info(platform)
        assert (found["url"], found["max_connections"]) == (HOOK, 40)
        assert found["allowed_updates"] == ["callback_query", "edited_message", "message", "my_chat_member"]
        channel = door.parts.directory.channel("tg")
        assert channel is not None
        assert channel.health().alive


async def test_a_process_that_does_not_receive_takes_what_is_brought_to_it(
    tmp_path: Path, platform: RunningStandIn
) -> None:
    """Of several behind one address, another has the connection, and has set the webhook."""
    async with running(tmp_path, config(platform.url), ENVIRON) as door:
        token = webhook_secret(Secret(ENVIRON["BOT_TOKEN"]), "tg")
        statuses = await asyncio.gather(*(call(door, update(n, f"say {n}", n), token) for n in range(1, 4)))
        assert (statuses, len(await rows(door))) == ([200] * 3, 3)
        assert len(await platform.driver.requests("getMe")) == 1, "asked once who it is"


async def test_a_press_is_kept_and_answered(tmp_path: Path, platform: RunningStandIn) -> None:
    async with gateway(tmp_path, platform) as door:
        await platform.driver.requests("setWebhook", 1, answered=True)
        sent = await platform.driver.write("hello")
        await platform.driver.press(sent.message_id or 0, "nobody.0")
        (answer,) = await platform.driver.events("answered", 1)
        assert answer["text"] == "These buttons are no longer open."
        keys = [key for key, _ in await rows(door)]
        assert f"press/{answer['callback_query_id']}" in keys


async def test_what_cannot_be_committed_is_not_confirmed_and_comes_again(
    tmp_path: Path, platform: RunningStandIn
) -> None:
    async with gateway(tmp_path, platform) as door:
        await platform.driver.requests("setWebhook", 1, answered=True)
        door.parts.intake.open = False
        await platform.driver.write("hello")
        (first, *_) = await platform.driver.events("called", 1)
        assert first["status"] == 503
        assert await platform.driver.acked() == []
        door.parts.intake.open = True
        await platform.driver.acked(1)
        assert len(await rows(door)) == 1


async def test_the_same_act_by_webhook_and_by_poll_is_one(tmp_path: Path, platform: RunningStandIn) -> None:
    async with gateway(tmp_path, platform) as door:
        token = await secret(platform.driver)
        assert await call(door, update(), token) == 200
    async with gateway(tmp_path, platform, "poll") as door:
        await until(lambda: polled(platform), what="a poll")
        await platform.driver.raw_update("message", json.loads(update())["message"])
        await platform.driver.acked(1)
        assert [key for key, _ in await rows(door)] == ["9/5/0"]


async def polled(platform: RunningStandIn) -> bool:
    return (await platform.driver.poller()).polling


# -- nobody else -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [None, "", "guess", "0" * 64])
async def test_sec_16_without_the_secret_nothing_is_taken_and_it_is_counted(
    tmp_path: Path, platform: RunningStandIn, wrong: str | None
) -> None:
    async with gateway(tmp_path, platform) as door:
        token = await secret(platform.driver)
        assert len(token) == 64
        assert await call(door, update(), wrong) == 403
        assert await call(door, update(), token.upper()) == 403
        assert await rows(door) == []
        assert await counted(door, "refused") == 2
        assert await call(door, update(), token) == 200
        assert len(await rows(door)) == 1


async def test_sec_16_the_route_does_not_exist_for_what_takes_no_webhook(
    tmp_path: Path, platform: RunningStandIn
) -> None:
    async with gateway(tmp_path, platform, "poll") as door:
        assert await call(door, update(), "") == 404
        assert await call(door, update(), "", "/hooks/web") == 404
        assert await call(door, update(), "", "/hooks/nobody") == 404


async def test_sec_17_a_replayed_call_is_acknowledged_without_effect(tmp_path: Path, platform: RunningStandIn) -> None:
    async with gateway(tmp_path, platform) as door:
        token = await secret(platform.driver)
        again = json.dumps(json.loads(update(2)), sort_keys=True, indent=2).encode()
        assert [await call(door, body, token) for body in (update(1), update(1), again)] == [200, 200, 200]
        assert len(await rows(door)) == 1


async def test_sec_18_a_body_that_is_too_large_is_refused_and_never_read_from_a_stranger(
    tmp_path: Path, platform: RunningStandIn
) -> None:
    async with gateway(tmp_path, platform) as door:
        token = await secret(platform.driver)
        large = update(text="x" * 1024 * 1024)
        assert await call(door, large, token) == 413

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(64):
                yield b" " * 65536

        sent = {"Content-Type": "application/json", HEADER: token}
        assert (await door.call("POST", "/hooks/tg", headers=sent, data=endless())).status == 413
        async with asyncio.timeout(4):  # less than the time that a body is given
            assert await unfinished(door, "guess") == 403


async def unfinished(door: Running, token: str) -> int:
    """The status for a request whose body never comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(door.url.rpartition(":")[2]))
    head = (
        f"POST /hooks/tg HTTP/1.1\r\nHost: localhost\r\n{HEADER}: {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    )
    writer.write(head.encode())
    try:
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


async def test_what_cannot_be_read_is_acknowledged_once_and_forgotten(tmp_path: Path, platform: RunningStandIn) -> None:
    async with gateway(tmp_path, platform) as door:
        token = await secret(platform.driver)
        for body in (b"", b"{}", b"[1]", b"\xff\xfe", b'{"update_id": 1, "message": {"message_id": "x"}}'):
            assert await call(door, body, token) == 200
        assert await rows(door) == []


# -- whose webhook it is ---------------------------------------------------------------------------------------


async def test_a_webhook_that_somebody_removed_or_took_is_set_again(tmp_path: Path, platform: RunningStandIn) -> None:
    async with gateway(tmp_path, platform):
        await platform.driver.requests("setWebhook", 1, answered=True)
        base = f"{platform.url}/bot{platform.token}"
        async with aiohttp.ClientSession() as http:
            for method, given in (
                ("deleteWebhook", {}),
                ("setWebhook", {"url": "https://somebody.example/hook"}),
                ("setWebhook", {"url": HOOK, "allowed_updates": '["poll"]'}),
            ):
                async with http.post(f"{base}/{method}", data=given) as answer:
                    assert answer.status == 200
                await until(lambda: is_ours(platform), what="the webhook to be ours again")
        await platform.driver.write("hello")
        await platform.driver.acked(1)


async def is_ours(platform: RunningStandIn) -> bool:
    found = await info(platform)
    return found["url"] == HOOK and "message" in found.get("allowed_updates", ())


async def test_a_gateway_that_telegram_cannot_reach_says_so(tmp_path: Path, platform: RunningStandIn) -> None:
    async with gateway(tmp_path, platform) as door:
        await platform.driver.place(ADDRESS, "http://127.0.0.1:9")
        await platform.driver.requests("setWebhook", 1, answered=True)
        async with aiohttp.ClientSession() as http:  # so that the stand-in looks where the address is now
            await http.post(f"{platform.url}/bot{platform.token}/deleteWebhook")
        await platform.driver.requests("setWebhook", 2, answered=True)
        await platform.driver.write("hello")
        channel = door.parts.directory.channel("tg")
        assert channel is not None
        await until(lambda: "Telegram cannot call" in channel.health().detail, what="the report")
        assert not channel.health().alive


@pytest.mark.parametrize("line", ["", 'public_url = "http://gateway.example"'])
async def test_a_webhook_needs_an_https_address(tmp_path: Path, line: str) -> None:
    text = config("http://127.0.0.1:9").replace(f'public_url = "{ADDRESS}"', line)
    (tmp_path / "quarterdeck.toml").write_text(text)
    load_config(tmp_path / "quarterdeck.toml", ENVIRON, cwd=tmp_path)
    with pytest.raises(ConfigRefused, match=r"connections.tg.mode.*public_url"):
        async with running(tmp_path, text, ENVIRON):
            pass
