"""Does each message arrive once, whatever happens to the network, the page and the files?"""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.chat import SECONDS, SOON, Chat
from tests.waiting import until_sync

pytestmark = pytest.mark.proves("channel.web")

MESSAGES = re.compile(r"/api/v1/sessions/[^/]+/messages$")
FILES = re.compile(r"/api/v1/blobs$")


def test_a_cut_after_the_gateway_took_it_does_not_double_it(chat: Chat) -> None:
    keys: list[str] = []

    def cut_once(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) > 1:
            return route.continue_()
        route.fetch()  # the gateway has it; its answer gets lost
        return route.abort("connectionreset")

    chat.page.route(MESSAGES, cut_once)
    chat.say("count me once")
    chat.see_answers(1)
    expect(chat.page.get_by_text("trying again")).to_have_count(0, timeout=SOON)
    expect(chat.written).to_have_count(1)
    assert len(keys) == 2
    assert len(set(keys)) == 1
    chat.page.reload()
    chat.see_answers(1)
    expect(chat.written).to_have_count(1)


def test_a_reload_before_the_acknowledgement_neither_loses_nor_doubles(chat: Chat) -> None:
    chat.say("first things first")
    chat.see_answers(1)
    tries: list[str] = []

    def lose(route: Route) -> None:
        tries.append(route.request.headers["idempotency-key"])
        if len(tries) == 1:
            route.fetch()
        route.abort("connectionreset")

    chat.page.route(MESSAGES, lose)
    chat.say("taken, not known to be")
    chat.see_answers(2)
    chat.page.reload()
    chat.see_answers(2)
    expect(chat.written).to_have_count(2)
    with chat.page.expect_response(MESSAGES) as response:
        chat.page.unroute(MESSAGES)
    assert response.value.json()["state"] == "duplicate"
    expect(chat.written).to_have_count(2)
    chat.see_answers(2)


def test_what_is_written_offline_is_kept_over_a_reload_and_sent_later(chat: Chat) -> None:
    chat.say("before the cut")
    chat.see_answers(1)
    chat.page.route(MESSAGES, lambda route: route.abort("internetdisconnected"))
    chat.page.context.set_offline(True)
    expect(chat.banner).to_contain_text("You are offline")
    chat.say("written without a network")
    expect(chat.written.nth(1)).to_contain_text("Not confirmed yet; trying again")
    chat.page.context.set_offline(False)
    chat.page.reload()
    expect(chat.written.nth(1)).to_contain_text("written without a network", timeout=SOON)
    chat.page.unroute(MESSAGES)
    chat.see_answers(2)
    expect(chat.banner).to_be_hidden()
    expect(chat.written).to_have_count(2)


def test_a_draft_that_never_reached_anything_survives_a_reload(chat: Chat) -> None:
    chat.page.route("**/api/v1/sessions", lambda route: route.abort("connectionreset"))
    chat.say("the first of its conversation")
    expect(chat.written).to_contain_text("trying again", timeout=SOON)
    chat.page.reload()
    expect(chat.written).to_contain_text("the first of its conversation", timeout=SOON)
    chat.page.unroute("**/api/v1/sessions")
    chat.see_answers(1)
    expect(chat.written).to_have_count(1)


def test_what_is_refused_says_why_and_can_be_changed(chat: Chat) -> None:
    chat.say("small")
    chat.see_answers(1)
    chat.box.fill("x" * 1_100_000)
    chat.send.click()
    failed = chat.written.nth(1)
    expect(failed).to_contain_text("Not sent. this takes a body of at most", timeout=SOON)
    failed.get_by_role("button", name="Edit").click()
    expect(chat.written).to_have_count(1)
    until_sync(lambda: len(chat.box.input_value()) == 1_100_000, SECONDS, "the text in the box")
    chat.say("smaller")
    chat.see_answers(2)


def test_an_unsent_text_is_still_there_after_a_reload(chat: Chat) -> None:
    chat.box.fill("half a thou")
    chat.say("kept")  # gives the conversation its address
    chat.see_answers(1)
    chat.box.fill("half a thought")
    chat.page.reload()
    expect(chat.box).to_have_value("half a thought", timeout=SOON)


def test_files_go_along_and_a_failed_one_can_be_tried_again(chat: Chat) -> None:
    fails = [True]

    def fail_once(route: Route) -> None:
        if fails.pop() if fails else False:
            return route.abort("connectionreset")
        return route.continue_()

    chat.page.route(FILES, fail_once)
    chat.page.locator("#files").set_input_files(
        [{"name": "plan <b>of</b> ü.txt", "mimeType": "text/plain", "buffer": b"to do: nothing"}]
    )
    chip = chat.page.locator("#chips .chip")
    expect(chip).to_contain_text("cannot be reached", timeout=SOON)
    expect(chat.send).to_be_disabled()
    chip.get_by_role("button", name="Try again").click()
    expect(chip).to_contain_text("14 B", timeout=SOON)
    chat.say("see the file")
    chat.see_answers(1)
    expect(chat.written.locator(".chip")).to_have_text("plan <b>of</b> ü.txt14 B")
    expect(chat.page.locator("#chips .chip")).to_have_count(0)
    chat.page.reload()
    expect(chat.written.locator(".chip")).to_have_text("plan <b>of</b> ü.txt14 B", timeout=SOON)


def test_files_can_be_pasted_dropped_and_taken_away(chat: Chat) -> None:
    give = """(field, kind) => {
      const data = new DataTransfer();
      data.items.add(new File(["abc"], `${kind}.txt`, {type: "text/plain"}));
      const options = {bubbles: true, cancelable: true};
      field.dispatchEvent(kind === "paste" ? new ClipboardEvent(kind, {...options, clipboardData: data})
                                           : new DragEvent(kind, {...options, dataTransfer: data}));
    }"""
    chat.box.evaluate(give, "paste")
    chat.box.evaluate(give, "dragover")
    expect(chat.page.get_by_text("Drop files to attach them")).to_be_visible()
    chat.box.evaluate(give, "drop")
    expect(chat.page.get_by_text("Drop files to attach them")).to_be_hidden()
    chips = chat.page.locator("#chips .chip")
    expect(chips).to_have_count(2)
    expect(chips.nth(0)).to_contain_text("3 B", timeout=SOON)
    expect(chips.nth(1)).to_contain_text("3 B", timeout=SOON)
    chat.page.get_by_role("button", name="Remove paste.txt").click()
    expect(chips).to_have_count(1)
    expect(chips).to_contain_text("drop.txt")
