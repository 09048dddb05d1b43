"""`quarterdeck up` as a child process: a script, a stand-in for a model, the demo model, one with an introduction."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import gateway_database
from tests.ports import free_port
from tests.standins import ROOT
from tests.standins.model import KEY
from tests.standins.telegram.state import DEFAULT_TOKEN
from tests.waiting import until_sync

START_SECONDS = 30.0
STOP_SECONDS = 40.0
COMMAND_SECONDS = 20.0

COMMAND = (sys.executable, "-m", "quarterdeck")
CONFIG = """
data_dir = "./data"
[server]
port = 0
[providers.script]
kind = "scripted"
[providers.standin]
kind = "openai-compatible"
base_url = "{model}/v1"
api_keys = [{{ env = "MODEL_KEY" }}]
[providers.demo]
kind = "local"
[assistants.default]
model = "script/help"
introduce = false
[assistants.worker]
model = "standin/any"
introduce = false
tools = ["time"]
[assistants.small]
model = "demo/smollm2"
introduce = false
[assistants.honest]
model = "script/echo"
owner = "Ada Example"
"""


@dataclass(frozen=True)
class Gateway:
    """A running one."""

    folder: Path
    url: str

    def sign_in_link(self) -> str:
        """A fresh link, by the command line."""
        said = subprocess.run(
            [*COMMAND, "signin", "--json"],
            cwd=self.folder,
            env=_environment(self.folder),
            check=True,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        return str(json.loads(said.stdout)["url"])


@contextmanager
def gateway(folder: Path, more: str = "") -> Iterator[Gateway]:
    """Start it, and the model that it asks; end both. `more` is further configuration."""
    with standin("model", folder) as model:
        (folder / "quarterdeck.toml").write_text(CONFIG.format(model=model) + more)
        with _started(folder, ["--config", "quarterdeck.toml"], {}) as running:
            yield running


@contextmanager
def bare_gateway(folder: Path, *through: str) -> Iterator[Gateway]:
    """One with the configuration file that is there, or without one (a script answers), on a port that a restart finds
    free again. `through` is the command that becomes it.
    """
    with _started(folder, [], {"QUARTERDECK_SERVER__PORT": str(free_port())}, through) as running:
        yield running


@contextmanager
def _started(
    folder: Path, words: list[str], environ: dict[str, str], through: tuple[str, ...] = ()
) -> Iterator[Gateway]:
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(
            [*through, *COMMAND, "up", *words],
            cwd=folder,
            env=_environment(folder) | environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield Gateway(folder, until_sync(lambda: _url(folder, process), START_SECONDS, "a ready gateway"))
    finally:
        _end(process)


@contextmanager
def standin(name: str, folder: Path, *words: str) -> Iterator[str]:
    """The address of a stand-in that is tied to this process: should this one be killed, it stops too."""
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"tests.standins.{name}", "--tied", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        try:
            yield str(json.loads(process.stdout.readline())["url"])
        finally:
            _end(process)


def _url(folder: Path, process: subprocess.Popen[bytes]) -> str:
    assert process.poll() is None, (folder / "gateway.log").read_text()[-3000:]
    runtime = folder / "data/runtime.json"
    return str(json.loads(runtime.read_bytes())["url"]) if runtime.exists() else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)


def _environment(folder: Path) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("QUARTERDECK_")}
    return environ | gateway_database.environ(folder) | {"MODEL_KEY": KEY, "BOT_TOKEN": DEFAULT_TOKEN}
