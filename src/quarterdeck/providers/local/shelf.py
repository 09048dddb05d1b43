"""What of the demo model lies in the data directory, and is that enough to run it?"""

import fcntl
import importlib.util
import os
from pathlib import Path
from typing import Literal

import msgspec

from quarterdeck.providers.local.demo import MODEL_ID
from quarterdeck.providers.local.pins import PINS, Pins

# Bytes. The engine takes 250 MB with two slots of 2,048 tokens; the rest is room for the gateway itself.
MEMORY_NEEDED = 320_000_000

Lack = Literal["engine", "weights", "memory"]


class ModelStatus(msgspec.Struct, frozen=True):
    """Whether the demo model can run here, and what it lacks (in memory: of free memory, now)."""

    state: Literal["missing", "pulling", "ready"]
    lacks: tuple[Lack, ...] = ()


class Shelf(msgspec.Struct, frozen=True):
    """Where things lie below DATA_DIR/models. Everything there was checked before it got its name."""

    data_dir: Path
    pins: Pins = PINS

    @property
    def models(self) -> Path:
        return self.data_dir / "models"

    @property
    def weights(self) -> Path:
        return self.models / MODEL_ID / "model.gguf"

    @property
    def pulled_engine(self) -> Path:
        return self.models / "engine"

    @property
    def staging(self) -> Path:
        """Where `pull` works; below `models`, so that a rename out of it is atomic."""
        return self.models / ".pull"

    @property
    def lock(self) -> Path:
        return self.models / ".pull.lock"

    def has_weights(self) -> bool:
        """By size: the hash was checked before the file got its name, and reading 98 MB takes a while."""
        try:
            return self.weights.stat().st_size == self.pins.weights.size
        except OSError:
            return False

    def engine(self) -> Path | None:
        """The folder to import the engine from: the pulled one in the pinned version, else the installed."""
        if (self.pulled_engine / f"xllamacpp-{self.pins.engine_version}.dist-info").is_dir():
            return self.pulled_engine
        found = importlib.util.find_spec("xllamacpp")
        return Path(found.origin).parent.parent if found is not None and found.origin is not None else None


def status(data_dir: Path, *, pins: Pins = PINS, memory_needed: int = MEMORY_NEEDED) -> ModelStatus:
    """Looks at files and free memory only; starts nothing. A few file system calls, no waiting."""
    shelf = Shelf(data_dir, pins)
    lacks: list[Lack] = []
    if shelf.engine() is None:
        lacks.append("engine")
    if not shelf.has_weights():
        lacks.append("weights")
    if lacks and _is_held(shelf.lock):
        return ModelStatus("pulling", tuple(lacks))
    free = free_memory()
    if free is not None and free < memory_needed:
        lacks.append("memory")
    return ModelStatus("missing" if lacks else "ready", tuple(lacks))


def _is_held(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def free_memory(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes that a new process may take, of the machine's and the control group's; None if unknown."""
    found: list[int] = []
    machine = _fields(proc / "meminfo").get("MemAvailable:")
    if machine is not None:
        found.append(machine * 1024)
    group = _group_memory(proc, cgroups)
    if group is not None:
        found.append(group)
    return min(found, default=None)


def _group_memory(proc: Path, cgroups: Path) -> int | None:
    """Room left in this process's control group (version 2); unused pages of files count as free."""
    path = _text(proc / "self" / "cgroup").strip().rpartition("::/")[2]
    group = cgroups / path
    limit, used = _text(group / "memory.max").strip(), _text(group / "memory.current").strip()
    if not limit.isdigit() or not used.isdigit():
        return None
    return int(limit) - int(used) + _fields(group / "memory.stat").get("inactive_file", 0)


def _fields(path: Path) -> dict[str, int]:
    lines = (line.split() for line in _text(path).splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) >= 2 and words[1].isdigit()}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
