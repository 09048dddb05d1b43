"""Deliveries and inbox: is what is in trouble shown, on Home too, and can a person decide about it?"""

import re

import pytest
from playwright.sync_api import expect

from tests import gateway_database
from tests.browser.chat import LONG, SOON, Chat
from tests.browser.conftest import NewConsole
from tests.browser.console import PHONE, WIDTHS, Console, Messenger
from tests.browser.gateway import Gateway
from tests.waiting import until_sync

FAILS_ONCE = "fail me [[status 400 x1]]"


def talk(console: Console) -> Chat:
    """The chat of the same person, in another tab."""
    page = console.page.context.new_page()
    return Chat(page, console.url).open()


def befriend(console: Console, messenger: Messenger, guest: int) -> None:
    """A guest is let in; Home is open then, and has nothing left to decide."""

    def told(words: str) -> bool:
        return any(one["chat_id"] == guest and words in one["text"] for one in messenger.sent())

    messenger.write("let me in", user=guest)
    until_sync(lambda: told("code"), 20, "the code")
    console.open()
    console.section("Waits for you").get_by_role("button", name="Let in").click()
    expect(console.page.get_by_role("status")).to_contain_text("is let in", timeout=SOON)
    until_sync(lambda: told("You have been let in"), 20, "the greeting")


def lose(messenger: Messenger, guest: int, text: str) -> None:
    """The answer to what the guest writes arrives, but nobody is told that it did."""
    messenger.fault("drop_after", "sendMessage", chat_id=guest)
    messenger.write(text, user=guest)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("path", "tab"),
    [
        ("deliveries", "All"),
        ("inbox", "All"),
        ("deliveries?state=held", "Held"),
        ("inbox?state=dead_lettered", "Dead lettered"),
    ],
)
def test_everybody_can_reach_a_list(new_console: NewConsole, width: int, path: str, tab: str) -> None:
    console = new_console(width).open(f"/console/{path}")
    expect(console.page.locator(".tabs [aria-current]")).to_have_text(tab)
    console.look_over()
    answer = console.page.request.get(console.url + str(console.page.locator(".json").get_attribute("href")))
    assert "items" in answer.json()


def test_a_running_turn_is_on_home_until_it_ends(new_console: NewConsole) -> None:
    console = new_console().open()
    running = console.section("Running now")
    chat = talk(console)
    chat.say(LONG)
    chat.see_growing()
    console.page.bring_to_front()
    expect(running.get_by_role("listitem")).to_contain_text("default on web, script/help", timeout=SOON)
    console.look_over()
    expect(running).to_contain_text("No turn runs", timeout=SOON)


@pytest.mark.parametrize("width", WIDTHS)
def test_an_answer_of_unknown_fate_is_settled_on_home(
    new_console: NewConsole, messenger: Messenger, width: int
) -> None:
    console, guest = new_console(width), 9100 + width
    befriend(console, messenger, guest)
    lose(messenger, guest, "did you hear me")
    wrong = console.section("What is wrong")
    expect(wrong).to_contain_text("1 delivery may or may not have arrived", timeout=SOON)
    waits = console.section("Waits for you")
    expect(waits).to_contain_text("You said: did you hear me")
    console.look_over()
    waits.get_by_role("button", name="It arrived", exact=False).click()
    expect(console.page.get_by_role("status")).to_contain_text("1 part noted as arrived", timeout=SOON)
    expect(waits).to_contain_text("Nothing waits for you", timeout=SOON)
    expect(wrong).to_contain_text("Nothing is wrong", timeout=SOON)


def test_what_did_not_arrive_is_sent_again_from_its_page(new_console: NewConsole, messenger: Messenger) -> None:
    console, guest = new_console(), 9300
    befriend(console, messenger, guest)
    lose(messenger, guest, "are you there")
    console.section("What is wrong").get_by_role("link", name="Show").click(timeout=SOON)
    expect(console.page).to_have_url(f"{console.url}/console/deliveries?state=unknown")
    expect(console.page.locator(".cards .state")).to_have_text(["unknown"])
    console.page.locator(".said").get_by_role("link", name="You said: are you there").click()
    expect(console.page.get_by_role("heading", name="Delivery", exact=True)).to_be_visible()
    console.look_over()
    console.page.get_by_label("How do you know").fill("looked into the room")
    console.tab_to("It did not arrive")
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_role("status")).to_contain_text("noted as not arrived", timeout=SOON)
    expect(console.page.locator(".cards .state")).to_have_text("failed", timeout=SOON)

    console.page.get_by_role("link", name="Home").click()
    problem = console.section("What is wrong")
    expect(problem).to_contain_text("1 delivery could not be sent")
    console.look_over()
    problem.get_by_role("link", name="Show").click()
    console.page.get_by_role("button", name="Send again").click()
    expect(console.page.get_by_role("status")).to_contain_text("1 part will be sent again", timeout=SOON)
    repeat = "(This may be a repeat.)\nYou said: are you there"
    until_sync(lambda: [one for one in messenger.sent() if one["text"].startswith(repeat)], 20, "the repeat")
    expect(console.page.get_by_text("Nothing is failed")).to_be_visible(timeout=SOON)


