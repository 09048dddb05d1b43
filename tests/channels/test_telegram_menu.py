"""Telegram offers our commands while people type: in each language, set where they differ, and never in the way."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from quarterdeck.base.supervise import Life, Service, Supervisor
from quarterdeck.flow.catalogue import CHAT_COMMANDS
from quarterdeck.flow.menu import HELP, menu
from quarterdeck.testing.channel import RecordingIntake, receiving
from tests.channels.telegram_platform import Telegram, telegram
from tests.standins.telegram.second_clients import Aiogram, Ptb
from tests.waiting import until

LANGUAGES = ("", "en", "de", "es", "fr", "zh")


@pytest.fixture
async def platform() -> AsyncIterator[Telegram]:
    async with telegram() as running:
        yield running


@asynccontextmanager
async def showing(platform: Telegram, *fixed: str) -> AsyncIterator[None]:
    """A gateway that shows its menu."""

    async def show(life: Life) -> None:
        await platform.channel.show_menu(menu(*fixed), life)

    async with Supervisor(platform.log) as supervisor:
        await supervisor.start(Service(name="menu", run=show, restart="backoff"))
        yield


async def asked(platform: Telegram, method: str) -> list[int]:
    """The statuses of the answered calls."""
    return [int(str(one["status"])) for one in await platform.driver.requests(method) if one["status"] is not None]


async def compared(platform: Telegram, times: int = 1) -> bool:
    return len(await asked(platform, "getMyCommands")) >= times * len(LANGUAGES)


@pytest.mark.parametrize("library", [Ptb, Aiogram])
async def test_every_language_has_its_list_as_others_read_it(platform: Telegram, library: type[Ptb | Aiogram]) -> None:
    async with showing(platform):
        await until(lambda: "telegram.menu_set" in platform.log.events(), what="the menu")
    root, _, token = platform.method_url("").removesuffix("/").rpartition("/bot")
    client = library(root, token, 10)
    try:
        lists = [await client.commands(language) for language in LANGUAGES]
    finally:
        await client.close()
    assert [list(one) for one in lists] == [list(HELP.values)] * len(LANGUAGES)
    assert lists[0] == lists[1]
    assert len({one["stop"] for one in lists}) == 5
    assert lists[2]["status"] == "was ich gerade tue"


async def test_it_is_set_only_where_it_differs(platform: Telegram) -> None:
    async with showing(platform):
        await until(lambda: "telegram.menu_set" in platform.log.events(), what="the menu")
    assert await asked(platform, "setMyCommands") == [200] * len(LANGUAGES)
    async with showing(platform):
        await until(lambda: compared(platform, 2), what="another look")
    assert len(await asked(platform, "setMyCommands")) == len(LANGUAGES)
    async with showing(platform, "", "de"):  # from now on everybody is answered in German
        await until(lambda: platform.log.events().count("telegram.menu_set") == 2, what="the German menu")
    assert len(await asked(platform, "setMyCommands")) == 2 * len(LANGUAGES) - 1


async def test_people_are_heard_while_the_menu_hangs_and_health_does_not_suffer(platform: Telegram) -> None:
    await platform.driver.fault("hang_before", "getMyCommands", seconds=60, times=9)
    await platform.driver.write("hello")
    intake = RecordingIntake()
    async with showing(platform), receiving(platform.channel, intake):
        await until(lambda: len(intake.acts) == 1, what="an act")
        assert platform.channel.health().alive


async def test_a_menu_that_is_refused_is_tried_again_when_telegram_says_so(platform: Telegram) -> None:
    await platform.driver.fault("error", "setMyCommands", status=429, retry_after=1)
    async with showing(platform):
        async with asyncio.timeout(10):
            await until(lambda: "telegram.menu_set" in platform.log.events(), what="the menu")
    assert platform.log.events()[0] == "telegram.menu_failed"
    assert (await asked(platform, "setMyCommands"))[0] == 429


def test_the_menu_names_every_command_within_telegrams_limits() -> None:
    assert set(HELP.values) == set(CHAT_COMMANDS)
    for entries in menu().values():
        assert len(entries) <= 100
        for entry in entries:
            assert re.fullmatch(r"[a-z0-9_]{1,32}", entry.command)
            assert 1 <= len(entry.description) <= 256
