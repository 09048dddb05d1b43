"""What does Telegram get to show, and what do its answers mean?"""

from collections.abc import AsyncIterator

import pytest

from quarterdeck.base.decode import decode_settings
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.channels.telegram.settings import TelegramSettings
from quarterdeck.model.action import Part, StreamTo
from quarterdeck.model.message import Attachment
from quarterdeck.model.permit import MintingKey, PresencePermit, StreamPermit
from quarterdeck.ports import MaybeSent, NotSent, SendRefused, Sent
from quarterdeck.testing.channel import permit_for
from tests.channels.telegram_platform import PERSON, Telegram, telegram
from tests.standins.telegram.driver import Record

pytestmark = pytest.mark.proves("channel.telegram")

CANNOT_PARSE = "Bad Request: can't parse entities: Unsupported start tag"


@pytest.fixture
async def platform() -> AsyncIterator[Telegram]:
    async with telegram() as running:
        yield running


async def asked(platform: Telegram, method: str = "sendMessage") -> list[Record]:
    """The parameters of every call of a method."""
    found = [request["parameters"] for request in await platform.driver.requests(method)]
    return [parameters for parameters in found if isinstance(parameters, dict)]


# -- sending -------------------------------------------------------------------------------------------------


async def test_a_text_is_sent_as_html_without_previews(platform: Telegram) -> None:
    """Telegram would fetch an address in order to preview it: a way out for data that needs nobody's click."""
    result = await platform.send("**hi** https://a.b/?q=secret")
    (message,) = await platform.driver.sent()
    assert result == Sent(str(message["message_id"]))
    assert message["text"] == "hi https://a.b/?q=secret"
    assert [parameters["parse_mode"] for parameters in await asked(platform)] == ["HTML"]
    assert [parameters["link_preview_options"] for parameters in await asked(platform)] == [{"is_disabled": True}]


async def test_an_answer_points_at_its_question_even_when_that_is_gone(platform: Telegram) -> None:
    question = await platform.driver.write("what?")
    await platform.send("this", reply_to=str(question.message_id))
    assert isinstance(await platform.send("that", "k2", reply_to="4711"), Sent)
    assert [message["reply_to"] for message in await platform.driver.sent()] == [question.message_id, None]


async def test_what_telegram_cannot_parse_is_sent_plain_by_the_next_attempt(platform: Telegram) -> None:
    await platform.driver.fault("error", "sendMessage", status=400, description=CANNOT_PARSE)
    assert await platform.send("**hi** <you>") == NotSent(CANNOT_PARSE, 0.0)
    assert len(await asked(platform)) == 1  # one permit, one call
    assert isinstance(await platform.send("**hi** <you>"), Sent)
    assert isinstance(await platform.send("**ho**", "k2"), Sent)
    assert [parameters.get("parse_mode") for parameters in await asked(platform)] == ["HTML", None, "HTML"]
    assert await platform.shown() == ["hi <you>", "ho"]


async def test_plain_text_that_cannot_be_parsed_is_refused(platform: Telegram) -> None:
    await platform.driver.fault("error", "sendMessage", times=2, status=400, description=CANNOT_PARSE)
    await platform.send("hi")
    assert isinstance(await platform.send("hi"), SendRefused)


@pytest.mark.parametrize(
    ("room", "text", "code"), [("999", "hi", "chat_not_found"), ("", "x" * 5000, "too_long"), ("", " ", "empty")]
)
async def test_a_refusal_has_a_code(platform: Telegram, room: str, text: str, code: str) -> None:
    result = await platform.send(text, room=room)
    assert isinstance(result, SendRefused)
    assert result.code == code
    assert result.reason.startswith("Bad Request")


@pytest.mark.parametrize(
    ("chat", "code"),
    [({"blocked": True}, "blocked"), ({"deactivated": True}, "blocked"), ({"migrated_to": -9}, "migrate_to_chat_id")],
)
async def test_a_chat_that_is_closed_to_the_bot_is_refused(
    platform: Telegram, chat: dict[str, object], code: str
) -> None:
    await platform.driver.set_chat(PERSON, **chat)
    result = await platform.send("hi")
    assert isinstance(result, SendRefused)
    assert result.code == code


@pytest.mark.parametrize(
    ("status", "html", "expected"),
    [(500, False, MaybeSent), (502, True, MaybeSent), (504, True, MaybeSent), (403, True, NotSent)],
)
async def test_the_fate_that_a_status_leaves(platform: Telegram, status: int, html: bool, expected: type) -> None:
    await platform.driver.fault("error", "sendMessage", status=status, html=html)
    assert type(await platform.send("hi")) is expected


