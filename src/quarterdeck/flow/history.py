"""A session's past for the model: a pure function of rows, cached within a byte bound while the fence is held."""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from quarterdeck.flow.budget import Past
from quarterdeck.model.message import Message, decode
from quarterdeck.store import messages, pins, summaries
from quarterdeck.store.database import Store
from quarterdeck.store.sessions import Session

KEEP = 200  # messages of a session that are read behind its summary
ALL_PARTS = 1 << 40  # behind whatever stands at a position


class _Entry(msgspec.Struct, frozen=True):
    fence: int
    history_from: int
    mind: int
    past: Past
    size: int

    def fits(self, session: Session, fence: int) -> bool:
        """Whether it is what the rows of `session` say."""
        return (self.fence, self.history_from, self.mind) == (fence, session.history_from, session.mind)


class History:
    """Reads pasts and keeps the newest ones, at most `max_bytes` of stored content in all."""

    def __init__(self, store: Store, max_bytes: int) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    async def read(self, session: Session) -> Past:
        """What a turn of `session` builds on."""
        entry = self._entries.get(session.id)
        if entry and entry.fits(session, session.fence):
            self._entries.move_to_end(session.id)
            return entry.past
        past = await self.fresh(session)
        self._put(session, session.fence, past)
        return past

    async def fresh(self, session: Session) -> Past:
        """The same from the rows, whatever is cached."""
        start = session.history_from
        summary = await summaries.newest(self._store, session.id, start)
        behind = (summary.position, summary.part) if summary else (start, ALL_PARTS)
        rows = await messages.newest(self._store, session.id, start, behind, KEEP + 1)
        kept = rows[-KEEP:]
        pinned = await pins.of_session(self._store, session.id, start)
        return Past(
            messages=tuple(decode(row.content) for row in kept),
            sizes=tuple(len(row.content) for row in kept),
            places=tuple((row.position, row.part) for row in kept),
            summary=summary.text if summary else "",
            pins=tuple(pin.text for pin in pinned),
            cut=len(rows) > KEEP,
        )

    def extend(
        self,
        session: Session,
        fence: int,
        position: int,
        added: Sequence[Message],
        sizes: Sequence[int],
    ) -> None:
        """A turn of `session` under `fence` wrote these messages at `position`, of so many bytes of content each."""
        entry = self._entries.get(session.id)
        if entry is None or not entry.fits(session, entry.fence):
            return
        past = entry.past
        places = tuple((position, part) for part in range(len(added)))
        grown = Past(
            messages=(*past.messages, *added)[-KEEP:],
            sizes=(*past.sizes, *sizes)[-KEEP:],
            places=(*past.places, *places)[-KEEP:],
            summary=past.summary,
            pins=past.pins,
            cut=past.cut or len(past.messages) + len(added) > KEEP,
        )
        self._put(session, fence, grown)

    def _put(self, session: Session, fence: int, past: Past) -> None:
        old = self._entries.pop(session.id, None)
        entry = _Entry(fence, session.history_from, session.mind, past, past.size)
        self._bytes += entry.size - (old.size if old else 0)
        self._entries[session.id] = entry
        while self._bytes > self._max_bytes and self._entries:
            _, gone = self._entries.popitem(last=False)
            self._bytes -= gone.size
