"""Assistants: what is in force, and files that two people may edit at once without losing a word."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chat import SOON
from tests.browser.conftest import NewConsole
from tests.browser.console import WIDTHS
from tests.browser.gateway import Gateway

FILE = "/console/assistants/worker/files/SOUL.md"
OWN = "/console/assistants/small/files/USER.md"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_everybody_can_reach_the_pages(new_console: NewConsole, width: int, scheme: str) -> None:
    console = new_console(width, color_scheme=scheme).open("/console/assistants")
    console.look_over()
    console.page.get_by_role("link", name="worker", exact=True).click()
    expect(console.section("In force")).to_contain_text("standin/any", timeout=SOON)
    console.look_over()
    console.page.get_by_role("link", name="MEMORY.md").click()
    expect(console.section("History")).to_contain_text("Nothing was ever written here", timeout=SOON)
    console.look_over()


def test_a_text_is_saved_compared_and_restored(new_console: NewConsole) -> None:
    console = new_console(390).open(FILE)
    page = console.page
    editor = page.get_by_label("SOUL.md")
    editor.fill("Speak plainly.\n")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("in force for the next turn", timeout=SOON)
    expect(console.section("History").get_by_role("listitem")).to_have_count(1, timeout=SOON)
    editor.fill("Speak plainly.\nNever shout.\n")
    console.tab_to("Save")
    page.keyboard.press("Enter")
    expect(console.section("History").get_by_role("listitem")).to_have_count(2, timeout=SOON)
    console.look_over()
    console.section("History").get_by_role("link").first.click()
    expect(console.section("Difference")).to_contain_text("+Never shout.", timeout=SOON)
    console.look_over()
    console.open(FILE)
    console.section("History").get_by_role("link").last.click()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_label("SOUL.md")).to_have_value("Speak plainly.\n", timeout=SOON)
    expect(console.section("History").get_by_role("listitem")).to_have_count(3)


def test_who_was_faster_costs_nobody_a_word(new_console: NewConsole) -> None:
    first, second = new_console().open(OWN), new_console().open(OWN)
    first.page.get_by_label("USER.md").fill("Ada's text\n")
    second.page.get_by_label("USER.md").fill("Bo's text\n")
    first.page.get_by_role("button", name="Save").click()
    expect(first.page.get_by_role("status").first).to_contain_text("is saved", timeout=SOON)
    second.page.get_by_role("button", name="Save").click()
    expect(second.page.get_by_role("alert")).to_contain_text("changed meanwhile", timeout=SOON)
    expect(second.page.get_by_label("USER.md")).to_have_value("Bo's text\n")
    assert all("409" in one for one in second.errors)
    second.errors.clear()
    second.page.get_by_label("also over").check()
    second.page.get_by_role("button", name="Save").click()
    expect(second.section("History").get_by_role("listitem")).to_have_count(2, timeout=SOON)


@pytest.mark.own_database
def test_what_an_editor_has_changed_is_in_the_history(new_console: NewConsole, operated: Gateway) -> None:
    console = new_console().open(OWN)
    console.page.get_by_label("USER.md").fill("Cy's text\n")
    console.page.get_by_role("button", name="Save").click()
    expect(console.page.get_by_role("status").first).to_contain_text("is saved", timeout=SOON)
    (file,) = Path(operated.folder).rglob("small/USER.md")
    assert file.read_text() == "Cy's text\n"
    file.write_text("From an editor\n")
    console.open(OWN)
    expect(console.section("History").get_by_role("listitem").first).to_contain_text("changed on disk")