async def test_a_limit_is_the_rooms_until_a_second_room_meets_it(platform: Telegram) -> None:
    await platform.driver.fault("error", "sendMessage", times=3, status=429, retry_after=7)
    results = [await platform.send("hi", room=room) for room in ("1", "1", "2")]
    assert [(r.retry_after, r.room_only) for r in results if isinstance(r, NotSent)] == [
        (7.0, True),
        (7.0, True),
        (7.0, False),
    ]


async def test_a_revoked_token_holds_the_connection_back(platform: Telegram) -> None:
    other = platform.another(token="4242424242:revoked")
    part = Part("tg", platform.room, "hi", "k1")
    result = await other.send(part, permit_for(part))
    assert isinstance(result, NotSent)
    assert (result.retry_after, result.room_only) == (60.0, False)
    assert not other.health().authenticated


# -- streaming -----------------------------------------------------------------------------------------------


async def test_a_growing_answer_is_plain_and_its_end_is_formatted(platform: Telegram) -> None:
    stream = StreamTo("tg", platform.room, "dlv_1")
    permit = StreamPermit(MintingKey(), "int_1", stream.digest())
    first = await platform.channel.show(stream, "**a", "", permit)
    assert isinstance(first, Sent)
    assert await platform.channel.show(stream, "**a b**", first.native_id, permit) == first
    assert await platform.channel.show(stream, "**a b**", first.native_id, permit) == first  # not modified
    part = Part("tg", platform.room, "**a b**", "k1")
    assert await platform.channel.edit(part, first.native_id, permit_for(part)) == first
    (message,) = await platform.driver.sent()
    assert message["text"] == "a b"
    assert message["entities"] == [{"type": "bold", "offset": 0, "length": 3}]


async def test_a_growing_answer_never_exceeds_a_message(platform: Telegram) -> None:
    stream = StreamTo("tg", platform.room, "dlv_1")
    permit = StreamPermit(MintingKey(), "int_1", stream.digest())
    assert isinstance(await platform.channel.show(stream, "\U0001f6a2" * 4032, "", permit), Sent)
    assert isinstance(await platform.channel.show(stream, " \n", "", permit), NotSent)
    assert len(await platform.shown()) == 1
    assert len(await asked(platform)) == 1


async def test_a_message_that_is_gone_is_not_sent_afresh(platform: Telegram) -> None:
    part = Part("tg", platform.room, "hi", "k1")
    result = await platform.channel.edit(part, "4711", permit_for(part))
    assert isinstance(result, SendRefused)
    assert result.code == "message_gone"
    assert await platform.shown() == []


async def test_typing_is_shown_and_its_failure_only_noted(platform: Telegram) -> None:
    permit = PresencePermit(MintingKey(), f"tg/{platform.room}")
    await platform.channel.typing(platform.room, permit)
    assert [event["action"] for event in await platform.driver.events("action")] == ["typing"]
    await platform.driver.fault("error", "sendChatAction", status=429, retry_after=5)
    await platform.channel.typing(platform.room, permit)
    await platform.driver.fault("drop_before", "sendChatAction")
    await platform.channel.typing(platform.room, permit)
    assert platform.log.events() == ["telegram.typing_failed"] * 2


# -- drafts ---------------------------------------------------------------------------------------------------


def presence(room: str) -> PresencePermit:
    return PresencePermit(MintingKey(), f"tg/{room}")


async def test_one_answer_has_one_draft_and_never_a_longer_one_than_a_message(platform: Telegram) -> None:
    channel = platform.another(streaming="draft")
    permit = presence(platform.room)
    assert [await channel.draft(platform.room, 5, text, permit) for text in (" ", "a", "\U0001f6a2" * 4096)] == [
        True
    ] * 3
    drafts = await platform.driver.events("draft")
    assert [draft["draft_id"] for draft in drafts] == [5, 5]
    assert len(str(drafts[1]["text"])) == 2016


async def test_a_group_has_no_drafts(platform: Telegram) -> None:
    assert not await platform.another(streaming="draft").draft("-1001", 5, "a", presence("-1001"))
    assert await platform.driver.requests("sendMessageDraft") == []


@pytest.mark.parametrize(("status", "again"), [(429, True), (500, True), (400, False), (403, False), (404, False)])
async def test_drafts_that_telegram_does_not_know_are_not_asked_for_again(
    platform: Telegram, status: int, again: bool
) -> None:
    await platform.driver.fault("error", "sendMessageDraft", status=status)
    assert await platform.another(streaming="draft").draft(platform.room, 5, "a", presence(platform.room)) is again


