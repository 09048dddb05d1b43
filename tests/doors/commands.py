"""The command line as people use it: real child processes over a folder of their own."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import gateway_database
from tests.waiting import until

COMMAND_SECONDS = 45.0
READY_SECONDS = 30.0
DRAIN_SECONDS = 40.0

SCRIPTED = """
data_dir = "./data"
[server]
port = 0
[assistants.default]
model = "{model}"
introduce = false
"""
LOOPBACK = """
[connections.loop]
channel = "loopback"
api_root = "{url}"
token = {{ env = "LOOP_TOKEN" }}
dm_policy = "{policy}"
poll_seconds = 0.5
[delivery]
unknown = "hold"
"""


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, object]]:
        """Its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def row(self) -> dict[str, object]:
        """Its only JSON line."""
        (row,) = self.rows
        return row


class Desk:
    """One folder with a configuration, and commands that are run in it."""

    python = sys.executable

    def __init__(self, folder: Path, model: str = "scripted/echo") -> None:
        self.folder = folder
        self.data = folder / "data"
        self.config = folder / "quarterdeck.toml"
        self.log = folder / "gateway.log"
        self.secrets = {"LOOP_TOKEN": "loopback-token"}  # of the stand-ins
        self._numbers = iter(range(10_000))
        self.write(SCRIPTED.format(model=model))

    def write(self, text: str) -> None:
        """Replace the configuration."""
        self.config.write_text(text)

    def environ(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """A child's environment: nothing of ours but the secrets of the stand-ins."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("QUARTERDECK_")}
        return kept | gateway_database.environ(self.folder) | self.secrets | dict(more or {})

    async def run(
        self, *words: str, stdin: str = "", environ: Mapping[str, str] | None = None, prefix: tuple[str, ...] = ()
    ) -> Said:
        """Run a command to its end."""
        number = next(self._numbers)
        out, err, into = (self.folder / f"{number}.{name}" for name in ("out", "err", "in"))
        into.write_text(stdin)
        with out.open("wb") as to_out, err.open("wb") as to_err, into.open("rb") as from_in:
            process = await asyncio.create_subprocess_exec(
                *(*prefix, self.python, "-m", "quarterdeck", *words),
                cwd=self.folder,
                env=self.environ(environ),
                stdin=from_in,
                stdout=to_out,
                stderr=to_err,
            )
            try:
                async with asyncio.timeout(COMMAND_SECONDS):
                    await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        assert process.returncode is not None
        return Said(process.returncode, out.read_text(), err.read_text())

    async def rows(self, *words: str) -> list[dict[str, object]]:
        """The JSON lines of a command that has to succeed."""
        said = await self.run(*words, "--json")
        assert said.code == 0, said.err
        return said.rows

    @asynccontextmanager
    async def gateway(self, *more: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A running gateway, ready; drained at the end."""
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(self.python, "-m", "quarterdeck", "up", *more),
                cwd=self.folder,
                env=self.environ(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            await until(lambda: self._ready(process), READY_SECONDS, "a ready gateway")
            yield process
            process.terminate()
            async with asyncio.timeout(DRAIN_SECONDS):
                assert await process.wait() == 0, self.log.read_text()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def logged(self, event: str) -> list[dict[str, object]]:
        """The gateway's log lines of one kind."""
        whole, _, _ = self.log.read_text().rpartition("\n")  # what stands behind it is being written
        found = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
        return [line for line in found if line["event"] == event]

    def _ready(self, process: asyncio.subprocess.Process) -> bool:
        assert process.returncode is None, self.log.read_text()
        try:
            return json.loads((self.data / "runtime.json").read_text())["pid"] == process.pid
        except FileNotFoundError:
            return False
