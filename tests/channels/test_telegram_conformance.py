"""Does the Telegram channel keep what a channel promises?"""

from collections.abc import AsyncIterator

import pytest

from quarterdeck.testing.channel import ChannelConformance, ChannelUnderTest
from tests.channels.telegram_platform import telegram

pytestmark = pytest.mark.proves("channel.telegram", "G1")


class TestTelegram(ChannelConformance):
    @pytest.fixture
    async def platform(self) -> AsyncIterator[ChannelUnderTest]:
        async with telegram() as running:
            yield running


class TestTelegramWithDrafts(ChannelConformance):
    @pytest.fixture
    async def platform(self) -> AsyncIterator[ChannelUnderTest]:
        async with telegram(streaming="draft") as running:
            yield running
