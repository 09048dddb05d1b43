"""What is missing or wrong with a bot is found at Telegram, and each finding has its one fix."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.secrets import Secret, SecretRef
from quarterdeck.channels.telegram.adapter import TelegramChannel
from quarterdeck.channels.telegram.settings import TelegramSettings
from quarterdeck.model.finding import Finding, Group
from quarterdeck.net.client import Client
from quarterdeck.testing.channel import RecordingIntake, receiving
from tests.channels.support import Bytes, nobody
from tests.channels.telegram_platform import Telegram, telegram
from tests.waiting import until

CREW, OPS, GONE = -1001, -1002, -1003


@pytest.fixture
async def platform() -> AsyncIterator[Telegram]:
    async with telegram() as running:
        yield running


async def found(platform: Telegram, *groups: Group) -> dict[str, Finding]:
    return {one.about: one for one in await platform.channel.findings(groups)}


async def test_a_bot_that_is_as_it_should_be(platform: Telegram) -> None:
    await platform.driver.set_chat(CREW, type="supergroup")
    everything = await found(platform, Group(str(CREW), hears_all=True), Group("7001"))
    assert {about: (one.state, one.fix) for about, one in everything.items()} == dict.fromkeys(
        ("", "receiving", "privacy mode", "groups"), ("OK", "")
    )
    assert everything[""].detail == "bot @stand_in_bot"
    assert everything["receiving"].detail == "by poll; 0 updates wait"
    assert everything["privacy mode"].detail.startswith("off: ")


async def test_privacy_mode_matters_where_everything_is_to_be_heard(platform: Telegram) -> None:
    await platform.driver.privacy(True)
    await platform.driver.set_chat(CREW, type="supergroup")
    assert (await found(platform, Group(str(CREW))))["privacy mode"].state == "OK"
    wrong = (await found(platform, Group(str(CREW), hears_all=True)))["privacy mode"]
    assert wrong.state == "FAIL"
    assert str(CREW) in wrong.detail
    assert "/setprivacy" in wrong.fix


async def test_where_the_bot_is_not_or_may_not_write(platform: Telegram) -> None:
    await platform.driver.joins(False)
    for group in (CREW, OPS):
        await platform.driver.set_chat(group, type="supergroup")
    await platform.driver.member(CREW, "kicked")
    await platform.driver.member(OPS, "restricted", can_send=False)
    everything = await found(platform, *(Group(str(group)) for group in (CREW, OPS, GONE)))
    assert "groups" not in everything
    for group, detail, fix in (
        (CREW, "bot was kicked", "Add it to the group."),
        (OPS, "may not write", "Let an administrator allow it"),
        (GONE, "chat not found", "Add it to the group."),
    ):
        one = everything[f"group {group}"]
        assert one.state == "WARN"
        assert detail in one.detail
        assert one.fix.startswith(fix)
    assert "/setjoingroups" in everything["joining"].fix
    await platform.driver.member(OPS, "restricted", can_send=True)
    assert (await found(platform, Group(str(OPS))))["groups"].state == "OK"


async def test_a_webhook_that_somebody_else_has_set(platform: Telegram) -> None:
    async with aiohttp.ClientSession() as session:
        await session.post(platform.method_url("setWebhook"), data={"url": "https://somebody.example/hook"})
    await platform.write("waits")
    one = (await found(platform))["receiving"]
    assert one.state == "WARN"
    assert one.detail == "somebody has set a webhook (https://somebody.example/hook); 1 update waits"
    assert "/revoke" in one.fix
    assert not await platform.driver.requests("deleteWebhook"), "looking changes nothing"


async def test_how_the_webhook_stands(platform: Telegram) -> None:
    ours, other = "https://qd.example/hooks/tg", "https://somebody.example/hook"
    settings = TelegramSettings(
        token=SecretRef(env="X"), api_root=platform.method_url("").partition("/bot")[0], mode="webhook"
    )
    token = Secret(platform.method_url("").partition("/bot")[2].rstrip("/"))
    async with Client() as client, aiohttp.ClientSession() as session:
        channel = TelegramChannel(
            "tg", settings, token, client, SystemClock(), platform.log, Bytes(), public_url="https://qd.example"
        )

        async def stands() -> Finding:
            return next(one for one in await channel.findings(()) if one.about == "receiving")

        assert (await stands()).detail == f"the webhook {ours} is not set; 0 updates wait"
        await session.post(platform.method_url("setWebhook"), data={"url": other})
        wrong = await stands()
        assert (wrong.state, "/revoke" in wrong.fix) == ("FAIL", True)
        assert wrong.detail == f"the webhook is {other}, not {ours}; 0 updates wait"
        await platform.driver.place("https://qd.example", nobody())
        await session.post(platform.method_url("setWebhook"), data={"url": ours})
        assert (await stands()).detail == "by webhook; 0 updates wait"
        await platform.write("is not brought")

        async def failing() -> bool:
            return (await stands()).state == "FAIL"

        await until(failing, what="an error of the webhook")
        late = await stands()
    assert late.detail.startswith(f"Telegram cannot call {ours}; 1 update waits; last error: Connection failed")
    assert "443" in late.fix


async def test_another_poller(platform: Telegram) -> None:
    async def rival() -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(platform.method_url("getUpdates"), params={"timeout": "30"}) as answer:
                    await answer.read()

    async def reported() -> Finding | None:
        one = (await found(platform))["receiving"]
        return one if one.state == "FAIL" else None

    async with receiving(platform.channel, RecordingIntake()), asyncio.TaskGroup() as group:
        await platform.driver.until_polling()
        other = group.create_task(rival())
        one = await until(reported, what="the report")
        other.cancel()
    assert one is not None
    assert one.detail.startswith("another process polls this bot")
    assert one.fix.startswith("Stop that process")


async def test_nothing_is_found_without_a_token_or_a_network(platform: Telegram) -> None:
    (refused,) = await platform.another(token="4242424242:revoked").findings(())
    assert (refused.state, "@BotFather" in refused.fix) == ("FAIL", True)
    (silent,) = await platform.another(nobody()).findings(())
    assert (silent.state, "network" in silent.fix) == ("FAIL", True)


async def test_looking_says_nothing_of_health(platform: Telegram) -> None:
    before = platform.channel.health()
    await found(platform)
    assert platform.channel.health() == before
