"""Which version of the shared configuration is in force? The newest; a file that was changed makes a new one.

A file that says what it said before says nothing new, however old it is: so a machine that was away does not bring back
what others have changed meanwhile.
"""

from typing import Final

from quarterdeck.base.clock import Clock
from quarterdeck.base.config_shared import decode, differing, digest, encode, shared
from quarterdeck.base.errors import Retry
from quarterdeck.base.settings import Config
from quarterdeck.base.supervise import EventLog
from quarterdeck.governance.audit import SYSTEM, Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store import configurations, processes
from quarterdeck.store.configurations import Version
from quarterdeck.store.database import Store
from quarterdeck.store.operations import ExpectationFailed, operation
from quarterdeck.store.processes import Process

TRIES: Final = 10
MOST_TOLD: Final = 500  # characters about a drift


class Agreement:
    """This process's part in it; `me` is its row."""

    def __init__(self, store: Store, auditor: Auditor, clock: Clock, log: EventLog, me: Process) -> None:
        self._store = store
        self._auditor = auditor
        self._clock = clock
        self._log = log
        self._me = me
        self._written = ""  # the digest of what its file said last
        self._seen = 0  # the version that it looked at last, 0 before it has begun
        self._in_force = 0

    async def begin(self, own: Config) -> Version:
        """The version that a start with this file leads to. Raises Retry."""
        name = digest(encode(shared(own)))
        before = await processes.written_before(self._store, self._me)
        changed = before != name if before else not await configurations.known(self._store, name)
        version = await self._agree(own, changed, SYSTEM)
        if version.digest != name:
            self._log.warning("configuration.older", file=name, version=version.number, in_force=version.digest)
        return version

    async def read_again(self, own: Config, actor: Actor) -> Version:
        """The version that a reload of this file by `actor` leads to. Raises Retry."""
        return await self._agree(own, digest(encode(shared(own))) != self._written, actor)

    async def newer(self) -> Version | None:
        """One that others have made since this process looked last. Raises Retry."""
        if self._seen == 0 or await configurations.newest_number(self._store) == self._seen:
            return None
        return await configurations.newest(self._store)

    async def has(self, version: Version, in_force: Config) -> None:
        """Say what this process works by, and what of the version it cannot put in force. Raises Retry."""
        paths = differing(shared(in_force), decode(version.shared))
        self._in_force = version.number
        await self._say(version, f"only a restart with {', '.join(paths)} in its file" if paths else "")

    async def cannot(self, version: Version, reason: str) -> None:
        """Say that this process stays with what it has. Raises Retry."""
        await self._say(version, reason)

    async def _agree(self, own: Config, changed: bool, actor: Actor) -> Version:
        text = encode(shared(own))
        name = digest(text)
        for _ in range(TRIES):
            newest = await configurations.newest(self._store)
            if newest is not None and (newest.digest == name or not changed):
                break
            newest = Version((newest.number if newest else 0) + 1, name, text, self._me.id, self._clock.now())
            if await self._accepted(newest, actor):
                break
        else:
            raise Retry("others change the shared configuration all the while", 1.0)
        self._written = name
        return newest

    async def _accepted(self, new: Version, actor: Actor) -> bool:
        about = Subject(resource=new.digest)
        record = self._auditor.record(
            "change.configuration.version", actor, about,
            outcome=f"version {new.number} by {self._me.id}", content=new.shared.encode(),
        )  # fmt: skip
        accepted = operation("configuration", configurations.accept(new), configurations.forget(new.number), record)
        try:
            await self._store.commit(accepted)
        except ExpectationFailed:
            return False  # another was faster
        self._log.info("configuration.version", number=new.number, digest=new.digest)
        return True

    async def _say(self, version: Version, drift: str) -> None:
        told = drift[:MOST_TOLD]
        says = processes.works_by(self._me.id, self._in_force, self._written, told)
        await self._store.commit(operation("process", says))
        self._seen = version.number
        if drift:
            self._log.warning("configuration.drift", version=version.number, reason=drift)
