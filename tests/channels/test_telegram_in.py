"""What do people's acts become, and when does Telegram hear that they are kept?"""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from quarterdeck.base.errors import Refused, StoreFailed
from quarterdeck.model.inbound import Acceptance, Inbound
from quarterdeck.model.message import Attachment
from quarterdeck.testing.channel import RecordingIntake, receiving
from tests.channels.support import nobody
from tests.channels.telegram_platform import PERSON, Telegram, telegram
from tests.waiting import until

pytestmark = pytest.mark.proves("channel.telegram")

LIMIT = 1_000_000


@pytest.fixture
async def platform() -> AsyncIterator[Telegram]:
    async with telegram() as running:
        yield running


@pytest.fixture
def intake() -> RecordingIntake:
    return RecordingIntake()


async def accepted(platform: Telegram, intake: RecordingIntake, count: int = 1) -> list[Inbound]:
    """Receive until so many acts are accepted and everything is confirmed."""
    async with receiving(platform.channel, intake):
        await until(lambda: len(intake.acts) >= count, what="acts")
        await until(lambda: nothing_waits(platform), what="the confirmation")
    return intake.acts


async def nothing_waits(platform: Telegram) -> bool:
    return await platform.waiting() == 0


async def update(platform: Telegram, **fields: object) -> None:
    """A message as it is on the wire."""
    sender = {"id": 9, "is_bot": False, "first_name": "Ada", "last_name": "L", "username": "ada"}
    chat = {"id": 9, "type": "private"}
    await platform.driver.raw_update("message", {"message_id": 5, "date": 100, "from": sender, "chat": chat, **fields})


# -- what an act says ----------------------------------------------------------------------------------------


async def test_a_direct_message(platform: Telegram, intake: RecordingIntake) -> None:
    sent = await platform.driver.write("/stop now")
    (act,) = await accepted(platform, intake)
    assert act.act_key == f"{PERSON}/{sent.message_id}/0"
    assert (act.text, act.kind, act.message_ref) == ("/stop now", "message", str(sent.message_id))
    assert (act.room.native_id, act.room.kind, act.sender.native_id) == (str(PERSON), "dm", str(PERSON))
    assert act.sender.name == f"User {PERSON}"
    assert act.sent_at > 1_700_000_000


async def test_an_edit_has_its_own_key_and_time(platform: Telegram, intake: RecordingIntake) -> None:
    await update(platform, text="new", edit_date=160)
    (act,) = await accepted(platform, intake)
    assert (act.act_key.partition(".")[0], act.kind, act.message_ref, act.sent_at) == ("9/5/160", "edit", "5", 160.0)
    assert act.sender.name == "Ada L"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"sticker": {"file_id": "s", "emoji": "\U0001f600"}}, "[sticker \U0001f600]"),
        ({"location": {"latitude": 52.5, "longitude": 13.4}}, "[location 52.5, 13.4]"),
        (
            {
                "location": {"latitude": 1, "longitude": 2},
                "venue": {"location": {"latitude": 1, "longitude": 2}, "title": "Pier", "address": "7 Quay"},
            },
            "[venue Pier, 7 Quay, 1, 2]",
        ),
        ({"contact": {"phone_number": "+49 1", "first_name": "Bo"}}, "[contact Bo, +49 1]"),
        (
            {"poll": {"question": "When?", "options": [{"text": "now"}, {"text": "later"}]}},
            "[poll When? | now | later]",
        ),
        ({"dice": {"emoji": "\U0001f3b2", "value": 4}}, "[dice \U0001f3b2 4]"),
    ],
)
async def test_what_is_no_text_is_described(
    platform: Telegram, intake: RecordingIntake, fields: dict[str, object], text: str
) -> None:
    await update(platform, **fields)
    assert [act.text for act in await accepted(platform, intake)] == [text]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"voice": {"file_id": "v", "file_size": 9}}, Attachment("voice.ogg", "audio/ogg", 9, native_id="v")),
        (
            {"audio": {"file_id": "a", "file_name": "s.flac", "mime_type": "audio/flac"}},
            Attachment("s.flac", "audio/flac", 0, native_id="a"),
        ),
        ({"video": {"file_id": "m"}}, Attachment("video.mp4", "video/mp4", 0, native_id="m")),
        ({"video_note": {"file_id": "n"}}, Attachment("video_note.mp4", "video/mp4", 0, native_id="n")),
        (
            {"animation": {"file_id": "g"}, "document": {"file_id": "g"}},
            Attachment("animation.mp4", "video/mp4", 0, native_id="g"),
        ),
        (
            {"photo": [{"file_id": "small"}, {"file_id": "large", "file_size": 3}]},
            Attachment("photo.jpg", "image/jpeg", 3, native_id="large"),
        ),
    ],
)
async def test_a_file_of_any_kind_is_attached(
    platform: Telegram, intake: RecordingIntake, fields: dict[str, object], expected: Attachment
) -> None:
    await update(platform, caption="look", **fields)
    (act,) = await accepted(platform, intake)
    assert (act.text, act.attachments) == ("look", (expected,))


