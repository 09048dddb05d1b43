"""What do people's acts in groups become: was it said to the bot, by whom, about what, and in which room?"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from quarterdeck.model.inbound import Inbound, Room, RoomChange, Sender
from quarterdeck.model.message import Quoted
from quarterdeck.testing.channel import RecordingIntake, receiving
from tests.channels.telegram_platform import PERSON, Telegram, telegram
from tests.waiting import until

pytestmark = pytest.mark.proves("channel.telegram")

GROUP = -1001
BOT = 4242424242
SHIP = "\U0001f6a2"  # two UTF-16 units


@pytest.fixture
async def platform() -> AsyncIterator[Telegram]:
    async with telegram() as running:
        yield running


async def acts(platform: Telegram, count: int) -> list[Inbound]:
    """Receive until everything is confirmed; so many acts came of it."""
    intake = RecordingIntake()

    async def nothing_waits() -> bool:
        return await platform.waiting() == 0

    async with receiving(platform.channel, intake):
        await until(nothing_waits, what="the confirmation")
    assert len(intake.acts) == count, intake.acts
    return intake.acts


async def said(platform: Telegram, text: str, **more: Any) -> Inbound:
    await platform.driver.write(text, chat_id=GROUP, **more)
    (act,) = await acts(platform, 1)
    return act


async def bot_says(platform: Telegram, text: str) -> int:
    """A message of the bot in the group; its id."""
    await platform.driver.set_chat(GROUP)
    await platform.send(text, room=str(GROUP))
    return int(str((await platform.driver.sent(1))[-1]["message_id"]))


# -- was it said to the bot ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "addressed", "heard"),
    [
        ("hello all", False, "hello all"),
        ("@stand_in_bot, what is new?", True, "what is new?"),
        ("@STAND_IN_BOT hi", True, "hi"),
        (f"{SHIP} tell me, @stand_in_bot", True, f"{SHIP} tell me, @stand_in_bot"),
        ("@stand_in_bot", True, "@stand_in_bot"),
        ("@other_bot hello", False, "@other_bot hello"),
        ("mail@stand_in_bot is no mention", False, "mail@stand_in_bot is no mention"),
        ("/stop@stand_in_bot", True, "/stop@stand_in_bot"),
        ("/stop", False, "/stop"),
    ],
)
async def test_a_mention_or_a_command_by_name_says_it_to_the_bot(
    platform: Telegram, text: str, addressed: bool, heard: str
) -> None:
    act = await said(platform, text)
    assert (act.addressed, act.text) == (addressed, heard)
    assert (act.room, act.sender) == (
        Room(str(GROUP), "group", f"Group {-GROUP}"),
        Sender(str(PERSON), f"User {PERSON}"),
    )


async def test_a_command_for_another_bot_is_none_of_ours(platform: Telegram) -> None:
    await platform.driver.write("/stop@other_bot", chat_id=GROUP)
    assert await acts(platform, 0) == []


async def test_a_mention_by_link(platform: Telegram) -> None:
    whole = {"type": "text_mention", "offset": 0, "length": 2}
    me = {"id": BOT, "is_bot": True, "first_name": "Stand-in Bot"}
    act = await said(platform, f"{SHIP} hello", entities=[{**whole, "user": me}])
    assert (act.addressed, act.text) == (True, "hello")


async def test_a_link_to_somebody_else_is_no_mention(platform: Telegram) -> None:
    other = {"id": 5, "is_bot": False, "first_name": "Bo"}
    act = await said(
        platform, "Bo: hello", entities=[{"type": "text_mention", "offset": 0, "length": 2, "user": other}]
    )
    assert not act.addressed


async def test_in_private_everything_is_said_to_the_bot(platform: Telegram) -> None:
    await platform.driver.write("hello")
    (act,) = await acts(platform, 1)
    assert act.addressed


async def test_privacy_mode_shows_what_is_meant_for_the_bot(platform: Telegram) -> None:
    own = await bot_says(platform, "news")
    await platform.driver.privacy(True)
    await platform.driver.write("hello all", chat_id=GROUP)
    await platform.driver.write("and?", chat_id=GROUP, reply_to_message_id=own)
    await platform.driver.write("@stand_in_bot hello", chat_id=GROUP)
    assert [(act.text, act.addressed) for act in await acts(platform, 2)] == [("and?", True), ("hello", True)]


async def test_an_edit_in_a_group(platform: Telegram) -> None:
    written = await platform.driver.write("@stand_in_bot one", chat_id=GROUP)
    await platform.driver.edit(written.message_id or 0, "@stand_in_bot two", chat_id=GROUP)
    first, second = await acts(platform, 2)
    assert (first.kind, second.kind, second.text, second.addressed) == ("message", "edit", "two", True)
    assert (first.message_ref, first.act_key == second.act_key) == (second.message_ref, False)


# -- what it answers -----------------------------------------------------------------------------------------


async def test_an_answer_to_the_bot_is_said_to_it_and_brings_what_it_answers(platform: Telegram) -> None:
    own = await bot_says(platform, "The ship sails at noon.")
    act = await said(platform, "which ship?", reply_to_message_id=own)
    assert act.addressed
    assert act.quoted == Quoted("The ship sails at noon.", "", own=True)


async def test_an_answer_to_somebody_else_is_not(platform: Telegram) -> None:
    first = await platform.driver.write("lunch?", chat_id=GROUP, user_id=5)
    await platform.driver.write("yes", chat_id=GROUP, reply_to_message_id=first.message_id)
    _, act = await acts(platform, 2)
    assert (act.addressed, act.quoted) == (False, Quoted("lunch?", "User 5"))


async def test_a_picked_piece_is_what_is_answered_and_it_is_bounded(platform: Telegram) -> None:
    first = await platform.driver.write("a" * 3000, user_id=5)
    await platform.driver.write("this?", user_id=5, reply_to_message_id=first.message_id, quote="the piece")
    await platform.driver.write("all?", user_id=5, reply_to_message_id=first.message_id)
    _, piece, whole = await acts(platform, 3)
    assert piece.quoted == Quoted("the piece", "User 5")
    assert whole.quoted == Quoted("a" * 1000, "User 5")


async def test_a_file_that_is_answered_has_its_name(platform: Telegram) -> None:
    file = await platform.driver.send_document(b"x", "plan.pdf")
    await platform.driver.write("what is this?", reply_to_message_id=file.message_id)
    _, act = await acts(platform, 2)
    assert act.quoted == Quoted("[plan.pdf]", f"User {PERSON}")


async def test_what_is_forwarded_is_nobodys_command(platform: Telegram) -> None:
    await platform.driver.write("/stop", forwarded_from=5)
    (act,) = await acts(platform, 1)
    assert act.text == "[forwarded from User 5] /stop"


# -- where, and by whom --------------------------------------------------------------------------------------


async def test_a_topic_is_a_room_in_the_groups_and_is_answered_in(platform: Telegram) -> None:
    act = await said(platform, "@stand_in_bot hello", topic=45)
    assert act.room == Room(f"{GROUP}/45", "thread", f"Group {-GROUP}", str(GROUP))
    assert act.act_key == f"{GROUP}/{act.message_ref}/0", "a message's number is the group's"
    await platform.send("here", room=act.room.native_id, reply_to=act.message_ref)
    (sent,) = await platform.driver.sent(1)
    assert (sent["chat_id"], sent["message_thread_id"], sent["text"]) == (GROUP, 45, "here")


async def test_an_anonymous_administrator_is_the_group(platform: Telegram) -> None:
    act = await said(platform, "@stand_in_bot hello", sender_chat_id=GROUP)
    assert act.sender == Sender(str(GROUP), f"Group {-GROUP}")


async def test_a_channel_that_speaks_in_a_group_has_its_own_id(platform: Telegram) -> None:
    await platform.driver.set_chat(-1009, type="channel", title="News")
    act = await said(platform, "@stand_in_bot hello", sender_chat_id=-1009)
    assert act.sender == Sender("-1009", "News")


async def test_posts_of_channels_copies_of_them_and_other_bots_are_no_acts(platform: Telegram) -> None:
    bot = {"id": 9, "is_bot": True, "first_name": "Other"}
    chat = {"id": GROUP, "type": "supergroup", "title": "G"}
    plain = {"message_id": 5, "date": 100, "chat": chat, "text": "@stand_in_bot hello"}
    await platform.driver.raw_update("message", {**plain, "from": bot})
    await platform.driver.raw_update("message", {**plain, "chat": {"id": -7, "type": "channel", "title": "News"}})
    copied = {"is_automatic_forward": True, "sender_chat": {"id": -7, "type": "channel", "title": "News"}}
    await platform.driver.raw_update("message", {**plain, **copied})
    assert await acts(platform, 0) == []


# -- albums --------------------------------------------------------------------------------------------------


async def test_the_pictures_of_an_album_are_one_act_that_waits_for_the_rest(platform: Telegram) -> None:
    await platform.driver.send_photo(b"1", caption="@stand_in_bot look", chat_id=GROUP, album="77")
    await platform.driver.send_photo(b"2", chat_id=GROUP, album="77")
    await platform.driver.send_photo(b"3", chat_id=GROUP, album="78")
    first, second, other = await acts(platform, 3)
    assert [act.addressed for act in (first, second, other)] == [True, True, False]
    assert {act.mode for act in (first, second)} == {"collect"}
    assert min(first.gather_ms, second.gather_ms) > 0


# -- the room itself -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chat", "status", "can_send", "what"),
    [
        (PERSON, "kicked", True, "blocked"),
        (PERSON, "member", True, "reachable"),
        (GROUP, "left", True, "removed"),
        (GROUP, "kicked", True, "removed"),
        (GROUP, "restricted", False, "muted"),
        (GROUP, "restricted", True, "reachable"),
        (GROUP, "administrator", True, "reachable"),
    ],
)
async def test_the_bots_standing_in_a_room(
    platform: Telegram, chat: int, status: str, can_send: bool, what: str
) -> None:
    await platform.driver.member(chat, status, can_send=can_send)
    (act,) = await acts(platform, 1)
    assert (act.kind, act.room.native_id, act.change) == ("room", str(chat), RoomChange(what))  # type: ignore[arg-type]
    assert act.act_key.startswith(f"{chat}/member/")


async def test_a_group_that_moves_says_so_twice_and_means_the_same(platform: Telegram) -> None:
    await platform.driver.set_chat(-5, type="group", title="Crew")
    await platform.driver.migrate(-5, -1005)
    told = await acts(platform, 2)
    assert {(act.room.native_id, act.change) for act in told} == {("-5", RoomChange("moved", "-1005"))}
    assert len({act.act_key for act in told}) == 2


async def test_who_comes_and_goes_is_no_act(platform: Telegram) -> None:
    who = {"id": 9, "is_bot": False, "first_name": "Ada"}
    chat = {"id": GROUP, "type": "supergroup", "title": "G"}
    plain = {"message_id": 5, "date": 100, "chat": chat, "from": who}
    await platform.driver.raw_update("message", {**plain, "new_chat_members": [who]})
    await platform.driver.raw_update("message", {**plain, "left_chat_member": who})
    assert await acts(platform, 0) == []
