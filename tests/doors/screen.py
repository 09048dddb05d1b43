"""The command line on a terminal of its own: what a person sees and types."""

import asyncio
import os
import pty
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tests.doors.commands import Desk
from tests.waiting import until


class Screen:
    """What a person sees and types."""

    def __init__(self, process: asyncio.subprocess.Process, leader: int) -> None:
        self.process = process
        self.seen = ""
        self.everything = ""
        self._leader = leader

    def read(self) -> None:
        try:
            new = os.read(self._leader, 65_536).decode(errors="replace")
        except (BlockingIOError, OSError):  # EIO: the other side has closed
            return
        self.seen += new
        self.everything += new

    def type(self, keys: bytes) -> None:
        os.write(self._leader, keys)

    async def sees(self, text: str) -> None:
        """Wait for a text behind what was waited for before."""

        def there() -> bool:
            self.read()
            return text in self.seen

        await until(there, 30, f"{text!r} on the screen, which shows {self.seen!r}")
        self.seen = self.seen.partition(text)[2]

    async def ends(self) -> int:
        async with asyncio.timeout(45):
            return await self.process.wait()


@asynccontextmanager
async def terminal(
    desk: Desk,
    *words: str,
    environ: Mapping[str, str] | None = None,
    program: tuple[str, ...] = ("-m", "quarterdeck"),
) -> AsyncIterator[Screen]:
    leader, follower = pty.openpty()
    os.set_blocking(leader, False)
    control = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", control + "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"),
        *(*program, *words),
        cwd=desk.folder,
        env=desk.environ({"TERM": "dumb", **(environ or {})}),
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    try:
        yield Screen(process, leader)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(leader)
