"""One gateway and one browser for all of these tests; each has a context, so a storage and a cookie, of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, StorageState, expect, sync_playwright

from tests.browser.chat import BROWSER, OPTIONS, SOON, Chat
from tests.browser.console import CONNECTION, Console, Messenger, opened
from tests.browser.gateway import Gateway, standin
from tests.browser.gateway import gateway as started

NewChat = Callable[..., Chat]
NewConsole = Callable[..., Console]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here, missing = Path(__file__).parent, pytest.mark.skip(reason="there is no chromium")
    for item in items:
        if here in item.path.parents and not BROWSER.exists():
            item.add_marker(missing)


@pytest.fixture(scope="package")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with started(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(BROWSER), args=OPTIONS)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def signed_in(browser: Browser, gateway: Gateway) -> StorageState:
    """The cookie that a sign-in gives."""
    return sign_in(browser, gateway)


def sign_in(browser: Browser, gateway: Gateway) -> StorageState:
    context = browser.new_context()
    page = context.new_page()
    page.goto(gateway.sign_in_link())
    expect(page.locator("#message")).to_be_visible(timeout=SOON)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def new_chat(browser: Browser, gateway: Gateway, signed_in: StorageState) -> Iterator[NewChat]:
    """Open the page in a context of its own. An error inside the page, whatever it is, fails the test."""
    contexts, errors = [], list[str]()

    def opened(url: str = gateway.url, **options: Any) -> Chat:
        options.setdefault("viewport", {"width": 1280, "height": 800})
        context = browser.new_context(storage_state=signed_in, **options)
        contexts.append(context)
        context.set_default_timeout(SOON)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
        return Chat(page, url).open()

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def chat(new_chat: NewChat) -> Chat:
    return new_chat()


# --- the console: a gateway of its own, with a messenger that strangers write to and that loses answers ---------


@pytest.fixture(scope="package")
def messenger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Messenger]:
    with standin("telegram", tmp_path_factory.mktemp("telegram")) as url:
        yield Messenger(url)


@pytest.fixture(scope="package")
def operated(tmp_path_factory: pytest.TempPathFactory, messenger: Messenger) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("operated")
    with started(folder, CONNECTION.format(telegram=messenger.url)) as running:
        yield running


@pytest.fixture(scope="package")
def operator(browser: Browser, operated: Gateway) -> StorageState:
    return sign_in(browser, operated)


@pytest.fixture
def new_console(browser: Browser, operated: Gateway, operator: StorageState) -> Iterator[NewConsole]:
    """Open the console in a context of its own. An error inside its pages, whatever it is, fails the test."""
    consoles: list[Console] = []

    def new(width: int = 1280, **options: Any) -> Console:
        consoles.append(opened(browser, operated, operator, width, **options))
        return consoles[-1]

    yield new
    for console in consoles:
        console.page.context.close()
    assert [error for console in consoles for error in console.errors] == []


@pytest.fixture
def console(new_console: NewConsole) -> Console:
    return new_console().open()
