"""What is seen of an answer while it grows, when the page comes and goes, and when it is over?"""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chat import ENDLESS, LONG, SECONDS, SOON, Chat
from tests.browser.conftest import NewChat
from tests.browser.gateway import Gateway
from tests.browser.wire import wire
from tests.waiting import until_sync

pytestmark = pytest.mark.proves("channel.web")

WHOLE = re.compile(r"word399.*start again\.", re.DOTALL)


def test_an_answer_is_seen_growing_and_then_whole(chat: Chat) -> None:
    chat.say(LONG)
    expect(chat.page.locator(".doing")).to_contain_text("Writing", timeout=SOON)
    lengths: set[int] = set()

    def grew() -> bool:
        lengths.update(len(text) for text in chat.growing.all_inner_texts())
        return len(lengths) >= 4

    until_sync(grew, SECONDS, "an answer that grows")
    expect(chat.page.locator(".doing")).to_contain_text(re.compile(r"Writing · [1-9] s"), timeout=SOON)
    chat.see_answers(1)
    expect(chat.answers).to_contain_text(WHOLE)
    assert max(lengths) < len(chat.answers.inner_text())
    expect(chat.page.locator("#announcer")).to_contain_text(WHOLE)
    expect(chat.page.locator("#title")).to_contain_text("word0 word1")


def test_a_command_is_no_title(chat: Chat) -> None:
    title, listed = chat.page.locator("#title"), chat.page.locator("#list .name").first
    chat.say("/status")
    expect(chat.page.locator("#transcript")).to_contain_text("I am idle", timeout=SOON)
    expect(title).to_have_text("New conversation")
    expect(listed).to_have_text("Untitled", timeout=SOON)
    chat.say("/etc/hosts, what is it?")  # looks like a command, and is none
    chat.see_answers(1)
    expect(title).to_have_text("/etc/hosts, what is it?")
    expect(listed).to_have_text("/etc/hosts, what is it?", timeout=SOON)


def test_the_first_piece_is_not_missed(chat: Chat) -> None:
    chat.say(LONG)
    chat.see_growing()
    expect(chat.growing).to_contain_text("You said: word0 word1")


def test_a_reload_in_the_middle_loses_and_doubles_nothing(chat: Chat) -> None:
    chat.say(LONG)
    chat.see_growing()
    chat.page.reload()
    expect(chat.growing).to_contain_text("You said: word0 word1 word2 word3", timeout=SOON)  # what grew before is there
    expect(chat.growing).not_to_contain_text("…")
    expect(chat.written).to_have_count(1, timeout=SOON)
    expect(chat.page.locator(".turn.running")).to_have_count(1, timeout=SOON)
    expect(chat.stop).to_be_visible()
    expect(chat.growing).to_have_count(1, timeout=SOON)
    chat.see_answers(1)
    expect(chat.answers).to_contain_text(WHOLE)
    expect(chat.written).to_have_count(1)
    chat.page.reload()
    chat.see_answers(1)
    expect(chat.written).to_have_count(1)


def test_what_grew_is_there_at_once_where_the_page_is_opened_again(chat: Chat) -> None:
    """Nothing more comes for a while: what is seen is what had grown before."""
    chat.choose("worker")
    chat.say("slow one [[stream 3 3000]]")
    expect(chat.growing).to_contain_text("piece 1 of 3.", timeout=SOON)
    chat.page.reload()
    expect(chat.growing).to_contain_text("piece 1 of 3.", timeout=SOON)
    chat.see_answers(1)
    expect(chat.answers).to_have_text(re.compile(r"^piece 1 of 3\. piece 2 of 3\. piece 3 of 3\."))


def test_cuts_in_the_middle_go_on_from_the_cursor(new_chat: NewChat, gateway: Gateway) -> None:
    with wire(gateway.url) as line:
        chat = new_chat(url=line.url)
        chat.say("/status")
        expect(chat.page.locator(".said.notice")).to_have_count(1, timeout=SOON)
        chat.say(LONG)
        chat.see_growing()
        line.cut()
        expect(chat.growing).to_have_text(re.compile("word9"), timeout=SOON)  # it goes on growing
        expect(chat.growing).to_contain_text("You said: word0 word1")
        expect(chat.growing).not_to_contain_text("…")
        line.cut(down=True)
        expect(chat.banner).to_contain_text("The gateway cannot be reached", timeout=SOON)
        line.down = False
        expect(chat.banner).to_be_hidden(timeout=SOON)
        chat.see_answers(1)
        expect(chat.answers).to_contain_text(WHOLE)
        expect(chat.written).to_have_count(2)
        expect(chat.page.locator(".said")).to_have_count(2)


