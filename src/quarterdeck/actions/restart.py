"""Restarting the process where it stands: what runs is drained, then the same command begins again."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable

from quarterdeck.base.config import LoadedConfig
from quarterdeck.base.errors import Conflict
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation


class Restart:
    """The use case. `read` reads the configuration as the next start will."""

    def __init__(self, read: Callable[[], LoadedConfig], store: Store, auditor: Auditor) -> None:
        self._read = read
        self._store = store
        self._auditor = auditor
        self._one = asyncio.Lock()
        self.wanted = False

    async def ask(self, actor: Actor) -> None:
        """Begin to drain, as on SIGTERM. Raises ConfigRefused for what would not start, Conflict the second time."""
        async with self._one:
            if self.wanted:
                raise Conflict("the gateway restarts already")
            loaded = await asyncio.to_thread(self._read)
            record = self._auditor.record("change.restart", actor, Subject(resource=loaded.digest), outcome="begun")
            await self._store.commit(operation("configuration", record))
            self.wanted = True
            os.kill(os.getpid(), signal.SIGTERM)  # the second such signal would end it at once


def begin_again() -> None:
    """Become the command that this process was started with: same number, folder, environment and terminal."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  its own arguments
