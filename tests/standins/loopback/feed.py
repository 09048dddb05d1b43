"""Which events has the bot not confirmed, and who polls?"""

import asyncio
import time
from collections import deque

import msgspec

from tests.standins.loopback.refusals import Refused
from tests.standins.loopback.values import Ack, Event, Note

MAX_PENDING = 100_000
MAX_ACKS = 100_000


class Feed:
    """Events in the order of their seq, from 1, until they are confirmed."""

    def __init__(self, note: Note) -> None:
        self.pending: deque[Event] = deque()
        self.acks: deque[Ack] = deque(maxlen=MAX_ACKS)
        self.seq = 0
        self._note = note
        self._waiting: asyncio.Future[bool] | None = None  # True: there is news, False: a newer poll has begun

    def add(self, event: Event) -> Event:
        """Give the event the next seq and wake the poll. Raises Refused above MAX_PENDING."""
        if len(self.pending) >= MAX_PENDING:
            raise Refused(507, "full")
        self.seq += 1
        event = msgspec.structs.replace(event, seq=self.seq)
        self.pending.append(event)
        self._note(
            "inject",
            seq=event.seq,
            kind=event.kind,
            id=event.id,
            revision=event.revision,
            room=event.room.id,
            text=event.text,
            message=event.message,
            value=event.value,
        )
        self._settle(True)
        return event

    async def poll(self, after: int, wait: float, limit: int) -> list[Event]:
        """Confirm every seq <= after; take up to `limit` others, waiting `wait` seconds for the first.

        Raises Refused in the older of two polls that wait at the same time.
        """
        self._confirm(after)
        self._settle(False)
        if not self.pending and wait > 0:
            await self._news(wait)
        return [self.pending[index] for index in range(min(limit, len(self.pending)))]

    def _confirm(self, after: int) -> None:
        gone: list[int] = []
        while self.pending and self.pending[0].seq <= after:
            gone.append(self.pending.popleft().seq)
        if gone:
            ack = Ack(time.time(), after, gone)
            self.acks.append(ack)
            self._note("ack", after=after, seqs=gone)

    async def _news(self, wait: float) -> None:
        waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        try:
            async with asyncio.timeout(wait):
                news = await waiting
        except TimeoutError:
            return
        if not news:
            raise Refused(409, "conflict")

    def _settle(self, news: bool) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(news)
        self._waiting = None
