"""A Telegram bot from its token to an answer, in the browser: what is wrong, the restart, the link, who is let in."""

import tomllib
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chat import SOON
from tests.browser.conftest import sign_in
from tests.browser.console import PHONE, WIDTHS, Console, Messenger, opened
from tests.browser.gateway import bare_gateway, standin
from tests.standins.small_disk import permitted
from tests.standins.telegram.state import DEFAULT_TOKEN

MINE = """data_dir = "./data"
[providers.script]
kind = "scripted"
[assistants.default]
model = "script/echo"
# the last line is mine, and has no end"""
STARTS = 60_000  # ms in which a gateway drains (25 s at most) and begins again
WRONG = "4242424242:another-secret-altogether"


def give(console: Console, token: str) -> None:
    console.page.get_by_label("Token").fill(token)
    console.page.get_by_role("button", name="Try and add it").click()


def add(console: Console, bot: Messenger) -> None:
    page = console.page
    console.open("/console/connections")
    page.get_by_role("link", name="Connect a Telegram bot").click()
    expect(page.get_by_label("Token")).to_be_visible(timeout=SOON)
    page.get_by_text("Another Bot API server").click()
    page.get_by_label("Address").fill(bot.url)
    console.look_over()
    for wrong, told in (("nonsense", "That is no token"), (WRONG, "The token is refused")):
        give(console, wrong)
        expect(page.get_by_role("alert")).to_contain_text(told, timeout=SOON)
    console.look_over()
    assert all("400" in one for one in console.errors)
    console.errors.clear()
    give(console, DEFAULT_TOKEN)
    expect(page.get_by_role("heading", name="Written. A restart puts it in use")).to_be_visible(timeout=SOON)
    assert DEFAULT_TOKEN not in page.content()
    console.look_over()


def restart(console: Console) -> None:
    page = console.page
    page.get_by_role("button", name="Restart now").click()
    expect(page.get_by_role("heading", name="tg is in use")).to_be_visible(timeout=STARTS)
    console.look_over()
    console.errors.clear()  # the gateway was away


def come_in(console: Console, bot: Messenger, button: str, user: int) -> None:
    page = console.page
    page.get_by_role("button", name=button).click()
    link = page.get_by_role("link", name="https://t.me/stand_in_bot?start=")
    expect(link).to_be_visible(timeout=SOON)
    expect(page.get_by_role("img", name="The link as a code to scan")).to_be_visible()
    console.look_over()
    code = str(link.get_attribute("href")).partition("?start=")[2]
    bot.write(f"/start {code}", user)
    expect(page.get_by_role("heading", name="is let in")).to_be_visible(timeout=STARTS)
    expect(page.get_by_text("Answered in")).to_be_visible(timeout=SOON)
    console.look_over()


def written(folder: Path, bot: Messenger) -> None:
    """What stood there stays, and the token is in a file that only its owner reads."""
    text, kept = (folder / "quarterdeck.toml").read_text(), folder / "data/secrets/tg"
    assert text.startswith(MINE + "\n")
    assert tomllib.loads(text)["connections"] == {
        "tg": {"channel": "telegram", "token": {"file": str(kept)}, "api_root": bot.url}
    }
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (DEFAULT_TOKEN + "\n", 0o600)
    assert [file.name for file in kept.parent.iterdir()] == ["tg"]


def test_from_a_token_to_an_answer(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "quarterdeck.toml").write_text(MINE)
    with standin("telegram", tmp_path) as url, bare_gateway(tmp_path) as gateway:
        bot, owner = Messenger(url), sign_in(browser, gateway)
        desk, phone = (opened(browser, gateway, owner, width) for width in reversed(WIDTHS))
        add(desk, bot)
        written(tmp_path, bot)
        phone.open("/setup/bot/tg").look_over()
        restart(desk)
        come_in(desk, bot, "Show the link", 7001)
        phone.errors.clear()
        phone.open("/setup/bot/tg").look_over()
        come_in(phone, bot, "Invite somebody else", 7002)
        phone.open("/setup/bot")
        phone.page.get_by_text("Another Bot API server").click()
        phone.page.get_by_label("Address").fill(bot.url)
        give(phone, DEFAULT_TOKEN)
        expect(phone.page.get_by_role("alert")).to_contain_text("the connection tg has this bot", timeout=SOON)
        phone.look_over()
        assert all("400" in one for one in phone.errors)
        assert desk.errors == []
        written(tmp_path, bot)
        for console in (desk, phone):
            console.page.context.close()
        assert DEFAULT_TOKEN not in (tmp_path / "gateway.log").read_text()


@pytest.mark.skipif(not permitted(), reason="this machine lets nobody mount anything")
def test_a_configuration_file_that_is_mounted_by_itself_is_for_its_owner_to_change(
    browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "quarterdeck.toml"
    file.write_text(MINE)
    mounted = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" "$0" && exec "$@"', str(file))
    with standin("telegram", tmp_path) as url, bare_gateway(tmp_path, *mounted) as gateway:
        bot, console = Messenger(url), opened(browser, gateway, sign_in(browser, gateway), PHONE)
        page = console.open("/setup/bot").page
        page.get_by_text("Another Bot API server").click()
        page.get_by_label("Address").fill(bot.url)
        give(console, DEFAULT_TOKEN)
        expect(page.get_by_text("cannot be replaced by the gateway")).to_be_visible(timeout=SOON)
        assert DEFAULT_TOKEN not in page.content()
        console.look_over()
        assert file.read_text() == MINE
        with file.open("a") as handle:
            handle.write("\n" + page.get_by_role("region").locator("pre").inner_text())
        written(tmp_path, bot)
        restart(console)
        come_in(console, bot, "Show the link", 7001)
        page.context.close()
        assert console.errors == []


def test_without_a_configuration_file_a_model_comes_first(browser: Browser, tmp_path: Path) -> None:
    with bare_gateway(tmp_path) as gateway:
        console = opened(browser, gateway, sign_in(browser, gateway), PHONE).open("/setup/bot")
        console.look_over()
        expect(console.page.get_by_role("link", name="Connect a model")).to_be_visible(timeout=SOON)
        console.page.context.close()
        assert console.errors == []
