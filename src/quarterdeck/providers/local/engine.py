"""The demo model as an endpoint: at most one engine process, started when needed, stopped when idle."""

import asyncio
import os
import secrets
from pathlib import Path

import msgspec

from quarterdeck.base.errors import NotFound, QuarterdeckError, Retry, Stopping
from quarterdeck.providers.local.demo import LIMITS, MODEL_ID
from quarterdeck.providers.local.pins import PINS, Pins
from quarterdeck.providers.local.process import EngineProcess, Order
from quarterdeck.providers.local.shelf import MEMORY_NEEDED, Shelf, status

IDLE_S = 600.0
STEADY_S = 60.0
LONGEST_PAUSE_S = 60.0
SOON_S = 1.0


class Endpoint(msgspec.Struct, frozen=True):
    """An OpenAI-compatible endpoint: `base_url` ends in /v1, `key` is the bearer token of this process."""

    base_url: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        """What every request needs.

        `Connection: close`, because the engine says Keep-Alive and then hangs up after a stream (seen in
        xllamacpp 2026.10.11549), so that a client which keeps the connection fails at its next request.
        """
        return {"Authorization": f"Bearer {self.key}", "Connection": "close"}

    def __repr__(self) -> str:
        return f"Endpoint(base_url={self.base_url!r}, key=...)"


class LocalEngine:
    """Owns the engine process. One event loop; close it before the loop ends."""

    def __init__(self, data_dir: Path, *, idle_s: float = IDLE_S, pins: Pins = PINS) -> None:
        """`idle_s` counts from the last `endpoint()`: keep it above the longest answer, about 60 s."""
        self._shelf = Shelf(data_dir, pins)
        self._idle_s = idle_s
        self._one_at_a_time = asyncio.Lock()
        self._process: EngineProcess | None = None
        self._endpoint = Endpoint("", "")
        self._words: tuple[str, ...] = ()
        self._failures = 0
        self._not_before = 0.0
        self._used = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def endpoint(self) -> Endpoint:
        """A running engine that just answered a health check. Ask before every request; keep no result.

        Callers at the same time share one start, which takes about a second, at most 60. After a first crash
        the next call starts anew at once, after further ones a pause doubles from 2 s to 60 s.
        Raises NotFound (not pulled), Retry (no memory, or in such a pause: then with `retry_after`), GiveUp
        (this machine cannot run it) and Stopping (closed).
        """
        self._used = asyncio.get_running_loop().time()
        async with self._one_at_a_time:
            self._require_open()
            if self._process is None or not await self._is_well(self._process):
                await self._replace()
            self._used = asyncio.get_running_loop().time()
            return self._endpoint

    async def close(self) -> None:
        """End the process, also one that is still starting, and refuse further calls. At most about 10 s."""
        self._closed = True
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if self._process is not None:
            self._process.begin_to_stop()
        async with self._one_at_a_time:
            if self._process is not None:
                await self._process.stop()
                self._process = None

    @property
    def pid(self) -> int | None:
        """Process id of the engine while one runs."""
        return self._process.pid if self._process is not None and self._process.is_running else None

    def last_words(self) -> tuple[str, ...]:
        """The newest lines that the running, else the last, engine wrote to its standard error."""
        return self._process.last_words() if self._process is not None else self._words

    async def _is_well(self, process: EngineProcess) -> bool:
        if not (process.is_running and await process.healthy()):
            return False
        if asyncio.get_running_loop().time() - process.started_at > STEADY_S:
            self._failures = 0
        return True

    async def _replace(self) -> None:
        """End what is left of the old process, keep to the pause, start a new one."""
        old = self._process
        if old is not None:
            if not old.was_asked_to_stop:
                self._count_failure()
            await self._discard(old)
        left = self._not_before - asyncio.get_running_loop().time()
        if left > 0:
            raise Retry(
                f"the demo model failed {self._failures} times in a row; it is tried again after a pause",
                left,
            )
        order = await asyncio.to_thread(self._order)
        self._require_open()
        self._process = process = await EngineProcess.spawn(os.environ)
        try:
            self._require_open()
            await process.shake_hands(order)
        except BaseException as error:
            await self._discard(process)
            if isinstance(error, QuarterdeckError):
                self._require_open()  # else closing was the cause
                self._count_failure()
            raise
        self._endpoint = Endpoint(f"{process.url}/v1", order.key)
        self._stop_when_idle(process)

    def _order(self) -> Order:
        """Reads the file system, so it runs in a thread. Raises NotFound or Retry with what is missing."""
        lacks = status(self._shelf.data_dir, pins=self._shelf.pins).lacks
        engine = self._shelf.engine()
        if engine is None or "weights" in lacks:
            what = " and ".join(lack for lack in lacks if lack != "memory")
            raise NotFound(f"the demo model is not here (missing: {what}); run: quarterdeck models pull")
        if "memory" in lacks:
            raise Retry(f"the demo model needs {MEMORY_NEEDED / 1e6:.0f} MB of free memory; stop something else")
        return Order(
            engine=str(engine.absolute()),
            weights=str(self._shelf.weights.absolute()),
            alias=MODEL_ID,
            key=secrets.token_urlsafe(32),
            parent=os.getpid(),
            context_tokens=LIMITS.context_tokens,
            parallel=LIMITS.parallel,
            max_tokens=LIMITS.max_tokens,
        )

    async def _discard(self, process: EngineProcess) -> None:
        await process.stop()
        self._words = process.last_words()
        self._process = None

    def _stop_when_idle(self, process: EngineProcess) -> None:
        """Looks again whenever the idle time may be over; a call that is under way counts as use."""
        loop = asyncio.get_running_loop()
        left = self._used + self._idle_s - loop.time()
        if not process.is_running or process is not self._process:
            return
        if left <= 0 and not self._one_at_a_time.locked():
            process.begin_to_stop()
            return
        self._idle_timer = loop.call_later(max(left, SOON_S), self._stop_when_idle, process)

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures > 1:
            pause = min(2.0 ** (self._failures - 1), LONGEST_PAUSE_S)
            self._not_before = asyncio.get_running_loop().time() + pause

    def _require_open(self) -> None:
        if self._closed:
            raise Stopping("the demo model's engine is closed")
