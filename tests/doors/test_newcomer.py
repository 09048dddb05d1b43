"""Somebody who has just got it, in a folder of their own: no configuration, no PATH, a terminal."""

import sys
from pathlib import Path

import pytest

from tests.doors.commands import Desk
from tests.doors.screen import terminal
from tests.standins.model.server import KEY, Settings, model_standin

SCRIPT = str(Path(sys.executable).with_name("quarterdeck"))
BARE = {"PATH": "/usr/bin:/bin", "QUARTERDECK_SERVER__PORT": "0"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = Desk(tmp_path)
    found.config.unlink()
    return found


async def test_the_start_says_what_answers_and_how_to_go_on_in_lines_for_people(desk: Desk) -> None:
    async with model_standin(Settings(keys=(), models=("qwen3:0.6b", "gemma3"))) as ollama:
        environ = BARE | {"OLLAMA_HOST": ollama.url.removeprefix("http://")}
        async with terminal(desk, "up", environ=environ, program=(SCRIPT,)) as screen:
            await screen.sees("model ollama/qwen3:0.6b; change it with")
            await screen.sees("open http://127.0.0.1:")
            await screen.sees(f"`{SCRIPT} signin` makes another link, `{SCRIPT} chat` talks here")
            screen.type(b"\x03")
            await screen.sees("it ends when what runs is finished")
            assert await screen.ends() == 0
            screen.read()
            assert "service.stopped" not in screen.everything


async def test_the_fix_of_a_refused_key_names_its_variable(desk: Desk) -> None:
    async with model_standin() as service:
        environ = {"OPENAI_API_KEY": f"not-{KEY}", "OPENAI_BASE_URL": f"{service.url}/v1"}
        looked = await desk.run("doctor", "--json", environ=environ)
        tested = await desk.run("models", "test", "--json", environ=environ)
    (found,) = [row for row in looked.rows if row["id"] == "model openai"]
    told = "Put a valid key into the variable OPENAI_API_KEY, then restart."
    assert (found["state"], found["fix"]) == ("FAIL", told)
    assert tested.row["fix"] == told


async def test_chat_says_once_that_it_makes_a_folder(desk: Desk) -> None:
    first, second = await desk.run("chat", "hello"), await desk.run("chat", "hello")
    assert (first.code, second.code) == (0, 0)
    told = f"kept in the new folder {desk.data}; --config or QUARTERDECK_DATA_DIR names another"
    assert told in first.err
    assert "new folder" not in second.err


async def test_what_has_no_price_is_not_said_to_be_free(desk: Desk) -> None:
    async with model_standin() as service:
        environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{service.url}/v1"}
        environ["QUARTERDECK_ASSISTANTS__DEFAULT__MODEL"] = "openai/nobody-knows-its-price"
        assert (await desk.run("chat", "hello", environ=environ)).code == 0
    assert (await desk.run("chat", "hello")).code == 0
    _, *lines = (await desk.run("usage", "--by", "model")).out.splitlines()
    told = {line.split()[0]: "0 USD" in line for line in lines}
    assert told == {"openai/nobody-knows-its-price": False, "scripted/help": True, "all": False}, lines
    assert "no price" in lines[-1]
