"""Settings: is the gateway shown as it runs, and can tokens and browsers be managed, by everybody?"""

import json
import re
import urllib.request
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chat import SOON
from tests.browser.conftest import NewConsole, sign_in
from tests.browser.console import DESK, PHONE, WIDTHS, expected, opened
from tests.browser.gateway import Gateway

PAGE = "/console/settings"
SCHEMA, WELL = re.compile("(SQLite|PostgreSQL) schema"), re.compile("whole|a server of its own")
ONE_OR_MORE = re.compile("This gateway is alone|Runs since")
TOKENS = f"{PAGE}/tokens"


def me(gateway: Gateway, token: str) -> dict[str, object]:
    """What a program with this token is told."""
    request = urllib.request.Request(f"{gateway.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_everybody_can_reach_the_pages(new_console: NewConsole, width: int, scheme: str) -> None:
    console = new_console(width, color_scheme=scheme).open(PAGE)
    expect(console.section("This gateway")).to_contain_text(SCHEMA)
    console.look_over()
    console.page.get_by_role("link", name="Doctor").click()
    expect(console.page.get_by_role("heading", level=1)).to_have_text("Doctor", timeout=SOON)
    expect(console.page.get_by_role("listitem").filter(has_text="database")).to_contain_text(WELL)
    console.look_over()
    console.open(PAGE)
    console.page.get_by_role("link", name="Replicas").click()
    expect(console.page.get_by_role("heading", level=1)).to_have_text("Replicas", timeout=SOON)
    expect(console.page.get_by_text(ONE_OR_MORE).first).to_be_visible()
    console.look_over()
    console.open(f"{PAGE}/configuration")
    steps = console.section("limits").get_by_role("row").filter(has_text="turn_steps")
    assert steps.get_by_role("cell").all_inner_texts() == ["20", "default", "at once"]
    token = console.section("connections.tg").get_by_role("row").filter(has_text="BOT_TOKEN")
    expect(token).to_contain_text("env BOT_TOKEN is there")
    console.look_over()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_token_is_made_shown_once_rotated_and_revoked(new_console: NewConsole, operated: Gateway, width: int) -> None:
    console, name = new_console(width).open(TOKENS), f"script {width}"
    page = console.page
    page.locator("#make > summary").focus()
    page.keyboard.press("Enter")
    page.get_by_label("What it is for").fill(name)
    page.get_by_label("chat").check()
    page.get_by_label("read").check()
    console.look_over()
    page.get_by_role("button", name="Make it").click()
    shown = console.section("Copy it now")
    expect(shown).to_contain_text("qd_", timeout=SOON)
    console.look_over()
    first = shown.locator("pre").inner_text()
    assert (me(operated, first)["name"], me(operated, first)["scopes"]) == (name, ["chat", "read"])

    console.open(TOKENS)
    expect(page.get_by_text(first)).to_have_count(0)
    card = page.get_by_role("listitem").filter(has_text=name)
    expect(card.get_by_role("definition").last).not_to_have_text("never")
    card.locator("summary").click()
    card.get_by_label("The old text holds").select_option("0")
    card.get_by_role("button", name=f"Rotate {name}").click()
    expect(shown).to_contain_text("qd_", timeout=SOON)
    second = shown.locator("pre").inner_text()
    assert second != first
    assert me(operated, second)["name"] == name
    with pytest.raises(HTTPError, match="401"):
        me(operated, first)

    card.locator("summary").click()
    card.get_by_role("button", name=f"Revoke {name}").click()
    expect(page.get_by_role("status").first).to_contain_text("is revoked", timeout=SOON)
    expect(card).to_contain_text("revoked", timeout=SOON)
    with pytest.raises(HTTPError, match="401"):
        me(operated, second)
    console.look_over()


def test_a_token_that_may_do_nothing_is_refused_in_words(new_console: NewConsole) -> None:
    console = new_console(PHONE).open(TOKENS)
    console.page.locator("#make > summary").click()
    console.page.get_by_label("What it is for").fill("nothing")
    console.page.get_by_role("button", name="Make it").click()
    expect(console.page.get_by_text("Name at least one of chat")).to_be_visible(timeout=SOON)
    console.look_over()
    assert expected(console.errors, 400)
    console.errors.clear()


def test_another_browser_is_signed_out(browser: Browser, operated: Gateway, new_console: NewConsole) -> None:
    lost = opened(browser, operated, sign_in(browser, operated), DESK).open(PAGE)
    mine = lost.section("Signed-in browsers").get_by_role("listitem").filter(has_text="this browser")
    name = mine.locator("code").inner_text()
    console = new_console(PHONE).open(PAGE)
    console.page.get_by_role("button", name=f"Sign out {name}").click()
    expect(console.page.get_by_role("status").first).to_contain_text("is signed out", timeout=SOON)
    expect(console.page.get_by_text(name)).to_have_count(0, timeout=SOON)
    lost.open("/console/settings")
    expect(lost.page).to_have_url(f"{operated.url}/signin")
    lost.page.context.close()
