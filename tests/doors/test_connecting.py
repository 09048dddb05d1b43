"""`quarterdeck connections add telegram`: from a bot's token to an answer on the phone."""

import re
import tomllib
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.doors.commands import SCRIPTED, Desk
from tests.doors.screen import Screen, terminal
from tests.standins.telegram.launch import RunningStandIn, in_process
from tests.waiting import until

LINK = re.compile(r"https://t\.me/stand_in_bot\?start=([A-Za-z0-9_-]{10,64})\s")
MINE = SCRIPTED.format(model="scripted/echo") + "# the last line is mine, and has no end"
ANN = 7001


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = Desk(tmp_path)
    found.write(MINE)
    return found


def adding(bot: RunningStandIn, *more: str) -> tuple[str, ...]:
    return ("connections", "add", "telegram", *more, "--api-root", bot.url)


def token_file(desk: Desk, token: str) -> str:
    file = desk.folder / "token"
    file.write_text(token + "\n")
    file.chmod(0o600)
    return str(file)


def left(desk: Desk) -> list[Path]:
    """Drafts of a configuration, and keys."""
    return [*desk.folder.glob(".*"), *desk.data.glob("secrets/*")]


async def linked(screen: Screen) -> str:
    """The code of the link on the screen."""

    def there() -> str:
        screen.read()
        found = LINK.search(screen.everything)
        return found[1] if found else ""

    await until(lambda: bool(there()), 30, "a link on the screen")
    return there()


async def offered(bot: RunningStandIn, count: int) -> bool:
    return len(await bot.driver.requests("setMyCommands")) == count


async def answered(bot: RunningStandIn, count: int) -> list[str]:
    return [str(one["text"]) for one in await bot.driver.sent(count)]


async def test_at_the_terminal_the_phone_is_answered_by_this_process(desk: Desk) -> None:
    async with in_process() as bot, terminal(desk, *adding(bot), environ={"PYTHONUTF8": "1"}) as screen:
        await screen.sees("Token, from @BotFather (it is not shown): ")
        screen.type(b"nonsense\r")
        await screen.sees("wrong_shape: ")
        screen.type(b"4242424242:another-secret-altogether\r")
        await screen.sees("wrong_token: ")
        screen.type(bot.token.encode() + b"\r")
        await screen.sees("bot @stand_in_bot")
        code = await linked(screen)
        await screen.sees("█")
        await bot.driver.write(f"/start {code}", user_id=ANN)
        await screen.sees("is let in. Answered in ")
        await screen.sees("Next: quarterdeck up.")
        assert await screen.ends() == 0
        assert bot.token not in screen.everything
        assert (await answered(bot, 1))[-1].startswith("You have been let in.")
    text = desk.config.read_text()
    assert text.startswith(MINE + "\n")
    key = desk.data / "secrets/tg"
    assert tomllib.loads(text)["connections"] == {
        "tg": {"channel": "telegram", "token": {"file": str(key)}, "api_root": bot.url}
    }
    assert key.read_text() == bot.token + "\n"
    assert key.stat().st_mode & 0o777 == 0o600
    assert (await desk.run("config", "check")).code == 0
    (person,) = await desk.rows("people", "list")
    assert (person["connection"], person["state"]) == ("tg", "allowed")


async def test_a_gateway_that_runs_has_to_be_restarted_and_answers_then(desk: Desk) -> None:
    async with in_process() as bot, AsyncExitStack() as old:
        await old.enter_async_context(desk.gateway())
        words = adding(bot, "mobile", "--token-file", token_file(desk, bot.token))
        async with terminal(desk, *words) as screen:
            await screen.sees("A gateway runs. Restart it")
            code = await linked(screen)
            await bot.driver.write(f"/start {code}", user_id=ANN)
            await old.aclose()
            async with desk.gateway():
                await screen.sees("is let in. Answered in ")
                assert await screen.ends() == 0
                screen.read()
                assert "Next:" not in screen.everything
                await until(lambda: offered(bot, 6), what="a menu of commands in each language")
    table = tomllib.loads(desk.config.read_text())["connections"]["mobile"]
    assert table["token"] == {"file": str(desk.folder / "token")}
    assert left(desk) == []


