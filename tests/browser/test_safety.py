"""Can a text become anything but text? What may the page load, and from where?"""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chat import SOON, Chat

HOSTILE = (
    "<script>window.caught = 1</script>",
    '<img src="x" onerror="window.caught = 1">',
    "[a](javascript:window.caught=1) [b](data:text/html,<script>1</script>) [c](vbscript:x)",
    '<svg onload="window.caught=1"> <a href="javascript:window.caught=1">x</a>',
    '```<img src=x onerror="window.caught=1">\ncode\n```',
    '| <b>a</b> | "onmouseover="window.caught=1 |\n|---|---|\n| <i>1</i> | 2 |',
    '[x](https://example.com/"onmouseover="window.caught=1)',
    "# <h1>x</h1>\n> <iframe src=//example.com>\n1. <style>*{display:none}</style>",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_stays_text(chat: Chat, text: str) -> None:
    chat.say(text)  # the title is made of it, and the script repeats it
    chat.see_answers(1)
    chat.page.reload()
    chat.see_answers(1)
    expect(chat.conversations.first).to_be_visible(timeout=SOON)
    assert chat.page.evaluate("typeof window.caught") == "undefined"
    places = chat.page.locator("#transcript, #list, #title")
    assert places.locator("script, img, svg, iframe, style, b, i, h1, [onerror], [onload], [onmouseover]").count() == 0
    for link in chat.answers.locator("a").all():
        assert re.match(r"https?://", link.get_attribute("href") or "")
        assert "noopener" in (link.get_attribute("rel") or "")
    expect(chat.written.locator(".bubble")).to_have_text(text)


def test_a_hostile_file_name_stays_text(chat: Chat) -> None:
    name = '"><img src=x onerror=alert(1)>.txt'
    chat.page.locator("#files").set_input_files([{"name": name, "mimeType": "text/html", "buffer": b"<script>"}])
    expect(chat.page.locator("#chips .chip")).to_contain_text("8 B", timeout=SOON)
    chat.say("with a name")
    chat.see_answers(1)
    expect(chat.written.locator(".chip span")).to_have_text(name)
    assert chat.page.locator("#transcript img").count() == 0


def test_markdown_is_shown_as_what_it_means(chat: Chat) -> None:
    inside = "**bold** `code` [link](https://example.com/a_(b)?c=1) 2*3*4 snake_case_name"
    chat.say(f"{inside}\n\n- one\n  1. two\n\n```py\nx < 1\n```")
    chat.see_answers(1)
    answer = chat.answers
    expect(answer.locator("strong")).to_have_text("bold")
    expect(answer.locator("p code").first).to_have_text("code")
    expect(answer.get_by_role("link", name="link")).to_have_attribute("href", "https://example.com/a_(b)?c=1")
    expect(answer.locator("ul > li > ol > li")).to_have_text("two")
    expect(answer.locator("pre")).to_have_text("x < 1")
    expect(answer).to_contain_text("snake_case_name")
    copy = answer.get_by_role("button", name="Copy this code")
    copy.evaluate(NEXT_TEXT)
    copy.click()
    assert copy.evaluate("(node) => node.next") in ("Copied", "Not allowed")  # for a moment


NEXT_TEXT = """(node) => {
  node.next = new Promise((say) => new MutationObserver(() => say(node.textContent)).observe(node, {childList: true}));
}"""


def test_a_text_made_to_be_slow_is_not(chat: Chat) -> None:
    """Marks without an end, many times: what reads them again and again would stop the page for minutes."""
    chat.page.set_default_timeout(30_000)
    took = chat.page.evaluate(
        """async () => {
          const { Markdown } = await import(document.querySelector('[href$="/markdown.js"]').href);
          const began = performance.now();
          const marks = ["[", "*a ", "**a", "_a", "`", "``a`", "~~", "<", "[a](", "> ", "- ", "|", "https://a ", "# "];
          for (const mark of marks) {
            new Markdown().set(mark.repeat(20000));
            new Markdown().set((mark + "\\n").repeat(5000));
          }
          return performance.now() - began;
        }"""
    )
    assert took < 8_000


def test_the_page_is_small_quick_and_loads_only_from_here(chat: Chat) -> None:
    asked: list[str] = []
    chat.page.on("request", lambda request: asked.append(request.url))
    chat.page.reload()
    expect(chat.box).to_be_visible(timeout=SOON)
    assert {url for url in asked if not url.startswith(chat.url)} == set()
    times: list[float] = []

    def quick() -> bool:
        chat.page.reload()
        times.append(chat.page.evaluate("performance.getEntriesByType('navigation')[0].responseEnd"))
        return times[-1] < 1_000  # 100 ms is promised on a quiet machine; this one also runs the other tests

    assert any(quick() for _ in range(10)), times

    response = chat.page.request.get(chat.url)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assets = sorted(set(re.findall(r'(?:src|href)="(/assets/[0-9a-f]+/[\w.]+)"', response.text())))
    sizes = [0]
    for path in assets:
        asset = chat.page.request.get(chat.url + path)
        assert asset.status == 200
        assert "immutable" in asset.headers["cache-control"]
        sizes.append(len(asset.body()))
        again = chat.page.request.get(chat.url + path, headers={"If-None-Match": asset.headers["etag"]})
        assert again.status == 304
    assert len(assets) > 10
    assert sum(sizes) < 64_000
    assert chat.page.request.get(f"{chat.url}/assets/0000/app.js").status == 404
    assert chat.page.request.get(f"{chat.url}/assets/../pages.py").status == 404
