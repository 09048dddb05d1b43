"""Do independent clients find the buttons of both stand-ins as the platforms have them?"""

from collections.abc import AsyncIterator

import pytest

from tests.standins.loopback import TOKEN, Inject, Room, Settings, loopback_standin
from tests.standins.loopback.bot import bot_of
from tests.standins.telegram import RunningStandIn, in_process
from tests.standins.telegram.second_clients import PERSON, Aiogram, Client, Ptb, fails


@pytest.fixture(autouse=True)
def no_deprecated_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture
async def stand_in() -> AsyncIterator[RunningStandIn]:
    async with in_process() as running:
        await running.driver.set_chat(PERSON)
        yield running


@pytest.fixture(params=[Ptb, Aiogram])
async def client(request: pytest.FixtureRequest, stand_in: RunningStandIn) -> AsyncIterator[Client]:
    client = request.param(stand_in.url, stand_in.token, 10.0)
    yield client
    await client.close()


async def test_buttons_and_a_press(client: Client, stand_in: RunningStandIn) -> None:
    message = await client.offer("really?", [[("Yes", "a"), ("No", "b")], [("Later", "ä" * 32)]])
    await stand_in.driver.press(message, "b")
    (act,) = await client.acts()
    query = act["callback_query"]
    assert isinstance(query, dict)
    assert (query["data"], query["message"]["message_id"], query["from"]["id"]) == ("b", message, PERSON)
    assert [len(row) for row in query["message"]["reply_markup"]["inline_keyboard"]] == [2, 1]
    await client.unbutton(message)
    assert "message is not modified" in (await fails(client.unbutton(message))).text
    assert "message to edit not found" in (await fails(client.unbutton(4711))).text
    assert [sent["reply_markup"] for sent in await stand_in.driver.sent()] == [None]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([[("b", "ä" * 33)]], "button_data_invalid"),
        ([[("b", "x")] * 9], "reply markup is too long"),
        ([[("b", "x")]] * 101, "reply markup is too long"),
        ([[("\U0001f6a2" * 64, "x" * 64)]] * 40, "reply markup is too long"),
        ([[(" ", "x")]], "text buttons are unallowed"),
    ],
)
async def test_what_is_refused(client: Client, rows: list[list[tuple[str, str]]], reason: str) -> None:
    assert reason in (await fails(client.offer("really?", rows))).text


async def test_the_loopback_platform_has_them_too() -> None:
    async with loopback_standin(Settings(rooms=(Room("r1"),))) as platform, bot_of(platform.url, TOKEN) as bot:
        body = {"text": "really?", "buttons": [[{"label": "Yes", "value": "a"}]]}
        status, sent = await bot.call("POST", "/rooms/r1/messages", body)
        assert status == 200
        platform.inject(Inject(kind="press", room=Room("r1"), message=sent["id"], value="forged", duplicate=True))
        first, second = await bot.events()
        assert (first["kind"], first["message"], first["value"]) == ("press", sent["id"], "forged")
        assert (first["id"], first["seq"]) == (second["id"], second["seq"] - 1)
        assert await bot.call("POST", f"/presses/{first['id']}", {"text": "no"}) == (200, {"ok": True})
        assert (await bot.call("POST", "/presses/nobody", {"text": "no"}))[0] == 404
        assert [press.told for press in platform.presses] == [["no"]]
        assert await bot.call("DELETE", f"/rooms/r1/messages/{sent['id']}/buttons") == (200, {"id": sent["id"]})
        assert (await bot.call("DELETE", "/rooms/r1/messages/gone/buttons"))[0] == 404
        for wrong in ([[]], [[{"label": "x", "value": "a"}] * 5], [[{"label": "", "value": "a"}]]):
            assert (await bot.call("POST", "/rooms/r1/messages", {"text": "x", "buttons": wrong}))[0] == 400
