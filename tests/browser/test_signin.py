"""Who gets in, and how?"""

from playwright.sync_api import Browser, Route, expect

from tests.browser.chat import SOON, Chat
from tests.browser.gateway import Gateway


def test_a_link_signs_in_once_and_leaves_no_trace(browser: Browser, gateway: Gateway) -> None:
    context, link = browser.new_context(), gateway.sign_in_link()
    page = context.new_page()
    page.goto(gateway.url)
    assert page.url == f"{gateway.url}/signin"
    expect(page.get_by_text("You are not signed in.")).to_be_visible(timeout=SOON)
    expect(page.get_by_text("quarterdeck signin")).to_be_visible()

    page.goto(link)
    expect(page.locator("#message")).to_be_visible(timeout=SOON)
    expect(page).to_have_url(f"{gateway.url}/")
    cookie = next(one for one in context.cookies() if one.get("name") == "qd_session")
    assert cookie.get("httpOnly")
    assert cookie.get("sameSite") == "Strict"
    page.go_back()
    assert "#" not in page.url

    other = browser.new_context()
    again = other.new_page()
    again.goto(link)
    expect(again.locator("#state")).to_contain_text("wrong, used or too old", timeout=SOON)
    assert "#" not in again.url
    context.close()
    other.close()


def test_signing_out_ends_it(browser: Browser, gateway: Gateway) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(gateway.sign_in_link())
    expect(page.locator("#message")).to_be_visible(timeout=SOON)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signin", timeout=SOON)
    page.goto(gateway.url)
    assert page.url.endswith("/signin")
    context.close()


def test_a_cookie_that_ended_leads_to_the_sign_in(chat: Chat) -> None:
    chat.page.context.clear_cookies()
    chat.say("nobody hears this yet")
    chat.page.wait_for_url("**/signin", timeout=SOON)


def test_nothing_can_be_pressed_before_the_page_can_answer(browser: Browser, gateway: Gateway) -> None:
    context, held = browser.new_context(), list[Route]()
    page = context.new_page()
    page.goto(gateway.sign_in_link())
    expect(page.locator("#message")).to_be_visible(timeout=SOON)
    page.route("**/app.js", lambda route: held.append(route))
    with page.expect_request("**/app.js"):
        page.goto(gateway.url, wait_until="commit")
    for part in ("#side", "main"):
        expect(page.locator(f"{part}[inert]")).to_be_attached(timeout=SOON)
    held[0].continue_()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signin", timeout=SOON)
    context.close()