async def test_what_is_no_act_is_confirmed_and_forgotten(platform: Telegram, intake: RecordingIntake) -> None:
    await update(platform, pinned_message={"message_id": 1})
    await platform.driver.raw_update("message", {"message_id": "not a number"})
    await platform.write("hello")
    assert [act.text for act in await accepted(platform, intake)] == ["hello"]
    assert "telegram.update_unreadable" in platform.log.events()
    assert "telegram.update_ignored" in platform.log.events()


# -- files ---------------------------------------------------------------------------------------------------


async def test_the_bytes_of_a_file_are_fetched(platform: Telegram, intake: RecordingIntake) -> None:
    content = bytes(range(256)) * 500
    await platform.driver.send_document(content, "log.txt", caption="see")
    (act,) = await accepted(platform, intake)
    (file,) = act.attachments
    assert (file.name, file.mime, file.size) == ("log.txt", "text/plain", len(content))
    assert b"".join([chunk async for chunk in platform.channel.fetch(file, LIMIT)]) == content
    with pytest.raises(Refused, match="larger than 1000 bytes"):
        assert [chunk async for chunk in platform.channel.fetch(file, 1000)]


async def test_a_file_that_telegram_does_not_give_is_refused(platform: Telegram, intake: RecordingIntake) -> None:
    await platform.driver.send_document(b"x", "film.bin", declared_size=30_000_000)
    (act,) = await accepted(platform, intake)
    with pytest.raises(Refused, match="file is too big"):
        assert [chunk async for chunk in platform.channel.fetch(act.attachments[0], LIMIT)]
    unknown = Attachment("gone", "text/plain", 1, native_id="gone")
    with pytest.raises(Refused, match="invalid file_id"):
        assert [chunk async for chunk in platform.channel.fetch(unknown, LIMIT)]


# -- when it is confirmed ------------------------------------------------------------------------------------


async def offsets(platform: Telegram, at_least: int = 0) -> list[object]:
    """The offset of every poll, None where it had none."""
    polls = await platform.driver.requests("getUpdates", at_least)
    parameters = [poll["parameters"] for poll in polls]
    return [given.get("offset") for given in parameters if isinstance(given, dict)]


async def test_no_poll_is_made_while_an_accept_is_under_way(platform: Telegram, intake: RecordingIntake) -> None:
    intake.gate.clear()
    first = await platform.driver.write("first")
    async with receiving(platform.channel, intake):
        await until(lambda: intake.asked, what="accept")
        assert await offsets(platform) == [None]
        assert await platform.driver.acked() == []
        intake.gate.set()
        (ack,) = await platform.driver.acked(1)
    assert ack["update_ids"] == [first.update_id]


async def test_an_offset_is_sent_once(platform: Telegram, intake: RecordingIntake) -> None:
    """After a week of silence the next update_id is random: an old offset would confirm what nobody read."""
    first = await platform.driver.write("first")
    async with receiving(platform.another(poll_seconds=1), intake):
        found = await offsets(platform, 3)
    assert found[:3] == [None, (first.update_id or 0) + 1, None]


async def test_what_stands_before_a_failure_is_confirmed_and_nothing_behind_it(platform: Telegram) -> None:
    class BusyOnce(RecordingIntake):
        async def accept(self, inbound: Inbound) -> Acceptance:
            self.refuse = int(inbound.text == "second" and not any(a.text == "second" for a in self.asked))
            return await super().accept(inbound)

    sent = [await platform.driver.write(text) for text in ("first", "second", "third")]
    intake = BusyOnce()
    async with receiving(platform.channel, intake):
        acks = await platform.driver.acked(2)
    assert [ack["update_ids"] for ack in acks] == [[sent[0].update_id], [one.update_id for one in sent[1:]]]
    assert [act.text for act in intake.acts] == ["first", "second", "third"]


