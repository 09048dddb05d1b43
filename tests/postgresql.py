"""A PostgreSQL server of the tests' own: a cluster in a temporary folder, on a loopback port, as durable as a real one.

PostgreSQL refuses to run as root; then it runs as the user that Debian's package makes, else as `nobody`.
"""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Coroutine, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest

from tests.ports import free_port
from tests.standins import ROOT, small_disk
from tests.waiting import until_sync

T = TypeVar("T")
USER = "quarterdeck"
START_S = 30.0


class Cluster:
    """A server and its databases; `stop` and `start` are those of an operator, `kill` is a crash.

    `settings` are lines of its configuration, such as `jit=off`. With `disk` (bytes) the tablespace `small` lies on a
    disk of so much, which only the server sees; that takes root.
    """

    def __init__(self, folder: Path, settings: Sequence[str] = (), disk: int = 0) -> None:
        self._folder = folder
        self._disk = disk
        self._settings = ["max_connections=200", *settings]
        self._bin = programs()
        self._port = free_port()
        self._process: subprocess.Popen[Any] | None = None
        self._names = count(1)
        self._run("initdb", "-D", str(folder / "data"), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")

    def url(self, database: str) -> str:
        """Where a database is."""
        return f"postgresql://{USER}@127.0.0.1:{self._port}/{database}"

    @property
    def port(self) -> int:
        """Its port on the loopback."""
        return self._port

    @property
    def pid(self) -> int:
        """Its first process, the parent of all others. It runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start and wait until it answers."""
        assert self._bin is not None
        words = [
            str(self._bin / "postgres"), "-D", str(self._folder / "data"), "-k", str(self._folder),
            "-h", "127.0.0.1", "-p", str(self._port), *(word for one in self._settings for word in ("-c", one)),
        ]  # fmt: skip
        how: dict[str, Any] = {"cwd": self._folder, **as_nobody_important()}
        if self._disk:
            words, how = self._on_a_small_disk(words), {"cwd": ROOT}
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, **how)
        until_sync(self._answers, START_S)
        if self._disk:
            asyncio.run(self._admin(f"CREATE TABLESPACE small LOCATION '{self._folder / 'small'}'"))

    @property
    def small_disk(self) -> Path:
        """The small disk as this process sees it."""
        return Path(f"/proc/{self.pid}/root{self._folder / 'small'}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT cuts all connections and ends in order; SIGQUIT ends without any."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_S)
            self._process = None

    def crash(self) -> None:
        """All at once, as when the power fails: SIGKILL to it and to what it has started."""
        assert self._process is not None
        for child in Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self._process.kill()
        self._process.wait(START_S)
        self._process = None

    def create(self, template: str = "template1") -> str:
        """A new database, a copy of `template`, on the small disk if there is one; its address."""
        name = f"t{next(self._names)}"
        where = " TABLESPACE small" if self._disk else ""
        apart(self._admin(f"CREATE DATABASE {name} TEMPLATE {template}{where}"))
        return self.url(name)

    def drop(self, name: str) -> None:
        """Take a database away, whoever is connected to it."""
        apart(self._admin(f"DROP DATABASE {name} WITH (FORCE)"))

    def end(self) -> None:
        """Stop; a server that does not is killed."""
        process = self._process
        if process is not None:
            process.send_signal(signal.SIGQUIT)  # nobody needs its last checkpoint
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait(10)

    def _on_a_small_disk(self, words: Sequence[str]) -> list[str]:
        user, small = server_user(), self._folder / "small"
        small.mkdir()
        os.chown(small, user.pw_uid, user.pw_gid)
        become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        return small_disk.command(small, self._disk, *become, *words)

    async def _admin(self, sql: str) -> None:
        connection = await asyncpg.connect(self.url("postgres"), timeout=10)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, asyncpg.PostgresError):
            asyncio.run(self._admin("SELECT 1"))
            return True
        return False

    def _run(self, program: str, *arguments: str) -> None:
        assert self._bin is not None
        done = subprocess.run(
            [str(self._bin / program), *arguments], cwd=self._folder, capture_output=True, check=False, timeout=60,
            **as_nobody_important(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()


def apart(work: Coroutine[Any, Any, T]) -> T:
    """What it comes to, also where a loop runs already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def programs() -> Path | None:
    """The folder of the newest installed server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: float(one.parts[4]))
    if found:
        return found[-1].parent
    named = shutil.which("initdb")
    return Path(named).resolve().parent if named else None


def as_nobody_important() -> dict[str, Any]:
    """Who runs the server, where that may not be us."""
    if os.geteuid() != 0:
        return {}
    user = server_user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def server_user() -> pwd.struct_passwd:
    """Debian's user for PostgreSQL, else `nobody`."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


@contextlib.contextmanager
def running(settings: Sequence[str] = (), disk: int = 0) -> Generator[Cluster]:
    """A started cluster; gone at the end. For `disk` see Cluster."""
    folder = Path(tempfile.mkdtemp(prefix="quarterdeck-pg-"))
    if os.geteuid() == 0:
        os.chown(folder, server_user().pw_uid, server_user().pw_gid)
    cluster = None
    try:
        cluster = Cluster(folder, settings, disk)
        cluster.start()
        yield cluster
    finally:
        if cluster is not None:
            cluster.end()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql() -> Generator[Cluster]:
    """The server that all tests of a run share."""
    if programs() is None:
        pytest.skip("no PostgreSQL server is installed")
    with running() as cluster:
        yield cluster


@pytest.fixture(scope="module", name="postgresql")
def own_postgresql() -> Generator[Cluster]:
    """A server of a module's own, for tests that stop it: import this fixture, and nobody else is harmed."""
    if programs() is None:
        pytest.skip("no PostgreSQL server is installed")
    with running() as cluster:
        yield cluster
