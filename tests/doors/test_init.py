"""`quarterdeck init` asks until a model has answered: at the terminal and by options, and names what is wrong."""

import socket
import time
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from quarterdeck.actions.setup.reach import priced
from quarterdeck.base.settings import ProviderConfig
from tests.doors.commands import Desk
from tests.doors.screen import Screen, terminal
from tests.standins import Record, serving
from tests.standins.model.server import KEY, ModelStandin, Settings, model_standin

WRONG = "sk-mistyped-0123456789"
MANY = (*(f"large-{n}" for n in range(20)), "small-1", "small-2")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = Desk(tmp_path)
    found.config.unlink()
    return found


def key_file(desk: Desk, key: str = KEY) -> str:
    file = desk.folder / "key"
    file.write_text(key + "\n")
    file.chmod(0o600)
    return str(file)


def written(desk: Desk) -> dict[str, Any]:
    return tomllib.loads(desk.config.read_text())


def left(desk: Desk) -> list[Path]:
    """A configuration, drafts of one, and keys."""
    return [*desk.folder.glob("*.toml"), *desk.folder.glob(".*"), *desk.data.glob("secrets/*")]


def by_options(desk: Desk, url: str, *more: str, key: str = KEY) -> tuple[str, ...]:
    return ("init", "--yes", "--provider", "openai", "--base-url", url, "--key-file", key_file(desk, key), *more)


async def test_by_options_a_model_that_has_answered_is_configured(desk: Desk) -> None:
    async with model_standin(Settings(models=("gpt-one", "gpt-two"))) as service:
        words = by_options(desk, f"{service.url}/v1", "--model", "two", "--template", "support")
        told = ("--owner", 'Ann "A." Bo', "--contact", "ann@example.org", "--purpose", "Answers about bicycles.")
        said = await desk.run(*words, *told)
        assert said.code == 0, said.err
        assert [call.model for call in service.calls] == ["gpt-two"]
        assert (await desk.rows("models", "test"))[0]["state"] == "ok"
    table = written(desk)
    assert table["providers"] == {
        "openai": {
            "kind": "openai",
            "base_url": f"{service.url}/v1",
            "api_keys": [{"file": str(desk.folder / "key")}],
        }
    }
    assert table["assistants"] == {
        "default": {"model": "openai/gpt-two", "owner": 'Ann "A." Bo', "contact": "ann@example.org"}
    }
    folder = desk.data / "workspaces/default"
    assert "Answers about bicycles." in (folder / "AGENTS.md").read_text()
    assert "Promise no refund" in (folder / "AGENTS.md").read_text()
    assert 'Ann "A." Bo is responsible' in (folder / "USER.md").read_text()
    assert KEY not in desk.config.read_text() + said.out + said.err
    asked = [row for row in await desk.rows("audit", "list") if row["type"] == "probe.asked"]
    assert asked, "the live call is on the record"
    assert "quarterdeck up" in said.out


async def test_what_is_there_is_kept(desk: Desk) -> None:
    desk.write("# mine\n")
    async with model_standin() as service:
        said = await desk.run(*by_options(desk, f"{service.url}/v1"))
        assert said.code == 2
        assert "is there already, and is kept" in said.err
        assert service.calls == []
    assert desk.config.read_text() == "# mine\n"


