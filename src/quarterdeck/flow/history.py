"""A session's history for the model: a pure function of rows, cached within a byte bound while the fence is held."""

from collections import OrderedDict

import msgspec

from quarterdeck.model.message import Message, decode
from quarterdeck.store import messages
from quarterdeck.store.database import Store
from quarterdeck.store.sessions import Session

KEEP = 200  # messages of a session that are read; no model is shown more


class _Entry(msgspec.Struct, frozen=True):
    fence: int
    history_from: int
    messages: tuple[Message, ...]
    sizes: tuple[int, ...]  # of each message's stored content

    @property
    def size(self) -> int:
        return sum(self.sizes)


class History:
    """Reads histories and keeps the newest ones, at most `max_bytes` of stored content in all."""

    def __init__(self, store: Store, max_bytes: int) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    async def read(self, session: Session) -> tuple[Message, ...]:
        """The messages that a turn of `session` builds on, oldest first."""
        entry = self._entries.get(session.id)
        if entry and entry.fence == session.fence and entry.history_from == session.history_from:
            self._entries.move_to_end(session.id)
            return entry.messages
        rows = await messages.newest(self._store, session.id, session.history_from, KEEP)
        found = tuple(decode(row.content) for row in rows)
        sizes = tuple(len(row.content) for row in rows)
        self._put(session.id, _Entry(session.fence, session.history_from, found, sizes))
        return found

    def extend(self, session: Session, fence: int, added: tuple[Message, ...], sizes: tuple[int, ...]) -> None:
        """A turn of `session` under `fence` wrote these messages, of so many bytes of content each."""
        entry = self._entries.get(session.id)
        if entry is None or entry.history_from != session.history_from:
            return
        kept, left = (*entry.messages, *added)[-KEEP:], (*entry.sizes, *sizes)[-KEEP:]
        self._put(session.id, _Entry(fence, entry.history_from, kept, left))

    def _put(self, session_id: str, entry: _Entry) -> None:
        old = self._entries.pop(session_id, None)
        self._bytes += entry.size - (old.size if old else 0)
        self._entries[session_id] = entry
        while self._bytes > self._max_bytes and self._entries:
            _, gone = self._entries.popitem(last=False)
            self._bytes -= gone.size
