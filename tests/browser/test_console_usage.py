"""Usage: is what assistants took seen as a chart and as tables, by everybody, and is it said when there is none?"""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from quarterdeck.actions.usage import Line
from quarterdeck.store.usage import Sums
from quarterdeck.web.console.usage import bars
from tests.browser.chat import SOON, Chat
from tests.browser.conftest import NewConsole, sign_in
from tests.browser.console import PHONE, WIDTHS, expected, opened
from tests.browser.gateway import gateway as started

PAGE = "/console/usage"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_what_was_used_is_seen_and_summed(new_console: NewConsole, width: int, scheme: str) -> None:
    console = new_console(width, color_scheme=scheme)
    chat = Chat(console.page, console.url).open()
    chat.say("hello")
    chat.see_answers(1)
    console.open(PAGE)
    today = datetime.now(UTC).date().isoformat()
    expect(console.section("By day").get_by_role("rowheader").first).to_have_text(today, timeout=SOON)
    expect(console.section("By assistant").get_by_role("rowheader", name="default")).to_be_visible()
    expect(console.section("By model").get_by_role("rowheader", name="script/help")).to_be_visible()
    expect(console.section("By connection").get_by_role("rowheader", name="web")).to_be_visible()
    expect(console.section("By person").get_by_role("rowheader").filter(has_text="on web").first).to_be_visible()
    expect(console.page.get_by_role("img", name="Tokens by day")).to_be_visible()
    assert console.page.locator(".chart rect").count() >= 1
    console.look_over()
    asked = console.page.request.get(console.url + str(console.page.locator(".json").get_attribute("href"))).json()
    shown = console.page.locator(".figures dd").first.inner_text()
    assert int(shown.replace(",", "")) == asked["total"]["calls"]
    with console.page.expect_download() as started_download:
        console.page.get_by_role("link", name="Download for a spreadsheet").click()
    with started_download.value.path().open(newline="") as sheet:
        assert sum(int(row["calls"]) for row in csv.DictReader(sheet)) == asked["total"]["calls"]


def test_what_has_no_price_is_said(new_console: NewConsole) -> None:
    console = new_console(PHONE)
    chat = Chat(console.page, console.url).open()
    chat.choose("worker")
    chat.say("hello")
    chat.see_answers(1)
    console.open(PAGE)
    expect(console.page.get_by_text("had no price and are not in the cost")).to_be_visible(timeout=SOON)
    line = console.section("By model").get_by_role("row").filter(has_text="standin/any")
    expect(line.get_by_role("cell").last).to_have_text("no price")
    console.look_over()


def test_the_days_are_chosen_with_the_keyboard_and_stand_in_the_address(new_console: NewConsole) -> None:
    console = new_console().open(PAGE)
    console.tab_to("7 days", "link")
    console.page.keyboard.press("Enter")
    expect(console.page.locator(".tabs [aria-current]")).to_have_text("7 days", timeout=SOON)
    expect(console.page).to_have_url(f"{console.url}{PAGE}?days=7")


def test_days_that_are_not_offered_are_refused_in_words(new_console: NewConsole) -> None:
    console = new_console(PHONE).open(f"{PAGE}?days=8")
    expect(console.page.get_by_role("heading", level=1)).to_have_text("That cannot be done")
    console.look_over()
    assert expected(console.errors, 400)
    console.errors.clear()


def test_without_usage_it_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    with started(tmp_path) as fresh:
        console = opened(browser, fresh, sign_in(browser, fresh), PHONE).open(PAGE)
        expect(console.page.get_by_text("Nothing was used in these days")).to_be_visible()
        console.look_over()
        assert console.errors == []
        console.page.context.close()


def test_a_day_with_little_is_seen_and_a_day_with_none_is_not() -> None:
    first = datetime(2026, 1, 30, tzinfo=UTC).date()
    days = [first + timedelta(days=n) for n in range(3)]
    lines = [
        Line(("2026-01-30",), Sums(calls=1, input=1), {}),
        Line(("2026-02-01",), Sums(calls=9, input=900, output=100), {}),
    ]
    assert [(bar.x, bar.height, bar.tokens) for bar in bars(days, lines)] == [(0, 1, 1), (10, 0, 0), (20, 100, 1000)]
