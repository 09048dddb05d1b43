"""The page as a person uses it: one place that knows its parts by what they are called."""

import re
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

BROWSER = Path("/usr/bin/chromium")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SECONDS = 40.0
SOON = SECONDS * 1000
"""Milliseconds, as the browser's driver counts: how long anything may take to be seen. The console looks for what
makes no event every 15 seconds, a busy machine needs its time, too.
"""

expect.set_options(timeout=SOON)
LONG = " ".join(f"word{n}" for n in range(400))
"""The script answers with what it was told, 50 words a second: eight seconds to look and to interfere."""
ENDLESS = " ".join(f"word{n}" for n in range(1500))
"""The same for half a minute, for what is stopped."""


@dataclass
class Chat:
    page: Page
    url: str

    def open(self, path: str = "/") -> "Chat":
        self.page.goto(self.url + path)
        expect(self.box).to_be_visible(timeout=SOON)
        return self

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("combobox", name="Message")

    @property
    def written(self) -> Locator:
        return self.page.locator(".written")

    @property
    def answers(self) -> Locator:
        return self.page.locator(".said.answer")

    @property
    def growing(self) -> Locator:
        return self.page.locator(".said.growing")

    @property
    def conversations(self) -> Locator:
        return self.page.get_by_role("navigation", name="Conversations").get_by_role("listitem")

    @property
    def stop(self) -> Locator:
        return self.page.get_by_role("button", name="Stop the answer")

    @property
    def send(self) -> Locator:
        return self.page.get_by_role("button", name="Send", exact=True)

    @property
    def banner(self) -> Locator:
        return self.page.locator("#offline")

    def choose(self, assistant: str) -> None:
        """The assistant of the conversation that is about to begin."""
        self.page.get_by_label("Assistant").select_option(assistant)

    def say(self, text: str) -> None:
        self.box.fill(text)
        self.box.press("Enter")

    def see_growing(self) -> None:
        """An answer is on its way."""
        expect(self.growing).to_have_text(re.compile("word3"), timeout=SOON)

    def see_answers(self, count: int) -> None:
        """So many answers, whole, and nothing left under way."""
        expect(self.answers).to_have_count(count, timeout=SOON)
        expect(self.growing).to_have_count(0)
        expect(self.page.locator(".turn.running")).to_have_count(0, timeout=SOON)
