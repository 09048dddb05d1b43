"""Setup: from a script that answers to a model that does, in the browser, with whatever goes wrong on the way."""

import json
import os
import socket
import subprocess
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, StorageState, expect

from tests.browser.chat import SOON, Chat
from tests.browser.conftest import sign_in
from tests.browser.console import WIDTHS, Console, opened
from tests.browser.gateway import COMMAND, Gateway, bare_gateway, standin
from tests.standins.model import KEY
from tests.waiting import until_sync

MODELS = [f"large-{n}" for n in range(20)] + ["small-1", "gpt-4o-mini"]
WRONG = "sk-mistyped-0123456789"
STARTS = 60_000  # ms in which a gateway drains (25 s at most) and begins again


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    words = [word for name in MODELS for word in ("--model", name)]
    with standin("model", tmp_path_factory.mktemp("service"), *words) as url:
        yield url


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with bare_gateway(tmp_path_factory.mktemp("bare")) as running:
        yield running


@pytest.fixture(scope="module")
def owner(browser: Browser, bare: Gateway) -> StorageState:
    return sign_in(browser, bare)


@pytest.fixture
def console(browser: Browser, bare: Gateway, owner: StorageState) -> Iterator[Console]:
    found = opened(browser, bare, owner, 1280)
    yield found
    found.page.context.close()
    assert found.errors == []


def fault(service: str, script: str) -> None:
    """The next question is answered so."""
    body = json.dumps({"script": script}).encode()
    asked = urllib.request.Request(f"{service}/_control/faults", body, {"content-type": "application/json"})
    urllib.request.urlopen(asked, timeout=10).close()


def asked(service: str) -> list[str]:
    """The models that were asked, oldest first."""
    with urllib.request.urlopen(f"{service}/_control/requests", timeout=10) as answer:
        return [one["model"] for one in json.loads(answer.read())["requests"]]


def give(console: Console, url: str, key: str = KEY) -> None:
    """Type address and key of a service, and send them."""
    console.page.get_by_label("Address").fill(url)
    console.page.get_by_label("Key", exact=True).fill(key)
    console.page.get_by_role("button", name="See what it reaches").click()


def to_models(console: Console, service: str) -> None:
    console.open("/setup/services/openai")
    give(console, f"{service}/v1")
    expect(console.page.get_by_role("heading", name="22 models can be reached")).to_be_visible(timeout=SOON)


def try_model(console: Console, name: str) -> None:
    page = console.page
    page.get_by_label("A part of its name").fill(name)
    page.get_by_role("button", name="Show").click()
    page.get_by_role("radio", name=name).check()
    page.get_by_role("button", name="Try it").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_everybody_can_reach_every_step(
    browser: Browser, bare: Gateway, owner: StorageState, service: str, width: int, scheme: str
) -> None:
    console = opened(browser, bare, owner, width, color_scheme=scheme).open()
    page = console.page
    console.look_over()
    console.section("Connect a real model").get_by_role("link").click()
    expect(page.get_by_role("heading", name="Who answers?")).to_be_visible(timeout=SOON)
    page.get_by_text("more services").click()
    console.look_over()
    page.get_by_role("link", name="OpenAI", exact=True).click()
    expect(page.get_by_label("Key", exact=True)).to_be_visible(timeout=SOON)
    console.look_over()
    to_models(console, service)
    console.look_over()
    try_model(console, "gpt-4o-mini")
    expect(page.get_by_text("gpt-4o-mini answered in")).to_be_visible(timeout=SOON)
    console.look_over()
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="This will be written")).to_be_visible(timeout=SOON)
    console.look_over()
    page.context.close()
    assert console.errors == []


def test_what_is_wrong_with_a_key_is_named_and_nothing_else_is_lost(console: Console, service: str) -> None:
    page = console.page
    console.open("/setup/services/openai")
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        give(console, f"http://127.0.0.1:{taken.getsockname()[1]}/v1", WRONG)
        expect(page.get_by_role("alert")).to_contain_text("The service is not reached", timeout=SOON)
    give(console, "ftp://host", WRONG)
    expect(page.get_by_role("alert")).to_contain_text("wants an address", timeout=SOON)
    give(console, f"{service}/v1", "sk with a space")
    expect(page.get_by_role("alert")).to_contain_text("no key", timeout=SOON)
    give(console, f"{service}/v1", WRONG)
    expect(page.get_by_role("alert")).to_contain_text("The key is refused", timeout=SOON)
    expect(page.get_by_role("alert")).to_contain_text("Copy the whole key once more")
    expect(page.get_by_label("Address")).to_have_value(f"{service}/v1")
    console.look_over()
    assert all("400" in one for one in console.errors)
    console.errors.clear()
    assert WRONG not in page.content()


