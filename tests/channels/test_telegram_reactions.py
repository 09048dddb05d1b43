"""Which reactions does a bot of ours set, and what becomes of those of people?"""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from quarterdeck.model.permit import MintingKey, PresencePermit
from quarterdeck.testing.channel import RecordingIntake, receiving
from tests.channels.telegram_platform import PERSON, Telegram, telegram

pytestmark = pytest.mark.proves("channel.telegram")

THEIRS = {
    "chat": {"id": PERSON, "type": "private"},
    "message_id": 1,
    "date": 1,
    "user": {"id": PERSON, "is_bot": False, "first_name": "Ada"},
    "old_reaction": [],
    "new_reaction": [{"type": "emoji", "emoji": "👍"}],
}


@pytest.fixture
async def platform() -> AsyncIterator[Telegram]:
    async with telegram() as running:
        yield running


def presence(room: str) -> PresencePermit:
    return PresencePermit(MintingKey(), f"tg/{room}")


async def test_in_a_topic_it_stands_on_the_message_of_its_chat(platform: Telegram) -> None:
    written = await platform.driver.write("here", chat_id=-1001, topic=7)
    assert await platform.channel.react("-1001/7", str(written.message_id), presence("-1001/7"), on=True)
    (change,) = await platform.driver.events("reaction")
    assert (change["chat_id"], change["message_id"], change["reactions"]) == (-1001, written.message_id, ["👀"])


async def test_after_a_limit_none_is_asked_for_until_its_end(platform: Telegram) -> None:
    permit = presence(platform.room)
    await platform.driver.fault("error", "setMessageReaction", status=429, retry_after=60)
    assert [await platform.channel.react(platform.room, "1", permit, on=True) for _ in range(3)] == [False] * 3
    assert len(await platform.driver.requests("setMessageReaction")) == 1
    assert platform.log.events() == ["telegram.reaction_failed"]


@pytest.mark.parametrize("status", [400, 403, 500])
async def test_one_that_telegram_does_not_take_is_only_noted(platform: Telegram, status: int) -> None:
    await platform.driver.fault("error", "setMessageReaction", status=status)
    assert not await platform.channel.react(platform.room, "1", presence(platform.room), on=True)
    assert platform.log.events() == ["telegram.reaction_failed"]


async def test_those_of_people_are_not_asked_for(platform: Telegram) -> None:
    async with receiving(platform.channel, RecordingIntake()):
        await platform.driver.until_polling()
        assert (await platform.driver.raw_update("message_reaction", THEIRS)).update_id is None


async def test_one_that_somebody_before_us_asked_for_is_ignored_by_rule(platform: Telegram) -> None:
    async with aiohttp.ClientSession() as rival:
        await rival.post(platform.method_url("getUpdates"), json={"allowed_updates": ["message_reaction"]})
    assert (await platform.driver.raw_update("message_reaction", THEIRS)).update_id is not None
    intake = RecordingIntake()
    async with receiving(platform.channel, intake):
        await platform.driver.acked(1)
    assert intake.asked == []
    ignored = [fields["reason"] for event, fields in platform.log.lines if event == "telegram.update_ignored"]
    assert ignored == ["not asked for"]
