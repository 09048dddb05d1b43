"""What every scene plays on: a folder of its own, the messenger's stand-in, and the gateway, as child processes.

Nothing outside the folder is read or written, and nothing is ended that was not started here.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from quarterdeck.cli.tour.messenger import Messenger, StageFailed
from quarterdeck.store.datadir import DataDir

READY_SECONDS = 40.0
DRAIN_SECONDS = 40.0
COMMAND_SECONDS = 60.0
END_SECONDS = 5.0
PAUSE = 0.02

TOKEN_VARIABLE = "MESSENGER_TOKEN"  # noqa: S105  the variable's name
MODEL = "scripted/help"
CONFIG = """\
# A tour: the built-in script instead of a model, and a messenger's stand-in instead of a messenger.
data_dir = "./data"
[server]
port = 0
[assistants.default]
model = "{model}"
introduce = false
[connections.messenger]
channel = "loopback"
api_root = "http://{address}"
poll_seconds = 2
token = {{ env = "{variable}" }}
dm_policy = "open"
streaming = "edit"
"""

T = TypeVar("T")
Child = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str


@dataclass
class Stage:
    """The folder and what runs in it. `swallow`: see the messenger's stand-in; `database`: where, if not a file."""

    folder: Path
    swallow: int = 0
    database: str = ""
    _children: list[Child] = field(default_factory=list[Child])
    _gateway: Child | None = None
    _token: str = field(default_factory=lambda: secrets.token_hex(16))
    _messenger: Messenger | None = None

    def beside(self, name: str, messenger: Messenger, database: str) -> "Stage":
        """Another one, for one more gateway that serves a messenger of this one."""
        folder = self.folder / name
        folder.mkdir()
        return Stage(folder, database=database, _token=self._token, _messenger=messenger)

    @property
    def config(self) -> Path:
        """The gateway's configuration file."""
        return self.folder / "quarterdeck.toml"

    @property
    def data(self) -> DataDir:
        """The gateway's data directory."""
        return DataDir(self.folder / "data")

    # --- the messenger ----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Start the messenger's stand-in and write the configuration. Raises StageFailed."""
        self._messenger = self.standin("messenger", self.swallow)
        self.configure()

    @property
    def messenger(self) -> Messenger:
        """The stand-in to which everybody writes. Raises StageFailed before it is there."""
        if self._messenger is None:
            raise StageFailed("the messenger's stand-in does not run")
        return self._messenger

    def standin(self, name: str, swallow: int = 0) -> Messenger:
        """Start another messenger's stand-in. Raises StageFailed."""
        told, log = self.folder / f"{name}.out", self.folder / f"{name}.log"
        child = self._start(told, "quarterdeck.testing.messenger", "--log", str(log), "--swallow", str(swallow))
        self._await(lambda: told.read_bytes().endswith(b"\n"), "the messenger's stand-in", child)
        url = msgspec.json.decode(told.read_bytes(), type=dict[str, str])["url"]
        return Messenger(urlsplit(url).netloc, self._token, log)

    def configure(self, more: str = "") -> None:
        """Write the gateway's configuration: the usual one, and what a scene has beside it."""
        usual = CONFIG.format(model=MODEL, address=self.messenger.address, variable=TOKEN_VARIABLE)
        self.config.touch(mode=0o600)
        self.config.write_text(usual + more)

    # --- the gateway ------------------------------------------------------------------------------------------

    def start(self) -> float:
        """Start the gateway and wait until it is ready; when it was started. Raises StageFailed."""
        begun = time.monotonic()
        child = self._start(self.folder / "gateway.out", "quarterdeck", "up", "--config", str(self.config))
        self._gateway = child
        self._await(lambda: self.runs(child.pid), "the gateway", child)
        return begun

    def kill(self) -> bool:
        """Kill the gateway where it is; whether SIGKILL is what ended it."""
        child = self._running()
        child.kill()
        return child.wait(END_SECONDS) == -signal.SIGKILL

    def stop(self) -> None:
        """Let the gateway finish what it does. Raises StageFailed."""
        child = self._running()
        child.terminate()
        try:
            code = child.wait(DRAIN_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise StageFailed(f"the gateway did not end within {DRAIN_SECONDS:.0f} s") from error
        if code != 0:
            raise StageFailed(f"the gateway ended with status {code}")

    def _running(self) -> Child:
        if self._gateway is None or self._gateway.poll() is not None:
            raise StageFailed("the gateway does not run")
        return self._gateway

    def runs(self, pid: int) -> bool:
        """Whether the gateway is this process, and ready."""
        runtime = self.data.read_runtime()
        return runtime is not None and runtime.pid == pid

    def _await(self, condition: Callable[[], bool], what: str, child: Child) -> None:
        """Wait until a child is ready. Raises StageFailed with what was said last when it ends before."""
        until(lambda: condition() or child.poll() is not None, READY_SECONDS, f"{what} to be ready")
        if child.poll() is not None:
            said = self._errors.read_text(errors="replace").strip().rpartition("\n")[2]
            raise StageFailed(f"{what} ended with status {child.returncode}: {said}")

    # --- processes --------------------------------------------------------------------------------------------

    def run(self, module: str, *words: str) -> Ended:
        """Run a command to its end. Raises StageFailed when that does not come."""
        out = self.folder / "command.out"
        child = self._start(out, module, *words)
        try:
            return Ended(child.wait(COMMAND_SECONDS), out.read_text(errors="replace"))
        except subprocess.TimeoutExpired as error:
            raise StageFailed(f"{module} did not end within {COMMAND_SECONDS:.0f} s") from error

    @property
    def _errors(self) -> Path:
        return self.folder / "errors.log"

    def close(self) -> None:
        """End every child that still runs."""
        for child in self._children:
            if child.poll() is None:
                child.kill()
        for child in self._children:
            child.wait(END_SECONDS)
            if child.stdin is not None:
                child.stdin.close()

    def _start(self, out: Path, module: str, *words: str) -> Child:
        """Start a module of ours. A Ctrl-C is not its business: it is in a group of its own, and ended here.

        Its standard input stays open as long as this process lives; the messenger ends with it.
        """
        environ = {name: value for name, value in os.environ.items() if not name.startswith("QUARTERDECK_")}
        environ |= {"QUARTERDECK_DATABASE": self.database} if self.database else {}
        with out.open("wb") as to_out, self._errors.open("ab") as to_errors:
            child = subprocess.Popen(  # noqa: S603  our own program, with our own words
                (sys.executable, "-P", "-m", module, *words),
                env=environ | {TOKEN_VARIABLE: self._token},
                stdin=subprocess.PIPE,
                stdout=to_out,
                stderr=to_errors,
                process_group=0,
            )
        self._children.append(child)
        return child


@contextmanager
def stage(folder: Path, swallow: int = 0) -> Generator[Stage]:
    """A stage whose children are ended afterwards, whatever happens."""
    made = Stage(folder, swallow)
    try:
        made.open()
        yield made
    finally:
        made.close()


def until(condition: Callable[[], T], seconds: float, what: str) -> T:
    """Look until it is true. Raises StageFailed when it never is."""
    limit = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > limit:
            raise StageFailed(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(PAUSE)
    return value
