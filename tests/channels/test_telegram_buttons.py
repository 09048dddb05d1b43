"""How do buttons get under a message of the bot and off it again, and when does Telegram hear that one was pressed?"""

from collections.abc import AsyncIterator

import pytest

from quarterdeck.model.action import Part
from quarterdeck.model.button import Button, ButtonRows
from quarterdeck.model.inbound import Room, Sender
from quarterdeck.ports import SendRefused, SendResult, Sent
from quarterdeck.testing.channel import RecordingIntake, permit_for, receiving
from tests.channels.telegram_platform import PERSON, Telegram, telegram
from tests.standins.telegram.driver import Record
from tests.waiting import until

pytestmark = pytest.mark.proves("channel.telegram")

ROWS: ButtonRows = ((Button("Yes", "abc.0"), Button("No", "abc.1")), (Button("Später", "abc.2"),))
GROUP = -1001


@pytest.fixture
async def platform() -> AsyncIterator[Telegram]:
    async with telegram() as running:
        yield running


async def ask(platform: Telegram, rows: ButtonRows = ROWS, room: str = "") -> int:
    """Send a message with buttons; its id."""
    part = Part(platform.connection, room or platform.room, "**really?**", "k1", buttons=rows)
    result = await platform.channel.send(part, permit_for(part))
    assert isinstance(result, Sent), result
    return int(result.native_id)


async def take_off(platform: Telegram, message: int) -> SendResult:
    part = Part(platform.connection, platform.room, "", "k2", unbutton=str(message))
    return await platform.channel.send(part, permit_for(part))


async def markups(platform: Telegram) -> list[object]:
    return [message["reply_markup"] for message in await platform.driver.sent()]


async def answers(platform: Telegram, count: int) -> list[Record]:
    return await platform.driver.requests("answerCallbackQuery", count, answered=True)


# -- under a message and off it --------------------------------------------------------------------------------


async def test_they_stand_under_the_text_in_rows(platform: Telegram) -> None:
    await ask(platform)
    keys = [[{"text": one.label, "callback_data": one.value} for one in row] for row in ROWS]
    assert await markups(platform) == [{"inline_keyboard": keys}]
    assert await platform.shown() == ["really?"]


async def test_whoever_blocked_the_bot_keeps_them(platform: Telegram) -> None:
    message = await ask(platform)
    await platform.trouble("blocked")
    assert isinstance(await take_off(platform, message), SendRefused)


async def test_in_a_topic_the_message_is_found_by_its_chat(platform: Telegram) -> None:
    await platform.driver.write("here", chat_id=GROUP, topic=7)
    message = await ask(platform, room=f"{GROUP}/7")
    part = Part(platform.connection, f"{GROUP}/7", "", "k2", unbutton=str(message))
    assert isinstance(await platform.channel.send(part, permit_for(part)), Sent)
    assert await markups(platform) == [None]


# -- a press ---------------------------------------------------------------------------------------------------


async def test_a_press_is_an_act_and_is_answered(platform: Telegram) -> None:
    message = await ask(platform)
    intake = RecordingIntake()
    intake.told = "No longer open."
    async with receiving(platform.channel, intake):
        await platform.driver.press(message, "abc.1")
        (answer,) = await answers(platform, 1)
    (act,) = intake.acts
    assert (act.kind, act.press, act.text, act.message_ref) == ("press", "abc.1", "", str(message))
    assert (act.room, act.sender) == (Room(str(PERSON), "dm", f"User {PERSON}"), Sender(str(PERSON), f"User {PERSON}"))
    assert act.addressed
    parameters = answer["parameters"]
    assert isinstance(parameters, dict)
    assert act.act_key == f"press/{parameters['callback_query_id']}"
    assert parameters["text"] == "No longer open."


async def test_it_is_answered_only_when_it_is_committed(platform: Telegram) -> None:
    message = await ask(platform)
    intake = RecordingIntake()
    intake.gate.clear()
    intake.refuse = 1
    async with receiving(platform.channel, intake):
        await platform.driver.press(message, "abc.1")
        await until(lambda: len(intake.asked) == 1, what="the act")
        assert await answers(platform, 0) == []
        intake.gate.set()
        assert len(await answers(platform, 1)) == 1
    assert (len(intake.asked), len(intake.acts)) == (2, 1)
    assert [record["text"] for record in await platform.driver.events("answered")] == [""]


async def test_an_answer_that_comes_too_late_stops_nothing(platform: Telegram) -> None:
    message = await ask(platform)
    intake = RecordingIntake()
    await platform.driver.fault("error", "answerCallbackQuery", status=400, description="Bad Request: query is too old")
    async with receiving(platform.channel, intake):
        await platform.driver.press(message, "abc.1")
        await answers(platform, 1)
        await platform.driver.write("hello")
        await until(lambda: len(intake.acts) == 2, what="the next act")
    assert "telegram.press_unanswered" in platform.log.events()


async def test_two_presses_are_two_acts_and_a_repeat_is_none(platform: Telegram) -> None:
    message = await ask(platform)
    intake = RecordingIntake()
    await platform.driver.fault("duplicate", "getUpdates")
    async with receiving(platform.channel, intake):
        await platform.driver.press(message, "abc.1")
        await answers(platform, 1)
        await platform.driver.press(message, "abc.0")
        await until(lambda: len(intake.acts) == 2, what="both presses")
    assert [act.press for act in intake.acts] == ["abc.1", "abc.0"]


async def test_in_a_topic_it_is_pressed_in_its_room(platform: Telegram) -> None:
    await platform.driver.write("here", chat_id=GROUP, topic=7)
    message = await ask(platform, room=f"{GROUP}/7")
    intake = RecordingIntake()
    async with receiving(platform.channel, intake):
        await platform.driver.press(message, "abc.0", user_id=9, chat_id=GROUP)
        await answers(platform, 1)
    act = intake.acts[-1]
    assert (act.room.native_id, act.room.parent, act.sender.native_id) == (f"{GROUP}/7", str(GROUP), "9")


async def test_a_press_without_a_message_is_none_of_ours(platform: Telegram) -> None:
    sender = {"id": 9, "is_bot": False, "first_name": "Ada"}
    intake = RecordingIntake()
    async with receiving(platform.channel, intake):
        await platform.driver.until_polling()
        await platform.driver.raw_update("callback_query", {"id": "q", "from": sender, "inline_message_id": "x"})
        await platform.driver.acked(1)
    assert intake.acts == []
