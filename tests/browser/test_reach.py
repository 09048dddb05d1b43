"""Can everybody reach everything: by keyboard, by ear, on a phone, in the dark?"""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chat import ENDLESS, LONG, SECONDS, SOON, Chat
from tests.browser.conftest import NewChat
from tests.waiting import until_sync

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def has_focus(chat: Chat, part: str) -> None:
    """It has it, or gets it soon."""
    expect(chat.page.locator(f"#{part}")).to_be_focused()


def test_everything_by_keyboard(chat: Chat) -> None:
    press = chat.page.keyboard.press
    has_focus(chat, "message")
    chat.page.keyboard.type("first line")
    press("Shift+Enter")
    chat.page.keyboard.type("second line")
    press("Enter")
    chat.see_answers(1)
    expect(chat.written.locator(".bubble")).to_have_text("first line\nsecond line")
    press("Control+k")
    expect(chat.page.get_by_text("What can I do for you?")).to_be_visible()
    has_focus(chat, "message")
    chat.page.keyboard.insert_text(ENDLESS)
    press("Enter")
    chat.see_growing()
    press("Escape")
    expect(chat.page.locator(".turn .told", has_text="Stopped")).to_have_count(1, timeout=SOON)


def test_the_order_of_focus(chat: Chat) -> None:
    chat.say("for the list")
    chat.see_answers(1)
    expect(chat.conversations.first).to_contain_text("for the list", timeout=SOON)
    chat.page.reload()
    expect(chat.conversations.first).to_be_visible(timeout=SOON)
    first = chat.page.evaluate("document.querySelector('a, button, input, textarea').textContent")
    assert first == "Skip to the message box"
    chat.page.get_by_role("link", name=first).focus()
    chat.page.keyboard.press("Tab")
    has_focus(chat, "new")
    chat.page.keyboard.press("Tab")
    expect(chat.page.locator(":focus")).to_contain_text("for the list")
    chat.page.get_by_role("link", name=first).focus()
    chat.page.keyboard.press("Enter")
    has_focus(chat, "message")
    chat.page.keyboard.press("Tab")
    has_focus(chat, "attach")


def test_what_a_screen_reader_is_told(chat: Chat) -> None:
    page = chat.page
    assert page.locator("html").get_attribute("lang") == "en"
    for role in ("main", "navigation", "log"):
        expect(page.get_by_role(role)).to_have_count(1)  # type: ignore[arg-type]  the names are right
    expect(page.get_by_role("log")).to_have_attribute("aria-live", "off")
    for button in page.get_by_role("button").all():
        assert button.get_attribute("aria-label") or button.inner_text().strip(), button
    announcer = page.locator("#announcer")
    expect(announcer).to_have_attribute("aria-live", "polite")
    chat.say(LONG)
    chat.see_growing()
    expect(announcer).to_have_text("")  # a growing answer is not read out piece by piece
    chat.see_answers(1)
    expect(announcer).to_contain_text("The assistant: You said")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(new_chat: NewChat, width: int) -> None:
    chat = new_chat(viewport={"width": width, "height": 844})
    assert chat.page.evaluate("document.documentElement.scrollWidth") == width
    chat.say("w" * 300 + "\n```\n" + "c" * 300 + "\n```\n| " + " | ".join(["column"] * 30) + " |\n|" + "---|" * 30)
    chat.see_answers(1)
    assert chat.page.evaluate("document.documentElement.scrollWidth") == width
    box = chat.page.locator("#composer").bounding_box()
    assert box is not None
    assert box["width"] <= min(width, 770)
    assert box["y"] + box["height"] <= 844


def test_the_list_is_a_drawer_on_a_phone(new_chat: NewChat) -> None:
    chat = new_chat(**PHONE)
    side = chat.page.locator("#side")
    expect(side).not_to_be_in_viewport()
    chat.page.get_by_role("button", name="Conversations").tap()
    expect(side).to_be_in_viewport()
    has_focus(chat, "close-side")
    chat.page.keyboard.press("Escape")
    expect(side).not_to_be_in_viewport()
    has_focus(chat, "open-side")
    chat.box.fill("sent with a finger")
    chat.box.press("Enter")  # a new line where there is no Shift
    expect(chat.written).to_have_count(0)
    chat.send.tap()
    chat.see_answers(1)
    chat.page.get_by_role("button", name="Conversations").tap()
    chat.page.get_by_role("button", name="New conversation").tap()
    expect(side).not_to_be_in_viewport()
    expect(chat.page.get_by_text("What can I do for you?")).to_be_visible()


def brightness(chat: Chat) -> int:
    colour = chat.page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3]))


def test_light_and_dark_follow_the_system_until_one_is_chosen(new_chat: NewChat) -> None:
    dark, light = new_chat(color_scheme="dark"), new_chat(color_scheme="light")
    assert brightness(dark) < 150
    assert brightness(light) > 700
    dark.page.get_by_role("button", name="Theme: system").click()
    until_sync(lambda: brightness(dark) > 700, SECONDS, "a light page")
    dark.page.reload()
    assert brightness(dark) > 700, "nothing flashes"
    dark.page.get_by_role("button", name="Theme: light").click()
    until_sync(lambda: brightness(dark) < 150, SECONDS, "a dark page")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(new_chat: NewChat, scheme: str) -> None:
    """At least 4.5 to 1, as WCAG 2.2 asks (1.4.3)."""
    chat = new_chat(color_scheme=scheme)
    for ink, ground in (("ink", "ground"), ("quiet", "ground"), ("quiet", "side"), ("quiet", "card"), ("ink", "mine"),
                        ("accent", "tint"), ("bad", "ground"), ("bad", "card"), ("on-accent", "accent")):  # fmt: skip
        assert chat.page.evaluate(CONTRAST, [ink, ground]) >= 4.5, (ink, ground)


CONTRAST = """([a, b]) => {
  const light = (name) => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(--${name})`;
    const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map((one) => one / 255);
    probe.remove();
    const [r, g, blue] = parts.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * blue;
  };
  const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}"""


def test_nothing_moves_for_those_who_ask_for_that(new_chat: NewChat) -> None:
    chat = new_chat(reduced_motion="reduce")
    chat.say(LONG)
    chat.see_growing()
    assert chat.page.locator(".pulse").evaluate("(node) => getComputedStyle(node).animationName") == "none"