def test_a_model_that_does_not_answer_is_not_taken(console: Console, service: str) -> None:
    page = console.page
    to_models(console, service)
    for status, told in ((402, "The account has no credit"), (403, "The account may not use this")):
        fault(service, f"[[status {status}]]")
        try_model(console, "small-1")
        expect(page.get_by_role("alert")).to_contain_text(told, timeout=SOON)
        expect(page.get_by_role("radio", name="small-1")).to_be_checked()
    assert all("400" in one for one in console.errors)
    console.errors.clear()
    console.open("/setup/assistant")
    expect(page).to_have_url(f"{console.url}/setup", timeout=SOON)  # no model has answered


def test_what_was_typed_of_an_assistant_stays(console: Console, service: str) -> None:
    page = console.page
    to_models(console, service)
    try_model(console, "small-1")
    page.get_by_label("How can they be reached?").fill("ann@example.org")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("alert")).to_contain_text("A contact without an owner", timeout=SOON)
    expect(page.get_by_label("How can they be reached?")).to_have_value("ann@example.org")
    assert all("400" in one for one in console.errors)
    console.errors.clear()


def test_nobody_without_a_sign_in_and_no_page_of_somebody_else(browser: Browser, bare: Gateway) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{bare.url}/setup/review")
    assert page.url == f"{bare.url}/signin"
    context.close()


def test_from_a_script_to_a_model_with_the_keyboard_alone(browser: Browser, service: str, tmp_path: Path) -> None:
    with bare_gateway(tmp_path) as gateway:
        process = json.loads((tmp_path / "data/runtime.json").read_text())["pid"]
        console = opened(browser, gateway, sign_in(browser, gateway), 1280).open()
        page = console.page

        def press(name: str, role: str = "button", key: str = "Enter") -> None:
            console.tab_to(name, role)
            page.keyboard.press(key)

        press("Connect a model", "link")
        expect(page.get_by_role("heading", name="Who answers?")).to_be_visible(timeout=SOON)
        press("OpenAI", "link")
        expect(page.get_by_label("Key", exact=True)).to_be_visible(timeout=SOON)
        console.tab_to("Address", "textbox")
        page.keyboard.press("Control+A")
        page.keyboard.type(f"{service}/v1")
        page.keyboard.press("Tab")
        page.keyboard.type(KEY)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="22 models")).to_be_visible(timeout=SOON)
        console.tab_to("A part of its name", "searchbox")
        page.keyboard.type("mini")
        page.keyboard.press("Enter")
        expect(page.get_by_role("radio")).to_have_count(1, timeout=SOON)
        press("Try it")
        expect(page.get_by_text("gpt-4o-mini answered in")).to_be_visible(timeout=SOON)
        console.tab_to("No more than the four files", "radio")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("radio", name="A support desk")).to_be_checked()
        console.tab_to("What is it for?", "textbox")
        page.keyboard.type("Answers about bicycles.")
        page.keyboard.press("Tab")
        page.keyboard.type('Ann "A." Bo')
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="This will be written")).to_be_visible(timeout=SOON)
        assert not (tmp_path / "quarterdeck.toml").exists()
        assert not (tmp_path / "data/secrets").exists()
        assert KEY not in page.content()
        press("Write")
        expect(page.get_by_role("heading", name="Written. A restart puts it in use")).to_be_visible(timeout=SOON)
        console.look_over()
        _written(tmp_path, service)
        press("Restart now")
        expect(page.get_by_role("heading", name="openai/gpt-4o-mini answers now")).to_be_visible(timeout=STARTS)
        console.look_over()
        runtime = tmp_path / "data/runtime.json"  # written a moment after the first page is there
        until_sync(runtime.exists, 20, "the file that says where the gateway is")
        assert json.loads(runtime.read_text())["pid"] == process
        console.open()
        expect(page.get_by_role("heading", name="Connect a real model")).to_have_count(0)
        page.goto(f"{gateway.url}/setup")
        expect(page.get_by_text("is not written over")).to_be_visible(timeout=SOON)
        console.look_over()
        chat = Chat(page, gateway.url).open()
        chat.say("are you real?")
        expect(chat.answers.last).to_be_visible(timeout=SOON)
        assert asked(service)[-1] == "gpt-4o-mini"
        page.context.close()
        log = (tmp_path / "gateway.log").read_text()
    assert KEY not in log


def _written(folder: Path, service: str) -> None:
    """The configuration is one that a start takes, and the key is in a file that only its owner reads."""
    text = (folder / "quarterdeck.toml").read_text()
    key = folder / "data/secrets/openai"
    assert KEY not in text
    assert (key.read_text(), key.stat().st_mode & 0o777) == (KEY + "\n", 0o600)
    table = tomllib.loads(text)
    assert table["providers"]["openai"] == {
        "kind": "openai",
        "base_url": f"{service}/v1",
        "api_keys": [{"file": str(key)}],
    }
    assert table["assistants"]["default"] == {"model": "openai/gpt-4o-mini", "owner": 'Ann "A." Bo'}
    checked = subprocess.run([*COMMAND, "config", "check"], cwd=folder, env=dict(os.environ), timeout=30, check=False)
    assert checked.returncode == 0
    assert "Answers about bicycles." in (folder / "data/workspaces/default/AGENTS.md").read_text()
