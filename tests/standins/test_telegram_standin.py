"""Does the stand-in for Telegram behave as independent clients expect of the vendor's server?

The wire tests run with python-telegram-bot and with aiogram. What neither can express goes over plain HTTP.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from telegram.constants import ReactionEmoji

from tests.standins.telegram import RunningStandIn, in_process
from tests.standins.telegram.reactions import EMOJI as REACTION_EMOJI
from tests.standins.telegram.second_clients import PERSON, Aiogram, Client, PlainHttp, Ptb, fails

EMOJI = "\U0001f6a2"
LIBRARIES: list[type[Ptb] | type[Aiogram]] = [Ptb, Aiogram]
Connect = Callable[[], Client]


@pytest.fixture(autouse=True)
def no_deprecated_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture
async def stand_in() -> AsyncIterator[RunningStandIn]:
    async with in_process() as running:
        await running.driver.set_chat(PERSON)
        yield running


@pytest.fixture(params=LIBRARIES)
async def connect(request: pytest.FixtureRequest, stand_in: RunningStandIn) -> AsyncIterator[Connect]:
    opened: list[Client] = []

    def open_one() -> Client:
        opened.append(request.param(stand_in.url, stand_in.token, 10.0))
        return opened[-1]

    yield open_one
    for client in opened:
        await client.close()


@pytest.fixture
def client(connect: Connect) -> Client:
    return connect()


@pytest.fixture
def plain(stand_in: RunningStandIn) -> PlainHttp:
    return PlainHttp(stand_in.url, stand_in.token)


async def test_the_bot_learns_who_it_is(client: Client) -> None:
    assert await client.me() == "stand_in_bot"


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("token", ["4242424242:another", "4242424243:stand-in-bot-token"])
async def test_a_wrong_token_is_unauthorized(
    stand_in: RunningStandIn, library: type[Ptb] | type[Aiogram], token: str
) -> None:
    client = library(stand_in.url, token, 10.0)
    try:
        assert (await fails(client.me())).kind == "unauthorized"
    finally:
        await client.close()


async def test_updates_stay_until_an_offset_confirms_them(client: Client, stand_in: RunningStandIn) -> None:
    for text in ("one", "two", "three"):
        await stand_in.driver.write(text)
    first = await client.updates()
    assert [said for _, said in first] == ["message: one", "message: two", "message: three"]
    assert [number for number, _ in first] == [first[0][0] + step for step in range(3)]
    assert await client.updates() == first
    assert await client.updates(limit=1) == first[:1]
    assert await client.updates(offset=first[1][0]) == first[1:]
    assert await client.updates() == first[1:]
    assert await client.updates(offset=-1) == first[2:]
    assert await client.updates(offset=first[2][0] + 1) == []
    acked = await stand_in.driver.acked()
    assert [entry["update_ids"] for entry in acked] == [[number] for number, _ in first]
    assert (await stand_in.driver.poller()).pending == 0


async def test_a_long_poll_answers_as_soon_as_there_is_something(client: Client, stand_in: RunningStandIn) -> None:
    poll = asyncio.create_task(client.updates(timeout=30))
    await stand_in.driver.until_polling()
    await stand_in.driver.write("/start now")
    assert [said for _, said in await poll] == ["message: /start now"]
    assert await client.updates(offset=-1) != []
    waited = await stand_in.driver.requests("getUpdates")
    assert waited[0]["status"] == 200


async def test_all_kinds_of_updates_are_understood(client: Client, stand_in: RunningStandIn) -> None:
    driver = stand_in.driver
    written = await driver.write("helo")
    await driver.edit(written.message_id or 0, "hello")
    await driver.send_photo(b"not really a picture", caption="look")
    await driver.send_document(b"a,b", "table.csv", caption="read")
    sent = await client.send("choose")
    await driver.press(sent, "yes")
    said = [said for _, said in await client.updates()]
    assert said == [
        "message: helo", "edited_message: hello", "message: look", "message: read", "callback_query: yes",
    ]  # fmt: skip


async def test_a_newer_poll_ends_the_older_one(connect: Connect, stand_in: RunningStandIn) -> None:
    older = asyncio.create_task(connect().updates(timeout=30))
    await stand_in.driver.until_polling()
    newer = asyncio.create_task(connect().updates(timeout=30))
    failed = await fails(older)
    assert failed.kind == "conflict"
    assert "terminated by other getupdates request; make sure that only one bot instance" in failed.text
    await stand_in.driver.write("for the newer one")
    assert [said for _, said in await newer] == ["message: for the newer one"]


async def test_sent_and_edited_messages_are_on_record(client: Client, stand_in: RunningStandIn) -> None:
    asked = await stand_in.driver.write("hi")
    number = await client.send(
        f" {EMOJI}<b>Ahoi</b> &amp; <code>x &lt; y</code>\n", html=True, reply_to=asked.message_id or 0
    )
    (entry,) = await stand_in.driver.sent(1)
    assert entry["text"] == f"{EMOJI}Ahoi & x < y"
    assert entry["entities"] == [
        {"type": "bold", "offset": 2, "length": 4},
        {"type": "code", "offset": 9, "length": 5},
    ]
    assert entry["reply_to"] == asked.message_id
    await client.edit(number, "Ahoi again")
    failed = await fails(client.edit(number, "Ahoi again"))
    assert failed.kind == "bad"
    assert "message is not modified" in failed.text
    assert "message to edit not found" in (await fails(client.edit(number + 1, "x"))).text
    assert "can't be edited" in (await fails(client.edit(asked.message_id or 0, "x"))).text
    await client.delete(number)
    (entry,) = await stand_in.driver.sent(1)
    assert entry["text"] == "Ahoi again"
    assert [wording["text"] for wording in _dicts(entry["wordings"])] == [
        f"{EMOJI}Ahoi & x < y",
        "Ahoi again",
    ]
    assert entry["deleted_at"] is not None
    assert "message to be replied not found" in (await fails(client.send("x", reply_to=number))).text
    assert "message to delete not found" in (await fails(client.delete(number))).text


async def test_the_text_limit_counts_utf16_units_after_parsing(client: Client, stand_in: RunningStandIn) -> None:
    failed = await fails(client.send(EMOJI * 2049))
    assert failed.kind == "bad"
    assert "message is too long" in failed.text
    assert await stand_in.driver.sent() == []
    number = await client.send(EMOJI * 2048)
    await client.send(f"<b>{'x' * 4096}</b>", html=True)
    assert "message_too_long" in (await fails(client.edit(number, "x" * 4097))).text
    assert [len(str(entry["text"])) for entry in await stand_in.driver.sent()] == [2048, 4096]


@pytest.mark.parametrize(
    ("html", "complaint"),
    [
        ("<b>open", 'find end tag corresponding to start tag "b"'),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("é<h1>x</h1>", 'Unsupported start tag "h1" at byte offset 2'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("1 < 2", "Unclosed start tag at byte offset 2"),
    ],
)
async def test_broken_html_is_refused(client: Client, html: str, complaint: str) -> None:
    failed = await fails(client.send(html, html=True))
    assert failed.kind == "bad"
    assert "parse entities" in failed.text
    assert complaint.lower() in failed.text


async def test_chats_refuse_as_they_are(client: Client, stand_in: RunningStandIn) -> None:
    assert "chat not found" in (await fails(client.send("x", chat=999))).text
    await stand_in.driver.set_chat(PERSON, blocked=True)
    failed = await fails(client.send("x"))
    assert failed.kind == "forbidden"
    assert "bot was blocked by the user" in failed.text
    await stand_in.driver.set_chat(-5, type="group", migrated_to=-1005)
    failed = await fails(client.send("x", chat=-5))
    assert (failed.kind, failed.number) == ("migrated", -1005)
    assert await stand_in.driver.sent() == []


async def test_files_go_up_and_come_down(client: Client, stand_in: RunningStandIn) -> None:
    content = bytes(range(256)) * 40
    await client.send_document(content, "all.bin", "bytes")
    (entry,) = await stand_in.driver.sent(1)
    document = entry["media"]["document"] if isinstance(entry["media"], dict) else {}
    assert (document["file_name"], document["file_size"]) == ("all.bin", len(content))
    assert await client.download(document["file_id"]) == content
    (upload,) = await stand_in.driver.requests("sendDocument")
    assert str(len(content)) in str(upload["parameters"])


async def test_a_voice_note_goes_up_and_comes_down(client: Client, stand_in: RunningStandIn) -> None:
    assert await client.download(await client.send_voice(b"OggS")) == b"OggS"
    (entry,) = await stand_in.driver.sent(1)
    assert list(entry["media"] if isinstance(entry["media"], dict) else {}) == ["voice"]


async def test_what_is_too_big_cannot_be_downloaded(client: Client, stand_in: RunningStandIn) -> None:
    for size in (20_000_000, 20_000_001):
        await stand_in.driver.send_document(b"short", "film.mp4", declared_size=size)
    assert len(await client.updates()) == 2
    assert await client.download("stand-in-file-1") == b"short"
    assert "file is too big" in (await fails(client.download("stand-in-file-2"))).text


async def test_drafts_are_for_private_chats(client: Client, stand_in: RunningStandIn) -> None:
    await client.draft("thinking")
    await stand_in.driver.set_chat(-1001)
    assert (await fails(client.draft("thinking", chat=-1001))).kind == "bad"
    assert [entry["text"] for entry in await stand_in.driver.events("draft")] == ["thinking"]
    assert await stand_in.driver.sent() == []


async def test_a_message_has_one_reaction_of_the_list(client: Client, stand_in: RunningStandIn) -> None:
    message = (await stand_in.driver.write("hello")).message_id or 0
    assert {*map(str, ReactionEmoji)} == REACTION_EMOJI
    for emojis in (("👀",), ("👍",), ()):
        await client.react(message, *emojis)
    for refused in (("👀", "👍"), ("🦑",), ("no emoji",)):
        assert (await fails(client.react(message, *refused))).kind == "bad"
    assert "not found" in (await fails(client.react(message + 7, "👀"))).text
    assert [entry["reactions"] for entry in await stand_in.driver.events("reaction")] == [["👀"], ["👍"], []]


async def test_photos_and_chat_actions(stand_in: RunningStandIn, plain: PlainHttp) -> None:
    async with aiohttp.ClientSession() as session:
        form = aiohttp.FormData({"chat_id": str(PERSON), "caption": "c" * 1025}, default_to_multipart=True)
        form.add_field("photo", b"not really a picture", filename="p.jpg")
        async with session.post(f"{stand_in.url}/bot{stand_in.token}/sendPhoto", data=form) as answer:
            assert (await answer.json())["description"] == "Bad Request: message caption is too long"
    await stand_in.driver.send_photo(b"one to pass on")
    passed_on = await plain.call("sendPhoto", chat_id=PERSON, photo="stand-in-file-2", caption="seen")
    assert passed_on[0] == 200, "a file that the server knows can be sent again by its id"
    assert (await plain.call("sendPhoto", chat_id=PERSON, photo="https://pictures.example/p.jpg"))[0] == 400
    assert (await plain.call("sendChatAction", chat_id=PERSON, action="typing"))[1]["result"] is True
    assert (await plain.call("sendChatAction", chat_id=PERSON, action="dancing"))[0] == 400
    assert [entry["action"] for entry in await stand_in.driver.events("action")] == ["typing"]
    assert [entry["text"] for entry in await stand_in.driver.sent()] == ["seen"]


async def test_commands_and_button_answers(client: Client, stand_in: RunningStandIn, plain: PlainHttp) -> None:
    assert await client.set_commands({"help": "what I can do"}) == {"help": "what I can do"}
    assert await client.set_commands({"help": "was ich kann"}, "de") == {"help": "was ich kann"}
    assert await client.commands() == {"help": "what I can do"}
    assert await client.commands("fr") == {}
    for name in ("Nicht gut", "Help", "x" * 33, "schön"):
        assert "bot_command_invalid" in (await fails(client.set_commands({name: "x"}))).text
    for description in ("", "x" * 257):
        assert "bot_command_description_invalid" in (await fails(client.set_commands({"a": description}))).text
    assert "bot_commands_too_much" in (await fails(client.set_commands({f"c{n}": "x" for n in range(101)}))).text
    assert "language" in (await fails(client.set_commands({"a": "x"}, "de-AT"))).text
    await stand_in.driver.press(await client.send("sure?"), "yes")
    _, answer = await plain.call("getUpdates")
    query_id = str(_dicts(answer["result"])[0]["callback_query"]["id"])
    await client.answer_press(query_id, "noted")
    assert "query is too old" in (await fails(client.answer_press(query_id, "again"))).text
    assert [entry["text"] for entry in await stand_in.driver.events("answered")] == ["noted"]


async def test_a_planned_429_is_obeyable(client: Client, stand_in: RunningStandIn) -> None:
    await stand_in.driver.fault("error", "sendMessage", status=429, retry_after=3)
    failed = await fails(client.send("x"))
    assert (failed.kind, failed.number) == ("retry", 3)
    await client.send("x")
    assert [entry["status"] for entry in await stand_in.driver.requests("sendMessage")] == [429, 200]


@pytest.mark.parametrize("html", [False, True])
async def test_a_planned_502_is_a_network_matter(client: Client, stand_in: RunningStandIn, html: bool) -> None:
    await stand_in.driver.fault("error", "sendMessage", status=502, html=html)
    assert (await fails(client.send("x"))).kind == "network"
    assert await stand_in.driver.sent() == []


@pytest.mark.parametrize(
    ("kind", "arrives"), [("drop_before", 0), ("drop_after", 1), ("hang_before", 0), ("hang_after", 1)]
)
@pytest.mark.parametrize("library", LIBRARIES)
async def test_a_cut_connection_tells_the_client_nothing(
    stand_in: RunningStandIn, library: type[Ptb] | type[Aiogram], kind: str, arrives: int
) -> None:
    client = library(stand_in.url, stand_in.token, 2.0)
    try:
        await stand_in.driver.fault(kind, "sendMessage", seconds=30)
        assert (await fails(client.send("perhaps"))).kind == "network"
        assert [entry["text"] for entry in await stand_in.driver.sent()] == ["perhaps"] * arrives
        await client.send("surely")
    finally:
        await client.close()
    assert [entry["text"] for entry in await stand_in.driver.sent()][-1] == "surely"


async def test_faults_choose_method_chat_and_moment(client: Client, stand_in: RunningStandIn) -> None:
    await stand_in.driver.set_chat(8000)
    await stand_in.driver.fault("error", "sendMessage", status=500, chat_id=8000, skip=1, times=2)
    await client.send("other chat")
    await client.send("skipped", chat=8000)
    for _ in range(2):
        assert (await fails(client.send("struck", chat=8000))).kind == "network"
    await client.send("used up", chat=8000)
    assert [entry["text"] for entry in await stand_in.driver.sent()] == ["other chat", "skipped", "used up"]


async def test_updates_come_twice_late_and_in_disorder(client: Client, stand_in: RunningStandIn) -> None:
    for kind in ("duplicate", "reorder", "redeliver"):
        await stand_in.driver.fault(kind, "getUpdates")
    for text in ("a", "b"):
        await stand_in.driver.write(text)
    batch = await client.updates()
    assert [said[-1] for _, said in batch] == ["b", "b", "a", "a"]
    again = await client.updates(offset=batch[0][0] + 1, timeout=30)
    assert [said[-1] for _, said in again] == ["a", "b"]
    assert await client.updates(offset=batch[0][0] + 1) == []


async def test_strict_rates_allow_one_message_a_second_and_chat(client: Client, stand_in: RunningStandIn) -> None:
    await client.send("free")
    await client.send("free")
    await stand_in.driver.strict_rates(True)
    await stand_in.driver.set_chat(8000)
    await client.send("first")
    failed = await fails(client.send("second"))
    assert (failed.kind, failed.number) == ("retry", 1)
    await client.send("elsewhere", chat=8000)


async def test_a_webhook_and_polling_exclude_each_other(
    client: Client, stand_in: RunningStandIn, plain: PlainHttp
) -> None:
    poll = asyncio.create_task(client.updates(timeout=30))
    await stand_in.driver.until_polling()
    assert (await plain.call("setWebhook", url="https://bot.example/hook"))[1]["description"] == "Webhook was set"
    assert "terminated by setwebhook request" in (await fails(poll)).text
    assert "use deletewebhook to delete the webhook first" in (await fails(client.updates())).text
    await stand_in.driver.write("waits")
    info = (await plain.call("getWebhookInfo"))[1]["result"]
    assert isinstance(info, dict)
    assert (info["url"], info["pending_update_count"]) == ("https://bot.example/hook", 1)
    assert (await plain.call("deleteWebhook"))[1]["result"] is True
    assert [said for _, said in await client.updates()] == ["message: waits"]


async def test_unwanted_kinds_of_updates_never_arise(stand_in: RunningStandIn, plain: PlainHttp) -> None:
    assert (await stand_in.driver.raw_update("message_reaction", {})).update_id is None
    await plain.call("getUpdates", allowed_updates=["callback_query", "message_reaction"])
    assert (await stand_in.driver.write("unwanted")).update_id is None
    assert (await stand_in.driver.raw_update("message_reaction", {})).update_id is not None
    await plain.call("getUpdates", allowed_updates=[])
    assert (await stand_in.driver.write("wanted again")).update_id is not None
    assert len(_dicts((await plain.call("getUpdates"))[1]["result"])) == 2


async def test_parameters_come_in_every_form(stand_in: RunningStandIn) -> None:
    url = f"{stand_in.url}/bot{stand_in.token}/SENDmessage"
    form = aiohttp.FormData({"chat_id": str(PERSON), "text": "multipart"}, default_to_multipart=True)
    async with aiohttp.ClientSession() as session:
        for answering in (
            session.post(url, params={"chat_id": str(PERSON), "text": "query"}),
            session.post(url, data={"chat_id": str(PERSON), "text": "form"}),
            session.post(url, data=form),
            session.post(url, json={"chat_id": PERSON, "text": "json"}),
            session.get(url, params={"chat_id": str(PERSON), "text": "get"}),
        ):
            async with answering as answer:
                assert answer.status == 200
        async with session.post(url, data=b"{", headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 400
        async with session.post(f"{stand_in.url}/bot{stand_in.token}/fly") as answer:
            assert (await answer.json())["description"] == "Not Found: method not found"
    texts = [entry["text"] for entry in await stand_in.driver.sent()]
    assert texts == ["query", "form", "multipart", "json", "get"]


@pytest.mark.parametrize(
    ("parameters", "description"),
    [
        ({"text": ""}, "message text is empty"),
        ({"text": " \n "}, "text must be non-empty"),
        ({"text": "<b></b>", "parse_mode": "HTML"}, "text must be non-empty"),
        (
            {"text": "ab", "entities": [{"type": "bold", "offset": 1, "length": 2}]},
            "entity beginning at UTF-16 offset 1 ends after the end of the text at UTF-16 offset 3",
        ),
        (
            {"text": "x", "reply_markup": {"inline_keyboard": [[{"text": "b", "callback_data": "ä" * 33}]]}},
            "BUTTON_DATA_INVALID",
        ),
    ],
)
async def test_refusals_word_for_word(plain: PlainHttp, parameters: dict[str, object], description: str) -> None:
    status, answer = await plain.call("sendMessage", chat_id=PERSON, **parameters)
    assert (status, answer["description"]) == (400, f"Bad Request: {description}")


def _dicts(value: object) -> list[dict[str, dict[str, object]]]:
    assert isinstance(value, list)
    return value
