"""`quarterdeck new`: what it writes is built, installed beside our own wheel, tested there, and talked to."""

import asyncio
import subprocess
import sys
import sysconfig
import venv
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.doors.commands import Desk
from tests.standins import ROOT
from tests.standins.model import KEY, model_standin
from tests.waiting import until

pytestmark = [pytest.mark.timeout(180), pytest.mark.proves("plugin.new")]

KINDS = ("channel", "provider", "tool")


def run(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{words}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package of each kind, and an environment in which all of them and quarterdeck are installed.

    What they need comes from the environment of this test; our own editable install is not seen there.
    """
    place = tmp_path_factory.mktemp("new")
    for kind in KINDS:
        run(sys.executable, "-m", "quarterdeck", "new", kind, f"my-{kind}", "--folder", kind, cwd=place)
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place / "wheels", cwd=place / kind)
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place / "wheels", cwd=ROOT)
    venv.create(place / "venv", with_pip=False)
    python = place / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "--python", python, "install"]
    run(*pip, "--no-deps", "--no-index", "--no-compile", *sorted((place / "wheels").glob("*.whl")), cwd=place)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=place).strip())
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place


class NewDesk(Desk):
    """Commands of the environment in which the packages are installed."""

    def __init__(self, folder: Path, place: Path) -> None:
        super().__init__(folder)
        self.python = str(place / "venv" / "bin" / "python")

    def environ(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        secrets = {"MODEL_KEY": KEY, "STANDIN_KEY": "standin-key", "MESSENGER_TOKEN": "standin-token"}
        return super().environ(more) | secrets


@pytest.fixture
def desk(tmp_path: Path, place: Path) -> NewDesk:
    return NewDesk(tmp_path, place)


@asynccontextmanager
async def standin(desk: NewDesk, folder: Path) -> AsyncIterator[str]:
    """The stand-in that a package brings, as a process of its own; its address."""
    process = await asyncio.create_subprocess_exec(
        desk.python, "-u", "tests/standin.py", cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


def test_quarterdeck_comes_from_its_wheel(place: Path) -> None:
    python = place / "venv" / "bin" / "python"
    where = run(python, "-c", "import quarterdeck; print(quarterdeck.__file__)", cwd=place)
    assert str(place / "venv") in where


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_tests_pass(place: Path, kind: str) -> None:
    said = run(place / "venv" / "bin" / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=place / kind)
    assert " passed" in said
    assert "failed" not in said


async def test_a_new_tool_is_called(desk: NewDesk) -> None:
    async with model_standin() as model:
        desk.write(
            f"""
            data_dir = "./data"
            [server]
            port = 0
            [providers.main]
            kind = "openai-compatible"
            base_url = "{model.url}/v1"
            api_keys = [{{ env = "MODEL_KEY" }}]
            [assistants.default]
            model = "main/m"
            tools = ["my-tool"]
            [tools.my-tool]
            least = 3
            """
        )
        async with desk.gateway():
            said = await desk.run("chat", '[[tool my-tool {"text":"a tale of two cities"}]]')
            assert "3 words" in said.out, said.err


async def test_a_new_provider_answers(desk: NewDesk, place: Path) -> None:
    async with standin(desk, place / "provider") as url:
        desk.write(
            f"""
            data_dir = "./data"
            [server]
            port = 0
            [providers.main]
            kind = "my-provider"
            base_url = "{url}"
            api_keys = [{{ env = "STANDIN_KEY" }}]
            [assistants.default]
            model = "main/any"
            """
        )
        async with desk.gateway():
            said = await desk.run("chat", "hello there")
            assert "re: hello there" in said.out, said.err
            (status,) = await desk.rows("status")
            assert status["plugins"] == ["provider/my-provider quarterdeck-my-provider 0.1.0"]


async def test_a_new_channel_receives_and_sends(desk: NewDesk, place: Path) -> None:
    async with standin(desk, place / "channel") as url:
        desk.write(
            f"""
            data_dir = "./data"
            [server]
            port = 0
            [assistants.default]
            model = "scripted/echo"
            [connections.here]
            channel = "my-channel"
            api_root = "{url}"
            token = {{ env = "MESSENGER_TOKEN" }}
            dm_policy = "open"
            poll_seconds = 0.5
            """
        )
        async with desk.gateway():
            await desk.rows("doctor")
            async with aiohttp.ClientSession() as http, http.post(f"{url}/people/r1", json={"text": "hello"}) as answer:
                assert answer.status == 200
            found: list[dict[str, object]] = []

            async def arrived() -> bool:
                found[:] = [row for row in await desk.rows("deliveries", "list") if row["state"] == "sent"]
                return bool(found)

            await until(arrived, 20, "the answer to arrive")
            assert found[0]["text"] == "You said: hello"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("tool", "time"), "name: time is built in"),
        (("channel", "Tele Gram"), "name: 'Tele Gram' has other signs"),
        (("tool", "mine", "--folder", "."), "--folder: . is there already"),
    ],
)
async def test_what_cannot_be_written_is_refused(tmp_path: Path, words: tuple[str, ...], reason: str) -> None:
    said = await Desk(tmp_path).run("new", *words)
    assert said.code != 0
    assert reason in said.err