@asynccontextmanager
async def nobody() -> AsyncIterator[str]:
    """An address where nobody listens."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@asynccontextmanager
async def proxied(status: int = 407) -> AsyncIterator[str]:
    """A proxy that wants credentials stands before the service; or a server that refuses all in another way."""

    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Proxy-Authenticate": "Basic"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    async with serving(app) as url:
        yield url


@pytest.mark.parametrize(
    ("status", "told"),
    [("402", "no_credit: "), ("403", "no_access: "), ("401", "wrong_key: "), ("500", "failed: ")],
)
async def test_a_model_that_does_not_answer(desk: Desk, status: str, told: str) -> None:
    async with model_standin(Settings(models=("one",))) as service:
        service.fault(f"[[status {status}]]", 9)
        said = await desk.run(*by_options(desk, f"{service.url}/v1"))
    assert said.code == 1
    assert told in said.err
    assert left(desk) == []


async def test_a_wrong_key(desk: Desk) -> None:
    async with model_standin() as service:
        said = await desk.run(*by_options(desk, f"{service.url}/v1", key=WRONG))
    assert said.code == 1
    assert "wrong_key: " in said.err
    assert "Copy the whole key once more" in said.err
    assert WRONG not in said.err
    assert left(desk) == []


async def test_nobody_answers_there(desk: Desk) -> None:
    async with nobody() as url:
        direct = await desk.run(*by_options(desk, f"{url}/v1"), environ={"HTTPS_PROXY": ""})
        by_proxy = await desk.run(*by_options(desk, f"{url}/v1"), environ={"HTTPS_PROXY": "http://127.0.0.1:1"})
    assert direct.code == by_proxy.code == 1
    assert "no_network: " in direct.err
    assert "Look at the network" in direct.err
    assert "proxy: " in by_proxy.err
    assert "HTTPS_PROXY names a proxy" in by_proxy.err
    assert left(desk) == []


async def test_a_proxy_that_wants_credentials(desk: Desk) -> None:
    async with proxied() as url:
        said = await desk.run(*by_options(desk, f"{url}/v1"))
    assert said.code == 1
    assert "proxy: a proxy before 127.0.0.1" in said.err
    assert "407" in said.err
    assert left(desk) == []


@pytest.mark.parametrize(("ahead", "told"), [(3600, "behind the service's"), (-3600, "ahead of"), (20, "")])
async def test_a_clock_that_is_wrong_is_named(desk: Desk, ahead: int, told: str) -> None:
    app = ModelStandin(Settings(models=("one",)), Record()).app()

    async def dated(request: web.Request, answer: web.StreamResponse) -> None:
        answer.headers["Date"] = formatdate(time.time() + ahead, usegmt=True)

    app.on_response_prepare.append(dated)
    async with serving(app) as url:
        said = await desk.run(*by_options(desk, f"{url}/v1"))
    assert said.code == 0, said.err
    assert ("clock: this machine's clock is" in said.out) == bool(told)
    assert told in said.out


async def test_by_options_everything_that_is_missing_is_named(desk: Desk) -> None:
    async with model_standin(Settings(models=MANY)) as service:
        url = f"{service.url}/v1"
        for words, told in (
            (("init", "--yes", "--provider", "opnai"), "--provider: there is no opnai"),
            (("init", "--yes", "--provider", "mistral"), "or set MISTRAL_API_KEY"),
            (("init", "--yes", "--provider", "other"), "--base-url: this service wants an address"),
            (by_options(desk, url), "--model: the key reaches no model without a name"),
            (by_options(desk, url, "--model", "small"), "Choose of: small-1, small-2"),
            (by_options(desk, url, "--model", "huge"), "--model: the key reaches no huge"),
            (by_options(desk, url, "--template", "pirate"), "--template: there is no pirate"),
            (by_options(desk, url, "--owner", "Ann\x1b[2J"), "--owner: it is no single line"),
        ):
            said = await desk.run(*words, environ={"MISTRAL_API_KEY": "", "OPENAI_API_KEY": ""})
            assert said.code == 2, (words, said)
            assert told in said.err, (words, said)
    assert left(desk) == []


async def answers(screen: Screen, *pairs: tuple[str, str]) -> None:
    """Wait for a question, type the answer."""
    for question, answer in pairs:
        await screen.sees(question)
        screen.type(answer.encode() + b"\r")


async def test_at_the_terminal_a_wrong_key_is_asked_for_again(desk: Desk) -> None:
    kept = desk.data / "secrets/openai"
    kept.parent.mkdir(parents=True)
    kept.write_text("an older key\n")
    async with (
        model_standin(Settings(models=MANY)) as service,
        terminal(desk, "init", "--base-url", f"{service.url}/v1") as screen,
    ):
        await answers(
            screen,
            ("Number or name [blank]: ", "4"),
            ("What is it for [Help me with plans", ""),
            ("Who is responsible for it?", "Ann"),
            ("How can they be reached", "ann@example.org"),
            ("2  openai", ""),
            ("there is no empty one", "2"),
            ("Key (it is not shown", WRONG),
            ("wrong_key: ", ""),
            ("Key (it is not shown", KEY),
            ("22 models can be reached", ""),
            ("and 7 more", "small"),
            ("2  small-2", "2"),
        )
        await screen.sees("Asking small-2 for one word")
        await answers(screen, ("Or a Telegram bot first? [y/N]: ", ""))
        assert await screen.ends() == 0
        assert KEY not in screen.everything
        assert WRONG not in screen.everything
        assert [call.model for call in service.calls] == ["small-2"]
    file = desk.data / "secrets/openai-2"
    assert file.read_text() == KEY + "\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert kept.read_text() == "an older key\n"
    table = written(desk)
    assert table["providers"]["openai"]["api_keys"] == [{"file": str(file)}]
    assert table["assistants"]["default"]["owner"] == "Ann"
    assert "Offer the next step" in (desk.data / "workspaces/default/AGENTS.md").read_text()


async def test_at_the_terminal_an_ollama_on_this_machine_is_found(desk: Desk) -> None:
    async with model_standin(Settings(keys=(), models=("llama3.2",))) as ollama:
        host = ollama.url.removeprefix("http://")
        async with terminal(desk, "init", environ={"OLLAMA_HOST": host}) as screen:
            await answers(
                screen,
                ("Number or name [blank]: ", ""),
                ("What is it for", ""),
                ("Who is responsible", ""),
                ("(found here, 1 model)", "1"),
                ("1  llama3.2", ""),
            )
            await answers(
                screen,
                ("Or a Telegram bot first? [y/N]: ", "yes"),
                ("Token, from @BotFather", "nonsense"),
                ("wrong_shape: ", "\x04"),
            )
            assert await screen.ends() == 1
    table = written(desk)
    assert "connections" not in table
    assert table["providers"]["ollama"] == {
        "kind": "openai-compatible",
        "preset": "ollama",
        "base_url": f"{ollama.url}/v1",
    }
    assert table["assistants"]["default"] == {"model": "ollama/llama3.2"}


async def test_an_address_without_v1_is_mended_and_another_is_asked_for_again(desk: Desk) -> None:
    """`again` asks the address too; what was typed before stands where nothing is typed."""
    async with (
        proxied(404) as wrong,
        model_standin(Settings(models=("one",))) as service,
        terminal(desk, "init", "--template", "blank") as screen,
    ):
        await answers(
            screen,
            ("What is it for", ""),
            ("Who is responsible", ""),
            ("Number or name", "other"),
            ("Its address, such as https://host/v1: ", wrong),
            ("Key (it is not shown", KEY),
            (f"wrong_address: {wrong} lists no models (answered 404", ""),
            (f"Its address, such as https://host/v1 [{wrong}]: ", service.url),
            ("Key (it is not shown", KEY),
            (f"It answers at {service.url}/v1.", ""),
            ("Or a Telegram bot first? [y/N]: ", ""),
        )
        assert await screen.ends() == 0
        assert "1 model can be reached" in screen.everything
    assert written(desk)["providers"]["other"]["base_url"] == f"{service.url}/v1"


async def test_at_the_terminal_one_can_choose_another_service_or_leave(desk: Desk) -> None:
    async with (
        model_standin(Settings(models=("one",))) as service,
        terminal(desk, "init", "--base-url", f"{service.url}/v1", "--template", "blank") as screen,
    ):
        service.fault("[[status 402]]")
        await answers(
            screen,
            ("What is it for", ""),
            ("Who is responsible", ""),
            ("Number or name", "openai"),
            ("Key (it is not shown", KEY),
            ("Number or name [one]: ", ""),
            ("no_credit: ", ""),
            ("Number or name [one]: ", ""),
            ("Or a Telegram bot first? [y/N]: ", ""),
        )
        assert await screen.ends() == 0
        desk.config.unlink()
        (desk.data / "secrets/openai").unlink()
    async with (
        model_standin(Settings(models=("one",))) as service,
        terminal(desk, "init", "--base-url", f"{service.url}/v1", "--template", "blank") as screen,
    ):
        service.fault("[[status 402]]")
        await answers(
            screen,
            ("What is it for", ""),
            ("Who is responsible", ""),
            ("Number or name", "openai"),
            ("Key (it is not shown", KEY),
            ("Number or name [one]: ", ""),
            ("[again/other]: ", "other"),
            ("Number or name: ", "\x04"),
        )
        assert await screen.ends() == 1
        screen.read()
        assert "left before anything was written" in screen.everything
    assert left(desk) == []


async def test_the_prices_of_models_are_shown() -> None:
    found = await priced("openai", ProviderConfig(kind="openai"), ("gpt-4o-mini", "no-such-model"))
    assert found == {"gpt-4o-mini": "0.15 USD in, 0.6 out, for a million tokens"}
    assert await priced("here", ProviderConfig(kind="openai", base_url="http://127.0.0.1:1/v1"), ("gpt-4o",)) == {}
