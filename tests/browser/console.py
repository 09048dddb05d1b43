"""The console as a person uses it, and a messenger behind it whose people and faults a test plays."""

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.browser.chat import SOON
from tests.browser.gateway import Gateway

SERIOUS = ("serious", "critical")
PHONE, DESK = 390, 1280
WIDTHS = (PHONE, DESK)
CONNECTION = """
[delivery]
unknown = "hold"
[connections.tg]
channel = "telegram"
assistant = "default"
token = {{ env = "BOT_TOKEN" }}
api_root = "{telegram}"
"""


@dataclass(frozen=True)
class Messenger:
    """The stand-in's control."""

    url: str

    def write(self, text: str, user: int = 7001) -> None:
        """Somebody writes to the bot."""
        self._post("inject", {"kind": "text", "text": text, "user_id": user})

    def fault(self, kind: str, method: str, **more: object) -> None:
        """Something goes wrong, once."""
        self._post("faults", {"kind": kind, "method": method, **more})

    def sent(self) -> list[dict[str, Any]]:
        """What arrived."""
        with urllib.request.urlopen(f"{self.url}/_control/sent", timeout=10) as answer:
            return json.loads(answer.read())["items"]

    def _post(self, what: str, body: dict[str, object]) -> None:
        request = urllib.request.Request(
            f"{self.url}/_control/{what}", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=10).close()


@dataclass
class Console:
    """One browser's view; whatever goes wrong inside of the pages is noted."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list[str])

    def open(self, path: str = "/console") -> "Console":
        self.page.goto(self.url + path)
        expect(self.page.get_by_role("heading", level=1)).to_be_visible(timeout=SOON)
        return self

    def section(self, name: str) -> Any:
        """A part of the page by its heading."""
        return self.page.get_by_role("region", name=name)

    def look_over(self) -> None:
        """The page as it is now can be reached by everybody and fits its window."""
        found = Axe().run(self.page).response["violations"]
        bad = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found if one["impact"] in SERIOUS]
        assert bad == [], self.page.url
        width = self.page.viewport_size["width"] if self.page.viewport_size else 0
        assert self.page.evaluate("document.documentElement.scrollWidth") <= width, self.page.url

    def tab_to(self, name: str, role: str = "button") -> None:
        """Reach something with the keyboard alone."""
        wanted = self.page.get_by_role(role, name=name).first  # type: ignore[arg-type]  the names are right
        for _ in range(60):
            self.page.keyboard.press("Tab")
            if wanted.evaluate("(node) => node === document.activeElement"):
                return
        raise AssertionError(f"no Tab leads to {name}")


def opened(browser: Browser, gateway: Gateway, signed_in: StorageState, width: int, **options: Any) -> Console:
    """A console in a context of its own."""
    context = browser.new_context(storage_state=signed_in, viewport={"width": width, "height": 844}, **options)
    context.set_default_timeout(SOON)
    page = context.new_page()
    console = Console(page, gateway.url)
    page.on("pageerror", lambda error: console.errors.append(str(error)))
    page.on("console", lambda said: console.errors.append(said.text) if said.type in ("error", "warning") else None)
    return console


def expected(errors: Sequence[str], status: int) -> bool:
    """Browsers note each answer with an error's status; those that a test asks for are no error of the page."""
    return all(f"status of {status}" in one for one in errors)
