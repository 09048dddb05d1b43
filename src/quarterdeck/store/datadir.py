"""The data directory: who holds it, where things are in it, and how a running gateway is found."""

import fcntl
import os
from pathlib import Path

import msgspec

from quarterdeck.base.errors import Locked


class Runtime(msgspec.Struct, frozen=True):
    """`runtime.json`: the gateway that holds this directory; `started_at` is Unix seconds."""

    pid: int
    version: str
    url: str
    started_at: float


class DataDir:
    """Paths below one folder. All state is here and nowhere else."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = root / "quarterdeck.db"
        self.blobs = root / "blobs"
        self.audit_key = root / "keys" / "audit.key"
        self.prices = root / "prices.json"
        self.runtime = root / "runtime.json"
        self.control = root / "control.sock"
        self._lock: int | None = None

    def hold(self) -> None:
        """Create the folder and take its lock, which ends with the process. Raises Locked."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise Locked(f"another process holds {self.root}; `quarterdeck status` says which") from error
        self._lock = descriptor

    @property
    def home(self) -> str:
        """Names the lock that is held on this machine since it was started; empty where that cannot be told.

        Whoever else gives the same name held the lock before, and is gone.
        """
        boot = Path("/proc/sys/kernel/random/boot_id")  # kernel.org/doc/html/latest/admin-guide/sysctl/kernel.html
        if self._lock is None or not boot.exists():
            return ""
        lock = os.fstat(self._lock)
        return f"{boot.read_text().strip()}/{lock.st_dev}/{lock.st_ino}"

    def release(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write_runtime(self, runtime: Runtime) -> None:
        """Say where the gateway is; whole or not at all."""
        temporary = self.runtime.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(runtime))
        temporary.chmod(0o600)
        temporary.replace(self.runtime)

    def read_runtime(self) -> Runtime | None:
        """The gateway that wrote last; it may be gone."""
        try:
            return msgspec.json.decode(self.runtime.read_bytes(), type=Runtime)
        except (OSError, msgspec.DecodeError):
            return None
