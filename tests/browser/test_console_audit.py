"""Audit: is everything that was done listed, narrowed, led to its checkpoint, and verified, by everybody?"""

import pytest
from playwright.sync_api import expect

from tests import gateway_database
from tests.browser.chat import SOON
from tests.browser.conftest import NewConsole
from tests.browser.console import PHONE, WIDTHS, expected
from tests.browser.gateway import Gateway

PAGE = "/console/audit"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_an_entry_leads_to_the_checkpoint_that_signs_it(new_console: NewConsole, width: int, scheme: str) -> None:
    console = new_console(width, color_scheme=scheme).open(PAGE)
    console.look_over()
    console.open(f"{PAGE}?type=config.start")
    console.page.get_by_role("list", name="Entries").get_by_role("link").last.click()
    expect(console.page.get_by_role("heading", level=1)).to_have_text("config.start")
    expect(console.section("Its place in the record")).to_contain_text("Leaf hash")
    expect(console.section("The checkpoint that signs it")).to_contain_text("quarterdeck/", timeout=SOON)
    console.look_over()
    asked = console.page.request.get(console.url + str(console.page.locator(".json").get_attribute("href"))).json()
    assert asked["leaf_hash"] in console.section("Its place in the record").inner_text()


def test_the_record_is_narrowed_with_the_keyboard(new_console: NewConsole) -> None:
    console = new_console().open(PAGE)
    page, entries = console.page, console.page.get_by_role("list", name="Entries")
    page.locator("#narrow > summary").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Action").fill("change.signin")
    page.keyboard.press("Enter")
    expect(entries.get_by_role("link").first).to_have_text("change.signin.browser", timeout=SOON)
    assert {one.inner_text().rpartition(".")[0] for one in entries.get_by_role("link").all()} == {"change.signin"}
    expect(page.get_by_label("Action")).to_have_value("change.signin")
    console.look_over()
    page.get_by_role("link", name="All entries").click()
    expect(console.section("Is it as it was signed?")).to_be_visible(timeout=SOON)
    console.open(f"{PAGE}?verdict=deny&actor=nobody")
    expect(page.get_by_text("Nothing on record goes with this")).to_be_visible()
    console.look_over()


def test_who_did_it_leads_to_all_that_they_did(new_console: NewConsole) -> None:
    console = new_console(PHONE).open(f"{PAGE}?type=change.signin.browser")
    console.page.get_by_role("list", name="Entries").get_by_role("link").first.click()
    console.page.get_by_role("link", name="owner").click()
    expect(console.page.get_by_label("Who")).to_have_value("owner", timeout=SOON)
    expect(console.page.get_by_role("list", name="Entries").get_by_role("listitem").first).to_contain_text("owner")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_record_is_verified(new_console: NewConsole, operated: Gateway, width: int) -> None:
    console = new_console(width).open(PAGE)
    proof = console.section("Is it as it was signed?")
    console.tab_to("Verify now")
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_role("status").first).to_contain_text("Unchanged:", timeout=SOON)
    expect(proof).to_contain_text("unchanged", timeout=SOON)
    expect(proof).to_contain_text("verified now by owner")
    console.look_over()
    gateway_database.bend(operated.folder, "config.start", "config.stars")
    try:
        console.page.get_by_role("button", name="Verify now").click()
        expect(console.page.get_by_role("status").first).to_contain_text("Changed:", timeout=SOON)
        expect(proof).to_contain_text("Entry 0:", timeout=SOON)
        console.look_over()
        console.open(f"{PAGE}?type=config.stars")
        expect(console.page.get_by_role("list", name="Entries")).to_contain_text("damaged")
        console.page.get_by_role("link", name="config.stars").click()
        expect(console.page.get_by_role("alert")).to_contain_text("edited, or is damaged")
        console.look_over()
    finally:
        gateway_database.bend(operated.folder, "config.stars", "config.start")
    console.open(PAGE)
    console.page.get_by_role("button", name="Verify now").click()
    expect(proof).not_to_contain_text("Entry 0:", timeout=SOON)


def test_a_time_that_is_none_is_refused_in_words(new_console: NewConsole) -> None:
    console = new_console(PHONE).open(f"{PAGE}?since=yesterday")
    expect(console.page.get_by_role("heading", level=1)).to_have_text("That cannot be done")
    console.look_over()
    assert expected(console.errors, 400)
    console.errors.clear()
