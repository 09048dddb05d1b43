"""What has happened at the stand-in? Every event once, in memory and in a JSONL file that outlives everybody.

A line is `{"n": number, "at": seconds since the epoch, "event": name, ...}`. Events: `request` (on arrival)
and `response` (the same `request` number), `sent`, `edited`, `markup`, `deleted`, `draft`, `action`, `reaction`,
`answered`, `injected`, `acked`, `fault`, `reset`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.standins import Record as Lines

Record = dict[str, object]

MOST_RECORDS = 500_000
"""Beyond this a test run is broken; the journal refuses rather than eat the machine's memory."""


class JournalFull(RuntimeError):
    """More than `MOST_RECORDS` events: reset the stand-in between runs."""


class Journal:
    """The stand-in's memory of events. A line is written before the event is answered."""

    def __init__(self, file: Path | None) -> None:
        self.records: list[Record] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lines = Lines(file)
        self._numbers = 0
        self._waiters: list[asyncio.Future[None]] = []

    def note(self, event: str, **details: object) -> Record:
        """Append an event and wake those who wait for one. The returned record is the one kept in memory."""
        if len(self.records) >= MOST_RECORDS:
            raise JournalFull(f"more than {MOST_RECORDS} events since the last reset")
        self._numbers += 1
        record: Record = {"n": self._numbers, "at": time.time(), "event": event, **details}
        self.records.append(record)
        self._counts[event, ""] += 1
        if "method" in details:
            self._counts[event, str(details["method"]).lower()] += 1
        self._lines.write(record)
        self.stir()
        return record

    def of(self, event: str) -> list[Record]:
        """Return the records of one kind, oldest first."""
        return [record for record in self.records if record["event"] == event]

    def count(self, event: str, method: str = "") -> int:
        """Return how many events of a kind, of one method if given, there are; cheap."""
        return self._counts[event, method.lower()] if event else len(self.records)

    def stir(self) -> None:
        """Let waiters look again (something changed that is no record, such as who polls)."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, holds: Callable[[], bool], timeout: float) -> bool:
        """Wait until `holds()` or `timeout` seconds have passed; tell which."""
        try:
            async with asyncio.timeout(timeout):
                while not holds():
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiters.append(waiter)
                    await waiter
        except TimeoutError:
            return holds()
        return True

    def forget(self) -> None:
        """Empty the memory. The file keeps everything and says that there was a reset."""
        self.records.clear()
        self._counts.clear()
        self.note("reset")

    def close(self) -> None:
        """Close the file."""
        self._lines.close()
