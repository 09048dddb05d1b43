"""One worker per key, many keys at once. Lanes (key: session) and the outbox (key: room) both run on this.

The rows are the truth: a key here is only a hint that its rows want looking at. Memory is bounded; a hint that
finds no place is dropped and the rows are scanned again as soon as there is room, and every RESCAN_S anyway.
Who has the next place is said by fairness.py.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from quarterdeck.base.errors import Retry
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.flow.fairness import Queue
from quarterdeck.flow.peers import ALONE, Peers

HINTS = 50_000  # keys that wait for a worker, or for their time
RESCAN_S = 30.0
RESCAN_SHARED_S = 5.0  # where others make rows, and a hint of theirs may be lost
AFTER_FAILURE_S = 5.0
TICK_S = 0.25  # how soon a stop is seen

Work = Callable[[str], Awaitable[float | None]]  # None: nothing left; else seconds until it wants another look
First = Callable[[], Awaitable[float | None]]  # what a held key begins with; not begun where the task never is
Scan = Callable[[], AsyncIterator[tuple[str, str]]]  # keys with their groups, from the rows


class Keyed:
    """Runs `work(key)` for woken keys: never twice at once for a key, at most `limit` keys at once, in wake order
    within a group.
    """

    def __init__(
        self,
        name: str,
        work: Work,
        scan: Scan,
        limit: Callable[[], int],
        log: EventLog,
        peers: Peers = ALONE,
    ) -> None:
        self._name = name
        self._work = work
        self._scan = scan
        self._limit = limit
        self._log = log
        self._rescan_s = RESCAN_SHARED_S if peers.shared else RESCAN_S
        self._ready = Queue()
        self._busy: dict[str, bool] = {}  # key -> woken again meanwhile
        self._groups: dict[str, str] = {}  # of each key that is ready, busy, or waits for its time
        self._later: dict[str, asyncio.TimerHandle] = {}
        self._missed = False
        self._news = asyncio.Event()
        self._life: Life | None = None

    @property
    def running(self) -> int:
        """Keys that are being worked on or held."""
        return len(self._busy)

    @property
    def waiting(self) -> int:
        """Keys that wait for a worker."""
        return len(self._ready)

    @property
    def full(self) -> bool:
        """Whether keys wait that may have no place now."""
        return self._life is not None and self._ready.full(self._free(self._life))

    def wake(self, key: str, group: str = "") -> None:
        """There may be something to do for `key`. An empty group: that of before, where it is known."""
        if key in self._busy:
            self._busy[key] = True
        elif len(self._ready) < HINTS:
            self._ready.add(key, self._groups.setdefault(key, group))
        else:
            self._missed = True
        self._news.set()

    def look_again(self) -> None:
        """Rows may have been made, or come free, that nobody gave a hint of."""
        self._missed = True
        self._news.set()

    def idle(self, key: str) -> bool:
        """Whether nobody works on `key` and nothing is known to wait there."""
        return not self._missed and key not in self._busy and key not in self._ready and key not in self._later

    def hold(self, key: str, group: str = "") -> bool:
        """Take an idle key; while it is held no worker starts for it. False when it is not idle."""
        if not self.idle(key):
            return False
        if self._life is None or self._life.stopping.is_set() or not self._ready.may(group, self._free(self._life)):
            return False
        self._groups[key] = group
        self._ready.sit(group)
        self._busy[key] = False
        return True

    def _free(self, life: Life) -> int:
        return max(0, min(self._limit(), life.max_tasks) - len(self._busy))

    def release(self, key: str, *, wake: bool) -> None:
        """Give a held key back."""
        again = self._end(key)
        if wake or again:
            self.wake(key)
        self._forget(key)
        self._freed()

    def _end(self, key: str) -> bool:
        """A key has its place no longer; whether it was woken meanwhile."""
        self._ready.leave(self._groups[key])
        return self._busy.pop(key)

    def _forget(self, key: str) -> None:
        if key not in self._busy and key not in self._ready and key not in self._later:
            self._groups.pop(key, None)

    def launch(self, key: str, first: First) -> None:
        """Go on with a held key: `first`, then its ordinary work."""
        assert self._life is not None
        self._life.spawn(key, self._run_one(key, first))

    async def run(self, life: Life) -> None:
        """Serve until `life.stopping`, then let what runs end (the supervisor's deadline cuts it)."""
        self._life = life
        await self._rescan()
        life.ready()
        rescan_at = asyncio.get_running_loop().time() + self._rescan_s
        while not life.stopping.is_set():
            self._start_ready(life)
            await self._wait_for_news()
            if asyncio.get_running_loop().time() >= rescan_at or (self._missed and len(self._ready) < HINTS // 2):
                await self._rescan()
                rescan_at = asyncio.get_running_loop().time() + self._rescan_s
        for handle in self._later.values():
            handle.cancel()
        self._later.clear()
        while self._busy:  # bounded by the supervisor's stop deadline
            self._news.clear()
            await self._news.wait()

    def _start_ready(self, life: Life) -> None:
        while (taken := self._ready.take(self._free(life))) is not None:
            key, group = taken
            self._busy[key] = False
            try:
                life.spawn(key, self._run_one(key, None))
            except Retry:  # every task slot is taken; the next end makes room
                self._end(key)
                self._ready.add(key, group)
                return

    async def _run_one(self, key: str, first: First | None) -> None:
        delay: float | None = AFTER_FAILURE_S
        try:
            delay = await (first() if first is not None else self._work(key))
        except Retry as error:  # nothing was kept: the rows are as they were
            self._log.warning("keyed.later", name=self._name, key=key, reason=str(error))
        finally:
            again = self._end(key)
            if again or delay == 0.0:
                self.wake(key)
            elif delay is not None:
                self._wake_later(key, delay)
            self._forget(key)
            self._freed()

    def _freed(self) -> None:
        """There is a place: for a key that waits for one, and for a stop that waits for all to be free."""
        if self._ready or (self._life is not None and self._life.stopping.is_set()):
            self._news.set()

    def _wake_later(self, key: str, delay: float) -> None:
        if len(self._later) >= HINTS:
            self._missed = True
            return
        if (old := self._later.pop(key, None)) is not None:
            old.cancel()
        self._later[key] = asyncio.get_running_loop().call_later(delay, self._due, key)

    def _due(self, key: str) -> None:
        self._later.pop(key, None)
        self.wake(key)
        self._forget(key)

    async def _wait_for_news(self) -> None:
        tick = asyncio.get_running_loop().call_later(TICK_S, self._news.set)
        try:
            await self._news.wait()
        finally:
            tick.cancel()
        self._news.clear()

    async def _rescan(self) -> None:
        self._missed = False
        try:
            async for key, group in self._scan():
                self.wake(key, group)
        except Retry as error:
            self._missed = True
            self._log.warning("keyed.rescan_failed", name=self._name, reason=str(error))
