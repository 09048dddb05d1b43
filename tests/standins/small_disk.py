"""A disk that can be full: a small tmpfs in a mount namespace of its own, in which a process is started.

    python -m tests.standins.small_disk FOLDER BYTES COMMAND...

FOLDER is that disk for COMMAND alone, which takes the place of this process; the rest of the machine does not see it.
It belongs to whom the folder belonged to.
Who may, looks into it at `/proc/PID/root/FOLDER`.
"""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path


def permitted() -> bool:
    """Whether this machine lets us mount in a namespace of our own."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    tried = [unshare, "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(tried, capture_output=True, timeout=60, check=False).returncode == 0


def command(folder: Path, size: int, *words: str) -> list[str]:
    """What to run so that `words` have a disk of `size` bytes at `folder`."""
    return ["unshare", "-m", sys.executable, "-m", "tests.standins.small_disk", str(folder), str(size), *words]


def fill(folder: Path, leave: int = 0) -> Path:
    """Take all room but `leave` bytes (to a page), whoever writes there meanwhile; the file that takes it."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file:
        while (room := _room(folder) - leave) > 0:
            try:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, room)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
            else:
                break
    return filler


def _room(folder: Path) -> int:
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize


def main() -> None:
    """Mount, and become the command."""
    folder, size, *words = sys.argv[1:]
    owner = Path(folder).stat()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", folder], check=True, timeout=60)
    os.chown(folder, owner.st_uid, owner.st_gid)
    os.execvp(words[0], words)  # noqa: S606


if __name__ == "__main__":
    main()
