"""Connections: are the four facts seen, and can a connection be tried, paused and resumed where it is shown?"""

import pytest
from playwright.sync_api import Browser, StorageState, expect

from tests.browser.chat import SOON
from tests.browser.conftest import NewConsole
from tests.browser.console import WIDTHS, opened
from tests.browser.gateway import Gateway

PAGE = "/console/connections"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_everybody_can_reach_it(new_console: NewConsole, width: int, scheme: str) -> None:
    console = new_console(width, color_scheme=scheme).open(PAGE)
    card = console.page.locator("#tg")
    expect(card.get_by_text("Authenticated").locator("..")).to_contain_text("yes", timeout=SOON)
    expect(console.section("Always there")).to_contain_text("terminal")
    console.look_over()


def test_it_is_paused_and_resumed_where_it_is_shown(new_console: NewConsole) -> None:
    console = new_console().open(PAGE)
    card = console.page.locator("#tg")
    card.get_by_role("button", name="Test").click()
    expect(console.page.get_by_role("status").first).to_contain_text("tg: ok", timeout=SOON)
    card.locator("summary").click()
    card.get_by_label("Why").fill("the bot moves")
    card.get_by_role("button", name="Pause").click()
    expect(card).to_contain_text("by owner: the bot moves", timeout=SOON)
    console.look_over()
    console.open("/console")
    expect(console.section("What is wrong")).to_contain_text("Connection tg was paused by owner: the bot moves")
    console.section("What is wrong").get_by_role("link", name="Show").click()
    console.tab_to("Resume")
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_role("status").first).to_contain_text("tg goes on", timeout=SOON)
    expect(card.get_by_role("button", name="Resume")).to_have_count(0, timeout=SOON)


def test_without_a_messenger_it_says_what_to_do(browser: Browser, gateway: Gateway, signed_in: StorageState) -> None:
    console = opened(browser, gateway, signed_in, 390).open(PAGE)
    expect(console.page.get_by_text("No messenger is connected")).to_be_visible()
    console.look_over()
    assert console.errors == []
    console.page.context.close()
