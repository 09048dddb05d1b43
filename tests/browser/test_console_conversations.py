"""Conversations: can an operator find one, read all that was said and done in it, and stop it or begin it anew?"""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests import gateway_database
from tests.browser.chat import ENDLESS, SOON, Chat
from tests.browser.conftest import NewConsole
from tests.browser.console import WIDTHS, Console, expected
from tests.browser.gateway import Gateway

HERE = "/console/conversations"
TOOL = '[[tool time {"timezone": "UTC"}]]'
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script><b>bold</b>"


def talk(console: Console, assistant: str = "default") -> Chat:
    chat = Chat(console.page.context.new_page(), console.url).open()
    chat.choose(assistant)
    return chat


def post(console: Console, path: str, **data: str) -> Any:
    """Something done by the API, as the chat does it."""
    headers = {"X-Quarterdeck": "1", "Origin": console.url}
    reply = console.page.request.post(f"{console.url}/api/v1/sessions{path}", headers=headers, data=data)
    assert reply.ok, reply.text()
    return reply.json()


def begun(console: Console, title: str, assistant: str = "default") -> str:
    return str(post(console, "", assistant=assistant, title=title)["id"])


def say(console: Console, session: str, text: str) -> None:
    post(console, f"/{session}/messages", text=text)


def read(console: Console, session: str) -> Any:
    """A conversation is open; its transcript."""
    console.page.bring_to_front()
    console.open(f"{HERE}/{session}")
    return console.section("Transcript")


@pytest.mark.parametrize("width", WIDTHS)
def test_everybody_can_reach_the_list(new_console: NewConsole, width: int) -> None:
    console = new_console(width).open(HERE)
    begun(console, f"listed {width}")
    console.open(f"{HERE}?connection=web")
    expect(console.page.locator(".tabs [aria-current]")).to_have_text("Web")
    expect(console.page.locator(".rows")).to_contain_text(f"listed {width}")
    console.look_over()
    console.page.get_by_role("link", name="Api", exact=True).click()
    expect(console.page).to_have_url(f"{console.url}{HERE}?connection=api")
    expect(console.page.get_by_text("No conversation on api")).to_be_visible()
    console.look_over()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_turn_is_shown_with_its_tools_effects_tokens_and_deliveries(new_console: NewConsole, width: int) -> None:
    console = new_console(width)
    session = begun(console, f"tools {width}", "worker")
    empty = read(console, session)
    expect(empty).to_contain_text("Nothing was said yet")
    console.look_over()
    say(console, session, f"what time is it {TOOL}")
    expect(empty.locator(".about")).to_contain_text("answered", timeout=SOON)
    expect(empty.locator(".about")).to_contain_text(re.compile(r"[1-9]\d* tokens.*without a price"))
    expect(empty.get_by_role("link", name="on web")).to_be_visible()
    for opener, inside in (("Called time", '"timezone"'), ("Result of time", "UTC"), ("permitted effects", "model")):
        details = empty.locator("details", has_text=opener)
        details.locator("summary").click()
        expect(details).to_contain_text(inside)
    console.look_over()
    for link in (*empty.get_by_role("link").all(), *console.page.locator(".facts a, .json").all()):
        address = str(link.get_attribute("href"))
        assert console.page.request.get(console.url + address).status == 200, address


def test_what_was_said_is_text_and_never_markup(new_console: NewConsole) -> None:
    console = new_console()
    session = begun(console, HOSTILE)
    say(console, session, HOSTILE)
    transcript = read(console, session)
    expect(transcript.locator(".assistant")).to_contain_text(HOSTILE, timeout=SOON)
    expect(transcript.locator(".user")).to_contain_text(HOSTILE)
    expect(console.page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    assert transcript.locator("img, script, b").count() == 0
    worker = begun(console, "hostile tool", "worker")
    say(console, worker, '[[tool time {"timezone": "<b>x</b>"}]]')
    transcript = read(console, worker)
    expect(transcript.locator(".about")).to_be_visible(timeout=SOON)
    transcript.get_by_text("Called time").click()
    expect(transcript.locator(".assistant pre")).to_contain_text("<b>x</b>")
    assert transcript.locator("b").count() == 0
    assert "owned" not in console.page.title().partition("<")[0]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_message_is_found_and_its_place_opened(new_console: NewConsole, width: int) -> None:
    console, word = new_console(width), f"quokka{width}"
    session = begun(console, "searched")
    say(console, session, f"hide the {word} well")
    expect(read(console, session).locator(".about")).to_be_visible(timeout=SOON)
    console.open(HERE)
    console.page.get_by_role("searchbox").fill(word)
    console.page.keyboard.press("Enter")
    expect(console.page).to_have_url(f"{console.url}{HERE}?q={word}")
    hit = console.page.locator(".said a").first
    expect(hit).to_contain_text(word, timeout=SOON)  # the index follows behind; the list keeps up with it
    console.look_over()
    hit.click()
    expect(console.page.locator(".spoken:target")).to_contain_text(word)
    console.page.get_by_role("link", name="Newest").click()
    expect(console.page).to_have_url(f"{console.url}{HERE}/{session}")


@pytest.mark.parametrize(("asked", "told"), [("nowhereatall", "Nothing was found"), ("?!", "has no word to look for")])
def test_a_search_without_a_result_says_why(console: Console, asked: str, told: str) -> None:
    console.open(HERE)
    console.page.get_by_role("searchbox").fill(asked)
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_text(told)).to_be_visible()
    expect(console.page.get_by_role("searchbox")).to_have_value(asked)
    console.look_over()


