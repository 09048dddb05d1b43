"""Can a test steer the stand-in for Telegram and trust its record, also across processes?"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.standins.telegram import DeadlineMissed, RunningStandIn, in_process, own_process
from tests.standins.telegram.driver import read_journal
from tests.standins.telegram.second_clients import PERSON, PlainHttp

POLL_FOREVER = """
import sys, urllib.request
while True:
    urllib.request.urlopen(sys.argv[1] + "/getUpdates?timeout=50").read()
"""


@pytest.fixture
async def stand_in() -> AsyncIterator[RunningStandIn]:
    async with in_process() as running:
        yield running


@pytest.fixture
def plain(stand_in: RunningStandIn) -> PlainHttp:
    return PlainHttp(stand_in.url, stand_in.token)


async def test_a_process_of_its_own_outlives_a_killed_bot(tmp_path: Path) -> None:
    journal = tmp_path / "telegram.jsonl"
    async with own_process(journal) as running:
        base = f"{running.url}/bot{running.token}"
        bot = await asyncio.create_subprocess_exec(sys.executable, "-c", POLL_FOREVER, base)
        try:
            await running.driver.until_polling(timeout=60)
        finally:
            bot.kill()
            assert await asyncio.wait_for(bot.wait(), 10) == -signal.SIGKILL
        await running.driver.until_polling(False)
        written = await running.driver.write("after the crash")
        plain = PlainHttp(running.url, running.token)
        await plain.call("getUpdates", timeout=30)
        await plain.call("getUpdates", offset=(written.update_id or 0) + 1)
        await plain.call("sendMessage", chat_id=PERSON, text="answer")
        cut, *answered = await running.driver.requests("getUpdates")
        assert (cut["status"], [entry["status"] for entry in answered]) == (0, [200, 200])
    events = read_journal(journal)
    assert [event["text"] for event in events if event["event"] == "sent"] == ["answer"]
    acked = [event["update_ids"] for event in events if event["event"] == "acked"]
    assert acked == [[written.update_id]]


async def test_waiting_for_what_does_not_come_fails(stand_in: RunningStandIn) -> None:
    with pytest.raises(DeadlineMissed):
        await stand_in.driver.sent(1, timeout=0.05)
    with pytest.raises(DeadlineMissed):
        await stand_in.driver.until_polling(timeout=0.05)


async def test_waiting_ends_when_it_comes(stand_in: RunningStandIn, plain: PlainHttp) -> None:
    await stand_in.driver.set_chat(PERSON)
    waiting = asyncio.create_task(stand_in.driver.sent(2, timeout=30))
    for text in ("one", "two"):
        await plain.call("sendMessage", chat_id=PERSON, text=text)
    assert [entry["text"] for entry in await waiting] == ["one", "two"]
    answered = await stand_in.driver.requests("sendmessage", 2, answered=True)
    assert [entry["status"] for entry in answered] == [200, 200]


async def test_people_and_drafts_are_as_told(stand_in: RunningStandIn, plain: PlainHttp) -> None:
    await stand_in.driver.set_user(PERSON, first_name="Ada", language_code="de")
    await stand_in.driver.write("/ask@stand_in_bot why")
    await stand_in.driver.stop_draft(9)
    _, answer = await plain.call("getUpdates")
    updates = answer["result"]
    assert isinstance(updates, list)
    message = updates[0]["message"]
    assert (message["from"]["first_name"], message["from"]["language_code"]) == ("Ada", "de")
    assert message["entities"] == [{"type": "bot_command", "offset": 0, "length": 17}]
    assert updates[1]["stopped_message_generation"]["draft_id"] == 9
    _, answer = await plain.call("getChat", chat_id=PERSON)
    chat = answer["result"]
    assert isinstance(chat, dict)
    assert (chat["type"], chat["first_name"]) == ("private", "Ada")


async def test_a_reset_forgets_but_never_reuses_a_number(stand_in: RunningStandIn, plain: PlainHttp) -> None:
    before = await stand_in.driver.write("old")
    await plain.call("sendMessage", chat_id=PERSON, text="old")
    await stand_in.driver.fault("error", status=500)
    await stand_in.driver.reset()
    assert await stand_in.driver.sent() == []
    assert (await stand_in.driver.poller()).pending == 0
    after = await stand_in.driver.write("new")
    assert (after.update_id or 0) > (before.update_id or 0)
    assert (after.message_id or 0) > (before.message_id or 0)
    assert (await plain.call("getMe"))[0] == 200, "planned faults are forgotten too"


async def test_planned_faults_can_be_called_off(stand_in: RunningStandIn, plain: PlainHttp) -> None:
    await stand_in.driver.fault("error", "getMe", status=503, times=5)
    assert (await plain.call("getMe"))[0] == 503
    await stand_in.driver.no_more_faults()
    assert (await plain.call("getMe"))[0] == 200


async def test_what_makes_no_sense_is_refused_loudly(stand_in: RunningStandIn) -> None:
    for attempt in (
        stand_in.driver.edit(99, "there is no message 99"),
        stand_in.driver.write("x", mood="cheerful"),
        stand_in.driver.fault("earthquake"),
        stand_in.driver.set_chat(PERSON, blokced=True),
    ):
        with pytest.raises(ValueError, match="refuses \\(400\\)"):
            await attempt
