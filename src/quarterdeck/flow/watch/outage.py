"""Is the database back? While it is in trouble, a record of that is tried once a second; it is the first that it takes.

So an outage ends when something was kept, also where nobody says anything, and it stands in the record; one that began
and ended between two looks, too.
"""

import asyncio
from typing import Final

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Retry
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.governance.audit import SYSTEM, Auditor, Subject
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation

EVERY_S: Final = 1.0
SAID: Final = 300  # characters of the reason that are kept


class Outages:
    """The service."""

    def __init__(self, store: Store, auditor: Auditor, clock: Clock, log: EventLog) -> None:
        self._store = store
        self._auditor = auditor
        self._clock = clock
        self._log = log

    async def run(self, life: Life) -> None:
        """Look until told to stop."""
        life.ready()
        began: tuple[float, str] | None = None
        while not life.stopping.is_set():
            if began is None and (trouble := self._store.troubled() or self._store.trouble):
                began = self._clock.monotonic(), trouble
                self._log.error("store.trouble", reason=trouble)
            if began is not None and await self._over(*began):
                began = None
                self._store.troubled()  # what is over with it
            try:
                async with asyncio.timeout(EVERY_S):
                    await life.stopping.wait()
            except TimeoutError:
                continue

    async def _over(self, since: float, reason: str) -> bool:
        seconds = self._clock.monotonic() - since
        record = self._auditor.record("store.outage", SYSTEM, Subject(), outcome=reason[:SAID])
        try:
            await self._store.commit(operation("outage", record))
        except Retry:
            return False
        self._log.info("store.recovered", seconds=round(seconds, 1), reason=reason)
        return True