@pytest.mark.parametrize(("path", "status"), [("/ses_none", 404), ("?found=x", 400), (f"?found={10**30}", 400)])
def test_a_wrong_address_is_told(console: Console, path: str, status: int) -> None:
    console.open(HERE + path)
    console.look_over()
    assert console.errors
    assert expected(console.errors, status)
    console.errors.clear()


def test_a_running_turn_is_stopped_with_the_keyboard(new_console: NewConsole) -> None:
    console = new_console().open()
    chat = talk(console)
    chat.say(ENDLESS)
    chat.see_growing()
    console.page.bring_to_front()
    console.section("Running now").get_by_role("link").click(timeout=SOON)
    expect(console.page.locator(".facts")).to_contain_text("running")
    console.tab_to("Stop")
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_role("status")).to_contain_text("Stopped", timeout=SOON)
    expect(console.section("Transcript").locator(".about")).to_contain_text("stopped", timeout=SOON)
    expect(console.page.locator(".facts")).to_contain_text("idle")


def test_a_conversation_is_begun_anew(new_console: NewConsole, operated: Gateway) -> None:
    console = new_console()
    session = begun(console, "anew")
    say(console, session, "before")
    expect(read(console, session).locator(".about")).to_contain_text("answered", timeout=SOON)
    console.page.get_by_label("Why?").fill("asked to")
    console.page.get_by_role("button", name="Begin anew").click()
    expect(console.page.get_by_role("status")).to_contain_text("sees nothing of what was said before", timeout=SOON)
    expect(console.section("Transcript")).to_contain_text("before")
    (hidden,) = gateway_database.rows(
        operated.folder,
        "SELECT history_from >= (SELECT MAX(position) FROM messages WHERE session_id = s.id) AS all_of_it"
        " FROM sessions s WHERE id = :session",
        session=session,
    )
    noted = gateway_database.rows(
        operated.folder,
        "SELECT leaf FROM audit WHERE INSTR(leaf, 'change.session.reset') AND INSTR(leaf, :session)",
        session=session,
    )
    assert (hidden["all_of_it"], len(noted)) == (1, 1)


def test_a_pin_is_shown(new_console: NewConsole) -> None:
    console = new_console()
    session = begun(console, "pinned")
    say(console, session, "/pin the gate code is 4711")
    read(console, session)
    expect(console.section("Kept in mind")).to_contain_text("the gate code is 4711", timeout=SOON)
    console.look_over()


def test_long_conversations_and_lists_go_on_where_they_end(console: Console) -> None:
    session = begun(console, "long", "worker")
    for n in range(22):
        say(console, session, f"number {n} of many")
    transcript = read(console, session)
    last = transcript.locator(".assistant").last
    expect(last).to_contain_text("number 21 of many", timeout=2 * SOON)  # one turn after the other
    expect(transcript).not_to_contain_text("number 0 of many")
    transcript.get_by_role("link", name="Older").click()
    expect(transcript).to_contain_text("number 0 of many")
    expect(console.page).to_have_url(re.compile("position="))
    for n in range(51):
        begun(console, f"one of many {n}")
    console.open(HERE)
    names = console.page.locator(".rows .name")
    expect(names).to_have_count(50)
    last_shown = names.last.get_attribute("href")
    console.page.get_by_role("link", name="Older").click()
    expect(console.page).to_have_url(re.compile("before="))
    expect(names.first).to_be_visible()
    hrefs = names.evaluate_all("(links) => links.map((one) => one.getAttribute('href'))")
    assert hrefs
    assert last_shown not in hrefs