async def test_rooms_are_accepted_beside_each_other(platform: Telegram) -> None:
    class OneWaits(RecordingIntake):
        async def accept(self, inbound: Inbound) -> Acceptance:
            if inbound.room.native_id != "1":
                self.gate.set()
            return await super().accept(inbound)

    intake = OneWaits()
    intake.gate.clear()
    await platform.driver.write("waits", user_id=1)
    await platform.driver.write("goes on", user_id=2)
    assert {act.text for act in await accepted(platform, intake, 2)} == {"waits", "goes on"}


async def test_a_failed_store_ends_receiving_as_itself(platform: Telegram) -> None:
    class Broken(RecordingIntake):
        async def accept(self, inbound: Inbound) -> Acceptance:
            raise StoreFailed("the disk is gone")

    await platform.driver.write("one", user_id=1)
    await platform.driver.write("two", user_id=2)
    async with asyncio.timeout(10):
        with pytest.raises(StoreFailed):
            await platform.channel.receive(Broken())
    assert await platform.driver.acked() == []


@pytest.mark.parametrize("kind", ["redeliver", "reorder", "duplicate"])
async def test_whatever_order_updates_come_in_each_is_kept_once(
    platform: Telegram, intake: RecordingIntake, kind: str
) -> None:
    await platform.driver.fault(kind, "getUpdates")
    for text in ("one", "two", "three"):
        await platform.write(text)
    acts = await accepted(platform, intake, 3)
    assert sorted(act.text for act in acts) == ["one", "three", "two"]


# -- when something is wrong ---------------------------------------------------------------------------------


async def test_health_names_the_bot(platform: Telegram, intake: RecordingIntake) -> None:
    assert not platform.channel.health().alive
    await platform.write("hello")
    await accepted(platform, intake)
    assert platform.channel.health().detail == "bot @stand_in_bot"
    assert await platform.channel.check() == []


async def test_a_refused_token_is_said_and_tried_slowly(platform: Telegram, intake: RecordingIntake) -> None:
    other = platform.another(token="4242424242:revoked")
    async with receiving(other, intake):
        line = await until(lambda: platform.log.lines, what="a line in the log")
    assert line[0][1]["seconds"] == 60
    assert not other.health().authenticated
    assert "token" in other.health().detail
    assert "revoked" not in repr(platform.log.lines) + repr(other.health())
    assert await other.check() == [other.health().detail]


async def test_a_webhook_in_the_way_of_polling_is_removed_and_what_waited_for_it_comes(
    platform: Telegram, intake: RecordingIntake
) -> None:
    async with aiohttp.ClientSession() as session:
        await session.post(platform.method_url("setWebhook"), data={"url": "https://somebody.example/hook"})
    await platform.write("waited")
    assert "it is removed when" in (await platform.channel.check())[0]
    assert [act.text for act in await accepted(platform, intake)] == ["waited"]
    removed = [fields for event, fields in platform.log.lines if event == "telegram.webhook_removed"]
    assert [line["url"] for line in removed] == ["https://somebody.example/hook"]
    assert platform.channel.health().alive
    (request,) = await platform.driver.requests("deleteWebhook")
    assert request["parameters"] == {}, "nothing that waits is thrown away"


async def test_another_poller_is_reported(platform: Telegram, intake: RecordingIntake) -> None:
    async with receiving(platform.channel, intake), aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        await platform.driver.until_polling()
        rival = group.create_task(session.get(platform.method_url("getUpdates"), params={"timeout": "30"}))
        await until(lambda: "another process" in platform.channel.health().detail, what="the report")
        rival.cancel()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "status": 502, "html": True},
        {"kind": "error", "status": 500},
        {"kind": "error", "status": 429, "retry_after": 1},
        {"kind": "drop_before"},
        {"kind": "drop_after"},
    ],
)
async def test_a_passing_trouble_passes(platform: Telegram, intake: RecordingIntake, fault: dict[str, object]) -> None:
    await platform.driver.fault(method="getUpdates", **fault)  # type: ignore[arg-type]
    await platform.write("hello")
    assert [act.text for act in await accepted(platform, intake)] == ["hello"]
    assert platform.channel.health().alive


async def test_no_network_is_not_a_refused_token(platform: Telegram, intake: RecordingIntake) -> None:
    other = platform.another(nobody())
    async with receiving(other, intake):
        await until(lambda: len(platform.log.lines) >= 2, what="two tries")
    assert not other.health().alive
    assert "could not be reached" in other.health().detail
    assert platform.log.events() == ["telegram.receive_failed"] * len(platform.log.lines)
