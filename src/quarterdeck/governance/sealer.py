"""The sealer: gives audit rows their positions and signs the state of the tree, at most a second behind."""

import asyncio

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quarterdeck.base.clock import Clock
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import Conflict, Retry
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.governance.checkpoint import Checkpoint, origin_of, sign
from quarterdeck.governance.tree import Frontier
from quarterdeck.store import audit
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation
from quarterdeck.store.tenancy import TENANT

EVERY_S = 0.5
SLICE = 400  # rows in one operation, so that it stays within a few milliseconds


class Sealer:
    """One per database. What it writes is checked again by its statements: two sealers cannot both succeed, and the one
    that does not reads again.
    """

    def __init__(self, store: Store, key: Ed25519PrivateKey, clock: Clock, crash: CrashPoints, log: EventLog) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self._crash = crash
        self._log = log

    async def run(self, life: Life) -> None:
        """Seal until told to stop, then once more, so that a clean end leaves nothing unsealed."""
        life.ready()
        while not life.stopping.is_set():
            try:
                async with asyncio.timeout(EVERY_S):
                    await life.stopping.wait()
            except TimeoutError:
                pass
            await self._seal_all()

    async def _seal_all(self) -> None:
        try:
            while await self.seal() == SLICE:
                pass
        except (Retry, Conflict) as error:  # or another was faster: what it left is sealed at the next look
            self._log.warning("audit.seal_late", reason=str(error))

    async def seal(self) -> int:
        """Seal one slice; how many rows it had."""
        last = await audit.checkpoint(self._store)
        size, after = (last.size, last.last_rowid) if last else (0, 0)
        rows = await audit.unsealed(self._store, after, SLICE)
        if not rows:
            return 0
        hashes = [leaf_hash for _, leaf_hash in rows if isinstance(leaf_hash, bytes)]
        frontier = Frontier.from_bytes(size, last.frontier if last else b"").extend(hashes)
        newest = int(rows[-1][0] or 0)
        now_us = int(self._clock.now() * 1_000_000)
        if last and now_us < last.sealed_at * 1_000_000:  # told as it is: that is the record of it
            self._log.warning("audit.clock_set_back", seconds=round(last.sealed_at - now_us / 1_000_000, 3))
        state = Checkpoint(origin_of(TENANT), frontier.size, frontier.root(), now_us, size)
        note = sign(state, self._key)
        self._crash.reach("seal.hashed")
        await self._store.commit(
            operation(
                "seal",
                audit.seal_positions(size, after, newest, len(rows)),
                audit.insert_checkpoint(state.size, state.root, note, frontier.to_bytes(), state.sealed_at),
            )
        )
        return len(rows)