def test_stop_takes_the_place_of_send_and_ends_the_turn(chat: Chat) -> None:
    chat.say(ENDLESS)
    chat.see_growing()
    expect(chat.send).to_be_hidden()
    chat.say("this one waits")
    expect(chat.page.locator("#waiting .written")).to_contain_text("Queued", timeout=SOON)
    chat.stop.click()
    expect(chat.page.locator(".turn .told", has_text="Stopped")).to_have_count(1, timeout=SOON)
    expect(chat.stop).to_be_hidden()
    expect(chat.send).to_be_visible()
    for _ in range(2):
        expect(chat.answers).to_have_count(1, timeout=SOON)  # what was seen stays
        expect(chat.answers).to_contain_text("You said: word0 word1")
        expect(chat.page.locator(".turn .told", has_text="Stopped")).to_have_count(1)
        expect(chat.page.locator("#waiting .written")).to_have_count(0, timeout=SOON)
        expect(chat.page.get_by_text("Stopped before it was answered")).to_have_count(2, timeout=SOON)
        order = [re.compile(word) for word in ("word0", "word0", "this one waits", "/stop", r"Stopped\.")]
        expect(chat.page.locator("#log > li")).to_have_text(order)
        expect(chat.stop).to_be_hidden()
        chat.page.reload()


def test_messages_that_wait_are_answered_in_order(chat: Chat) -> None:
    chat.say(LONG)
    chat.see_growing()
    chat.say("second")
    chat.say("third")
    expect(chat.page.locator("#waiting .written")).to_have_count(2, timeout=SOON)
    chat.see_answers(3)
    order = [re.compile(word) for word in ("word0", "word0", "second", "second", "third", "third")]
    expect(chat.page.locator("#log > li")).to_have_text(order)


def test_a_second_conversation_is_its_own(chat: Chat) -> None:
    chat.say("apples and pears")
    chat.see_answers(1)
    first = chat.page.url
    chat.page.get_by_role("button", name="New conversation").click()
    expect(chat.page.get_by_text("What can I do for you?")).to_be_visible()
    chat.say("plums")
    chat.see_answers(1)
    expect(chat.answers).to_contain_text("plums")
    expect(chat.page).not_to_have_url(first)
    expect(chat.conversations.nth(0)).to_contain_text("plums", timeout=SOON)
    expect(chat.conversations.nth(1)).to_contain_text("apples and pears")
    chat.conversations.nth(1).get_by_role("link").click()
    expect(chat.answers).to_contain_text("apples and pears", timeout=SOON)
    expect(chat.page).to_have_url(first)
    chat.page.go_back()
    expect(chat.answers).to_contain_text("plums", timeout=SOON)


def test_two_pages_show_the_same(chat: Chat, new_chat: NewChat) -> None:
    chat.say("seen by both")
    chat.see_answers(1)
    other = new_chat().open(chat.page.url.removeprefix(chat.url))
    other.see_answers(1)
    chat.say("once more")
    for one in (chat, other):
        one.see_answers(2)
        expect(one.written).to_have_count(2)


def test_earlier_messages_are_shown_on_demand(chat: Chat) -> None:
    chat.say("the very first one")
    chat.see_answers(1)
    session = chat.page.url.partition("#")[2]
    chat.page.evaluate(MANY, session)
    chat.page.reload()
    expect(chat.written.last).to_contain_text("/status", timeout=SOON)
    expect(chat.written.filter(has_text="the very first one")).to_have_count(0)
    chat.page.get_by_role("button", name="Show earlier messages").click()
    expect(chat.written.filter(has_text="the very first one")).to_have_count(1, timeout=SOON)
    expect(chat.written).to_have_count(161)


MANY = """async (session) => {
  for (let n = 0; n < 160; n++) await fetch(`/api/v1/sessions/${session}/messages`, {
    method: "POST", headers: {"Content-Type": "application/json", "X-Quarterdeck": "1"}, body: '{"text": "/status"}',
  });
}"""


def test_below_an_answer_stands_what_it_cost_also_after_a_reload(chat: Chat) -> None:
    chat.say("hello")
    chat.see_answers(1)
    spent = chat.page.locator(".turn .spent")
    expect(spent).to_have_count(1, timeout=SOON)
    expect(spent).to_have_text(re.compile(r"^script/help · \d+ tokens · \$0$"))  # the script is free, and that is known
    expect(spent).to_have_attribute("title", re.compile(r"^input \d+\ncached 0\n.*output \d+\n", re.DOTALL))
    chat.page.reload()
    chat.see_answers(1)
    expect(spent).to_have_text(re.compile(r"^script/help · \d+ tokens · \$0$"), timeout=SOON)