async def test_for_programs(desk: Desk) -> None:
    async with in_process() as bot:
        said = await desk.run(*adding(bot, "--wait", "0", "--json"), stdin=bot.token + "\n")
        assert said.code == 0, said.err
        row = said.row
        assert (row["id"], row["state"], row["bot"], row["restart"]) == ("tg", "added", "stand_in_bot", False)
        assert LINK.fullmatch(f"{row['link']}\n")
        assert bot.token not in said.out + said.err + desk.config.read_text()
        looked = await desk.run("doctor", "telegram", "--json")
        ids = {"configuration", "connection tg", "connection tg receiving", "connection tg privacy mode"}
        assert {row["id"] for row in looked.rows if row["state"] == "OK"} == ids, looked
        nowhere = await desk.run("doctor", "signal")
        assert (nowhere.code, "there is no connection or kind of messenger signal" in nowhere.err) == (2, True)
        unknown = await desk.run("pairing", "invite", "wb")
        assert (unknown.code, "there is no connection wb to invite to; there are: tg" in unknown.err) == (1, True)
        (offered,) = await desk.rows("pairing", "invite", "tg")
        (invitation,) = await desk.rows("pairing", "show", str(offered["id"]))
        assert (invitation["state"], invitation["greeting"]) == ("offered", "")
        assert await desk.rows("pairing", "list") == []
        again = await desk.run(*adding(bot, "--wait", "0"), stdin=bot.token + "\n")
        assert (again.code, "there is a connection tg already" in again.err) == (2, True)
        twice = await desk.run(*adding(bot, "other", "--wait", "0"), stdin=bot.token + "\n")
        assert (twice.code, "taken: the connection tg has this bot already" in twice.err) == (1, True)
        assert [file.name for file in left(desk)] == ["tg"]
    async with in_process(token="777:a-secret-of-its-own") as bot:
        waited = await desk.run(*adding(bot, "other", "--wait", "1"), stdin=bot.token + "\n")
        assert waited.code == 1
        assert "nobody came within 1 s" in waited.err
        assert "quarterdeck pairing invite other" in waited.err


async def test_what_is_wrong_is_named_and_nothing_is_left(desk: Desk) -> None:
    async with in_process() as bot:
        odd = ("connections", "add", "telegram", "--api-root", "ftp://x")
        for words, stdin, environ, code, told in (
            (odd, bot.token, {}, 78, "api_root must start with https://"),
            (adding(bot), "12345", {}, 1, "wrong_shape: "),
            (adding(bot), "4242424242:another-secret-altogether", {}, 1, "wrong_token: Telegram refuses this token"),
            (adding(bot), "", {}, 2, "nothing comes by stdin"),
            (adding(bot, "--token-env", "NOT_SET"), "", {}, 2, "--token-env: the variable NOT_SET is not set"),
            (adding(bot, "--token-file", "no-such-file"), "", {}, 78, "cannot be read"),
            (adding(bot, "A B"), bot.token, {}, 78, 'connections."A B"'),
            (adding(bot, "--assistant", "nobody"), bot.token, {}, 78, "connections.tg.assistant"),
            (("connections", "add", "telegram", "--api-root", "http://127.0.0.1:1"), bot.token, {}, 1, "no_network: "),
            (
                ("connections", "add", "telegram", "--api-root", "http://127.0.0.1:1"),
                bot.token,
                {"HTTPS_PROXY": "http://127.0.0.1:2"},
                1,
                "proxy: ",
            ),
        ):
            said = await desk.run(*words, stdin=stdin, environ={"HTTPS_PROXY": "", **environ})
            assert said.code == code, (words, said)
            assert told in said.err, (words, said)
            assert desk.config.read_text() == MINE
            assert left(desk) == []
        desk.config.unlink()
        said = await desk.run(*adding(bot), stdin=bot.token)
        assert (said.code, "Run `quarterdeck init`" in said.err) == (2, True)