@pytest.mark.parametrize("width", WIDTHS)
def test_what_failed_is_left_and_is_not_wrong_any_more(
    new_console: NewConsole, messenger: Messenger, width: int
) -> None:
    console, guest = new_console(width), 9600 + width
    befriend(console, messenger, guest)
    lose(messenger, guest, "never mind")
    waits = console.section("Waits for you")
    waits.get_by_role("button", name="It did not arrive").click(timeout=SOON)
    wrong = console.section("What is wrong")
    expect(wrong).to_contain_text("or leave it", timeout=SOON)
    wrong.get_by_role("link", name="Show").click()
    console.page.locator(".said").get_by_role("link", name="You said: never mind").click()
    console.page.get_by_label("How do you know").fill("told in person")
    console.look_over()
    console.tab_to("Leave it")
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_role("status")).to_contain_text("1 part left as it is", timeout=SOON)
    expect(console.page.locator(".cards .state")).to_have_text("dismissed", timeout=SOON)
    expect(console.page.get_by_role("button", name="Leave it")).to_have_count(0)
    console.look_over()
    console.open()
    expect(console.section("What is wrong")).to_contain_text("Nothing is wrong")
    console.open("/console/deliveries?state=dismissed")
    expect(console.page.get_by_role("link", name="You said: never mind").first).to_be_visible()
    console.look_over()


def test_what_was_decided_elsewhere_loses_nothing_that_was_typed(new_console: NewConsole, messenger: Messenger) -> None:
    console, guest = new_console(), 9400
    befriend(console, messenger, guest)
    lose(messenger, guest, "hello again")
    console.section("Waits for you").get_by_role("link", name="You said: hello again").click(timeout=SOON)
    why = console.page.get_by_label("How do you know")
    why.fill("half a reas")
    other = new_console().open()
    other.section("Waits for you").get_by_role("button", name="It arrived").click()
    expect(other.page.get_by_role("status")).to_contain_text("noted as arrived", timeout=SOON)
    console.page.get_by_role("button", name="It did not arrive").click()
    expect(console.page.get_by_role("alert")).to_contain_text("it is sent", timeout=SOON)
    expect(why).to_have_value("half a reas")
    console.look_over()
    assert console.errors
    assert all("409" in one for one in console.errors)  # the browser notes it, and so does htmx
    console.errors.clear()


@pytest.mark.parametrize("width", WIDTHS)
def test_what_was_put_aside_is_tried_again_from_home(new_console: NewConsole, operated: Gateway, width: int) -> None:
    console = new_console(width).open()
    chat, text = talk(console), f"{width} {FAILS_ONCE}"
    chat.choose("worker")
    chat.say(text)
    expect(chat.page.locator(".turn.bad")).to_have_count(1, timeout=SOON)
    # what a process that dies three times in a turn leaves behind; how it comes about is proven by the crash tests
    aside = "UPDATE inbox SET outcome = 'dead_lettered', detail = 'broke off' WHERE outcome = 'failed'"
    assert gateway_database.change(operated.folder, aside) == 1
    console.page.bring_to_front()
    console.open()
    expect(console.section("What is wrong")).to_contain_text("1 message was put aside")
    waits = console.section("Waits for you")
    expect(waits).to_contain_text(text)
    console.look_over()
    if width == PHONE:
        waits.get_by_role("button", name="Try again").click()
    else:
        console.section("What is wrong").get_by_role("link", name="Show").click()
        expect(console.page).to_have_url(f"{console.url}/console/inbox?state=dead_lettered")
        console.look_over()
        console.page.get_by_role("button", name="Try again").click()
    expect(console.page.get_by_role("status")).to_contain_text("waits again", timeout=SOON)
    console.open("/console/inbox?state=answered")
    expect(console.page.locator(".cards")).to_contain_text(text, timeout=SOON)


def test_no_link_on_home_leads_nowhere(new_console: NewConsole, messenger: Messenger) -> None:
    console, guest = new_console(), 9500
    befriend(console, messenger, guest)
    lose(messenger, guest, "one of each")
    expect(console.section("What is wrong").get_by_role("link", name="Show")).to_be_visible(timeout=SOON)
    hrefs = console.page.locator("a[href]").evaluate_all("(links) => links.map((one) => one.getAttribute('href'))")
    addresses = {str(href).partition("#")[0] for href in hrefs}
    assert len(addresses) > 5
    for address in addresses - {""}:
        assert console.page.request.get(console.url + address).status == 200, address
    console.section("Waits for you").get_by_role("button", name="It arrived").click()
    expect(console.page.get_by_role("status")).to_contain_text("noted as arrived", timeout=SOON)


def test_pages_go_on_where_they_end(console: Console) -> None:
    chat = talk(console)
    for n in range(52):
        reply = chat.page.request.post(
            f"{console.url}/api/v1/sessions",
            headers={"X-Quarterdeck": "1", "Origin": console.url},
            data={"assistant": "default"},
        )
        session = reply.json()["id"]
        said = chat.page.request.post(
            f"{console.url}/api/v1/sessions/{session}/messages",
            headers={"X-Quarterdeck": "1", "Origin": console.url, "Idempotency-Key": f"page-{n}"},
            data={"text": f"/help {n}"},
        )
        assert said.status == 202, said.text()
    console.open("/console/inbox")
    cards = console.page.locator(".cards > li")
    expect(cards).to_have_count(50)
    first = cards.first.inner_text()
    console.page.get_by_role("link", name="Older").click()
    expect(console.page).to_have_url(re.compile("before="))
    expect(cards.first).to_be_visible()
    expect(cards.first).not_to_have_text(first)
