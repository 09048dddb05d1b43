"""One worker per key, many keys at once. Lanes (key: session) and the outbox (key: room) both run on this.

The rows are the truth: a key here is only a hint that its rows want looking at. Memory is bounded; a hint that
finds no place is dropped and the rows are scanned again as soon as there is room, and every RESCAN_S anyway.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable

from quarterdeck.base.errors import Retry
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.flow.peers import ALONE, Peers

HINTS = 50_000  # keys that wait for a worker, or for their time
RESCAN_S = 30.0
RESCAN_SHARED_S = 5.0  # where others make rows, and a hint of theirs may be lost
AFTER_FAILURE_S = 5.0
TICK_S = 0.25  # how soon a stop is seen

Work = Callable[[str], Awaitable[float | None]]  # None: nothing left; else seconds until it wants another look
First = Callable[[], Awaitable[float | None]]  # what a held key begins with; not begun where the task never is


class Keyed:
    """Runs `work(key)` for woken keys: never twice at once for a key, at most `limit` keys at once, in wake order."""

    def __init__(
        self,
        name: str,
        work: Work,
        scan: Callable[[], AsyncIterator[str]],
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
        self._ready: OrderedDict[str, None] = OrderedDict()
        self._busy: dict[str, bool] = {}  # key -> woken again meanwhile
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

    def wake(self, key: str) -> None:
        """There may be something to do for `key`."""
        if key in self._busy:
            self._busy[key] = True
        elif len(self._ready) < HINTS:
            self._ready[key] = None
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

    def hold(self, key: str) -> bool:
        """Take an idle key; while it is held no worker starts for it. False when it is not idle."""
        if not self.idle(key):
            return False
        if self._life is None or self._life.stopping.is_set() or len(self._busy) >= self._at_once(self._life):
            return False
        self._busy[key] = False
        return True

    def _at_once(self, life: Life) -> int:
        return min(self._limit(), life.max_tasks)

    def release(self, key: str, *, wake: bool) -> None:
        """Give a held key back."""
        again = self._busy.pop(key, False)
        if wake or again:
            self.wake(key)
        self._freed()

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
        while self._ready and len(self._busy) < self._at_once(life):
            key, _ = self._ready.popitem(last=False)
            if key in self._busy:
                self._busy[key] = True
                continue
            self._busy[key] = False
            try:
                life.spawn(key, self._run_one(key, None))
            except Retry:  # every task slot is taken; the next end makes room
                del self._busy[key]
                self._ready[key] = None
                return

    async def _run_one(self, key: str, first: First | None) -> None:
        delay: float | None = AFTER_FAILURE_S
        try:
            delay = await (first() if first is not None else self._work(key))
        finally:
            again = self._busy.pop(key, False)
            if again or delay == 0.0:
                self.wake(key)
            elif delay is not None:
                self._wake_later(key, delay)
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
            async for key in self._scan():
                self.wake(key)
        except Retry as error:
            self._missed = True
            self._log.warning("keyed.rescan_failed", name=self._name, reason=str(error))
