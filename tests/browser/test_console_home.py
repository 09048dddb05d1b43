"""Home: does it say what is wrong and what waits, does it keep up, and can it be decided there?"""

import pytest
from playwright.sync_api import expect

from tests.browser.chat import SOON
from tests.browser.conftest import NewConsole
from tests.browser.console import WIDTHS, Console, Messenger


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_everybody_can_reach_home_when_nothing_is_there(new_console: NewConsole, width: int, scheme: str) -> None:
    console = new_console(width, color_scheme=scheme).open()
    expect(console.section("What is wrong")).to_contain_text("Nothing is wrong")
    expect(console.section("Waits for you")).to_contain_text("Nothing waits for you")
    expect(console.section("Running now")).to_contain_text("No turn runs")
    console.look_over()


def test_a_stranger_is_let_in_where_the_wish_is_shown(console: Console, messenger: Messenger) -> None:
    messenger.write("let me in", user=8001)
    waits = console.section("Waits for you")
    expect(waits.get_by_role("button", name="Let in")).to_be_visible(timeout=SOON)  # without loading the page again
    expect(console.page.locator("#waits")).to_have_text("1 waiting")
    console.look_over()
    waits.get_by_role("button", name="Let in").click()
    expect(console.page.get_by_role("status")).to_contain_text("is let in and was greeted on tg", timeout=SOON)
    expect(waits).to_contain_text("Nothing waits for you", timeout=SOON)
    expect(console.page.locator("#waits")).to_have_text("Nothing waits")
    expect(console.page.locator("#told")).to_be_focused()
    messages = console.open().section("Today").get_by_text("Messages").locator("xpath=../dd")
    before = int(messages.inner_text())
    messenger.write("now I am in", user=8001)
    expect(messages).to_have_text(str(before + 1), timeout=SOON)


def test_with_the_keyboard_alone(new_console: NewConsole, messenger: Messenger) -> None:
    console = new_console().open()
    console.page.keyboard.press("Tab")
    expect(console.page.get_by_role("link", name="Skip to the page")).to_be_focused()
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_role("main")).to_be_focused()
    messenger.write("me too", user=8002)
    expect(console.page.get_by_role("button", name="Keep out")).to_be_visible(timeout=SOON)
    console.tab_to("Keep out")
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_role("status")).to_contain_text("stays out; nothing was said", timeout=SOON)


def test_what_was_decided_elsewhere_is_told_in_place(new_console: NewConsole, messenger: Messenger) -> None:
    first = new_console().open()
    messenger.write("and me", user=8003)
    let_in = first.page.get_by_role("button", name="Let in")
    expect(let_in).to_be_visible(timeout=SOON)
    first.page.route("**/console", lambda route: route.abort())  # it does not hear of what happens next
    second = new_console().open()
    second.page.get_by_role("button", name="Let in").click()
    expect(second.page.get_by_role("status")).to_contain_text("is let in", timeout=SOON)
    let_in.click()
    expect(first.page.get_by_role("alert")).to_contain_text("open pairing has the code", timeout=SOON)
    expect(let_in).to_be_enabled()
    first.look_over()
    assert first.errors
    first.errors.clear()


def test_a_press_is_not_lost_where_the_page_is_drawn_anew_meanwhile(
    new_console: NewConsole, messenger: Messenger
) -> None:
    page = new_console().open().page
    messenger.write("here I am", user=8004)
    button = page.get_by_role("button", name="Keep out")
    expect(button).to_be_visible(timeout=SOON)
    button.hover()
    page.mouse.down()
    page.evaluate(LOOK_AGAIN)
    page.mouse.up()
    expect(page.get_by_role("status")).to_contain_text("stays out; nothing was said", timeout=SOON)


LOOK_AGAIN = """() => new Promise((done) => {
  document.addEventListener("htmx:afterRequest", done, { once: true });
  htmx.trigger("#live", "happened");
}).then(() => true)"""


def test_the_menu_is_a_drawer_on_a_phone(new_console: NewConsole) -> None:
    console = new_console(390, has_touch=True, is_mobile=True).open()
    menu = console.page.get_by_role("navigation", name="Console")
    expect(menu).not_to_be_in_viewport()
    console.page.get_by_role("button", name="Menu").tap()
    expect(menu).to_be_in_viewport()
    console.look_over()
    console.page.keyboard.press("Escape")
    expect(menu).not_to_be_in_viewport()
    console.page.get_by_role("button", name="Menu").tap()
    console.page.get_by_role("link", name="Chat").tap()
    expect(console.page.locator("#message")).to_be_visible(timeout=SOON)


def test_signing_out_ends_it(new_console: NewConsole) -> None:
    console = new_console().open()
    console.page.goto("about:blank")  # a page that is open looks again, and notes that it may not
    console.page.context.clear_cookies()
    console.page.goto(f"{console.url}/console")
    assert console.page.url.endswith("/signin")