@pytest.mark.parametrize(
    ("streaming", "edits", "drafts"), [("off", False, False), ("edit", True, False), ("draft", False, True)]
)
async def test_how_an_answer_grows_is_what_was_configured(
    platform: Telegram, streaming: str, edits: bool, drafts: bool
) -> None:
    able = platform.another(streaming=streaming).capabilities
    assert (able.edits, able.drafts) == (edits, drafts)


# -- files ----------------------------------------------------------------------------------------------------


def a_file(platform: Telegram, mime: str, size: int = 0) -> Attachment:
    content = b"not really a picture"
    return Attachment("a.bin", mime, size or len(content), platform.keep(content))


@pytest.mark.parametrize(
    ("mime", "size", "method"),
    [
        ("image/jpeg", 10_000_000, "sendPhoto"),
        ("image/png", 10_000_001, "sendDocument"),
        ("image/gif", 0, "sendDocument"),
        ("audio/ogg", 0, "sendVoice"),
        ("application/pdf", 0, "sendDocument"),
        ("", 0, "sendDocument"),
    ],
)
async def test_the_form_that_a_file_takes(platform: Telegram, mime: str, size: int, method: str) -> None:
    assert isinstance(await platform.send_file(a_file(platform, mime, size)), Sent)
    assert [message["method"] for message in await platform.driver.sent()] == [method]


@pytest.mark.parametrize(
    ("mime", "method", "reason"),
    [
        ("image/png", "sendPhoto", "Bad Request: PHOTO_INVALID_DIMENSIONS"),
        ("image/png", "sendPhoto", "Bad Request: IMAGE_PROCESS_FAILED"),
        ("audio/ogg", "sendVoice", "Bad Request: VOICE_MESSAGES_FORBIDDEN"),
    ],
)
async def test_what_is_not_taken_in_its_form_is_a_document_with_the_next_attempt(
    platform: Telegram, mime: str, method: str, reason: str
) -> None:
    await platform.driver.fault("error", method, status=400, description=reason)
    file = a_file(platform, mime)
    assert await platform.send_file(file) == NotSent(reason, 0.0)
    assert isinstance(await platform.send_file(file), Sent)
    assert [message["method"] for message in await platform.driver.sent()] == ["sendDocument"]


async def test_a_document_that_is_refused_stays_refused(platform: Telegram) -> None:
    await platform.driver.fault("error", "sendDocument", status=400, description="Bad Request: IMAGE_PROCESS_FAILED")
    assert isinstance(await platform.send_file(a_file(platform, "")), SendRefused)
    await platform.driver.set_chat(PERSON, blocked=True)
    result = await platform.send_file(a_file(platform, "image/png"))
    assert isinstance(result, SendRefused)
    assert result.code == "blocked"


async def test_a_file_that_cannot_be_read_now_waits_with_its_connection(platform: Telegram) -> None:
    file, platform.bytes.away = a_file(platform, ""), True
    assert await platform.send_file(file) == NotSent("the database is away", 2.0, room_only=False)
    platform.bytes.away = False
    assert isinstance(await platform.send_file(file), Sent)


async def test_a_repeats_mark_is_the_files_caption(platform: Telegram) -> None:
    await platform.send_file(a_file(platform, "image/png"), text="(This <may> be a repeat.)\n")
    assert await platform.shown() == ["(This <may> be a repeat.)"]


# -- settings ------------------------------------------------------------------------------------------------

TOKEN = {"token": {"env": "TELEGRAM_BOT_TOKEN"}}


def test_the_token_is_all_that_must_be_configured() -> None:
    settings = decode_settings(TOKEN, TelegramSettings, "connections.tg")
    assert (settings.api_root, settings.mode, settings.poll_seconds) == ("https://api.telegram.org", "poll", 50)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({**TOKEN, "mode": "push"}, "mode"),
        ({**TOKEN, "max_connections": 101}, "max_connections"),
        ({**TOKEN, "poll_seconds": 51}, "poll_seconds"),
        ({**TOKEN, "api_root": "api.telegram.org"}, "api_root must start with"),
        ({"token": "123:abc"}, "plain text"),
        ({}, "connections.tg.token"),
    ],
)
def test_what_cannot_work_is_refused(table: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigRefused) as refused:
        decode_settings(table, TelegramSettings, "connections.tg")
    assert words in str(refused.value)
    assert "123:abc" not in str(refused.value)
