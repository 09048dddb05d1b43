"""What is seen of tools, failures and commands, and what can be done about them?"""

import re

from playwright.sync_api import expect

from tests.browser.chat import SOON, Chat
from tests.browser.conftest import NewChat


def test_a_tool_is_named_while_it_runs_and_after(chat: Chat) -> None:
    chat.choose("worker")
    chat.say('what time is it [[tool time {"timezone": "UTC"}]] [[delay 1]] [[stream 8 150]]')
    tool = chat.page.get_by_role("list", name="Tools").get_by_role("listitem")
    expect(tool).to_contain_text("time", timeout=SOON)
    chat.see_answers(1)
    expect(tool).to_have_count(1)
    expect(tool).to_contain_text("done")
    expect(chat.page.locator("#model")).to_have_text("standin/any")
    chat.page.reload()
    expect(tool).to_contain_text("done", timeout=SOON)


def test_thinking_and_its_seconds_are_shown(chat: Chat) -> None:
    chat.choose("worker")
    chat.say("slow one [[delay 8]]")
    doing = chat.page.locator(".doing")
    expect(doing).to_contain_text(re.compile("Thinking · [0-3] s"), timeout=SOON)
    expect(doing).to_contain_text(re.compile("Thinking · [4-7] s"), timeout=SOON)
    chat.see_answers(1)


def test_a_failed_turn_says_what_to_do_and_gives_the_text_back(chat: Chat) -> None:
    chat.choose("worker")
    chat.say("this cannot work [[status 400]]")
    expect(chat.page.locator(".turn.bad .said.notice")).to_contain_text("could not get an answer", timeout=SOON)
    expect(chat.written).to_contain_text("No answer could be had. Send it again")
    chat.written.get_by_role("button", name="Edit and send again").click()
    expect(chat.box).to_have_value("this cannot work [[status 400]]")
    chat.say("this can")
    chat.see_answers(1)


def test_the_menu_behind_the_slash(chat: Chat) -> None:
    chat.say("hello")
    chat.see_answers(1)
    chat.box.press("/")
    options = chat.page.get_by_role("listbox", name="Commands").get_by_role("option")
    expect(options).to_have_count(5)
    chat.box.press_sequentially("st")
    expect(options).to_have_count(2)
    chat.box.press("ArrowDown")
    expect(chat.box).to_have_attribute("aria-activedescendant", "command-1")
    expect(chat.page.get_by_role("option", selected=True)).to_contain_text("/status")
    chat.box.press("Enter")
    expect(chat.page.locator(".said.notice")).to_contain_text("I am idle", timeout=SOON)
    expect(options).to_have_count(0)
    chat.box.press_sequentially("/mo")
    chat.box.press("Tab")
    expect(chat.box).to_have_value("/model ")
    chat.box.fill("")
    chat.box.press("/")
    chat.box.press("Escape")
    expect(options).to_have_count(0)
    expect(chat.box).to_have_value("/")


def test_a_demo_model_is_labelled_before_anything_is_asked_of_it(chat: Chat) -> None:
    label = chat.page.locator("#demo")
    expect(label).to_be_hidden()
    chat.choose("small")
    expect(label).to_contain_text("Demo model")
    expect(label).to_contain_text("often wrong")
    chat.choose("default")
    expect(label).to_be_hidden()


def test_a_starter_prompt_is_sent_with_one_click(chat: Chat) -> None:
    starter = chat.page.locator("#starters button").first
    text = starter.inner_text()
    starter.click()
    chat.see_answers(1)
    expect(chat.written).to_contain_text(text)
    expect(chat.page.locator("#empty")).to_be_hidden()


def test_a_tool_that_may_not_run_is_not_said_to_run(chat: Chat) -> None:
    chat.choose("worker")
    chat.say("delete it [[tool rm {}]]")
    chat.see_answers(1)
    tool = chat.page.get_by_role("list", name="Tools").get_by_role("listitem")
    expect(tool).to_have_text(re.compile("rm(not run|failed)"))


def test_first_contact_says_who_answers(new_chat: NewChat) -> None:
    chat = new_chat(locale="de-DE")
    chat.choose("honest")
    chat.say("hello")
    chat.see_answers(1)
    notice = chat.page.locator(".said.notice")
    expect(notice).to_have_count(1)
    expect(notice).to_contain_text("Ich bin eine Maschine")
    expect(notice).to_contain_text("Ada Example")
    order = chat.page.locator(".said.notice, .written, .said.answer")
    expect(order.nth(0)).to_contain_text("Maschine")
    expect(order.nth(1)).to_contain_text("hello")
    chat.page.reload()
    expect(notice).to_contain_text("Ich bin eine Maschine", timeout=SOON)
