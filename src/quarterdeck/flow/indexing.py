"""Indexing: makes messages findable behind the fact, so that no turn waits for it (see store/search.py)."""

import asyncio
from typing import cast

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import Conflict, Retry
from quarterdeck.base.outside import UNREADABLE
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.model.message import (
    AssistantMessage,
    LateResults,
    Message,
    SystemEvent,
    ToolCall,
    ToolResult,
    UserMessage,
    decode,
)
from quarterdeck.observe.metrics import Metrics
from quarterdeck.store import events, search
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation
from quarterdeck.store.search import Cursor, Entry, Passed

EVERY_S = 1.0
PAUSE_S = 0.005  # between two slices, so that an old database is caught up with beside the turns
EVENTS = 200  # looked at for one slice
MESSAGES = 16  # in one slice; with the bytes they keep an operation within 5 ms
BYTES = 24_000
LONGEST = 20_000  # characters of one message that can be found
MERGED_PAGES = 4
LAG = "search_lag_seconds"


class Indexer:
    """The service. One per database: a second one would find the cursor moved and read again."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics, log: EventLog) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._log = log

    async def run(self, life: Life) -> None:
        """Read until told to stop."""
        life.ready()
        self._lag(0.0)
        seen = -1
        while not life.stopping.is_set():
            seen = await self._catch_up(life, seen)
            await _wait(life, EVERY_S)
        self._metrics.withdraw((LAG,))  # another process may read from now on

    async def _catch_up(self, life: Life, seen: int) -> int:
        """Read everything that is behind event `seen`; the newest that is read, or `seen` as long as some wait."""
        try:
            newest = await events.newest(self._store)
            while newest != seen and await self.slice():
                if life.stopping.is_set():
                    return seen
                await _wait(life, PAUSE_S)
        except (Retry, Conflict) as error:
            self._log.warning("search.late", reason=str(error))
            return seen
        return newest

    async def slice(self) -> bool:
        """Index what comes next; whether there may be more."""
        old = await search.cursor(self._store)
        page = await search.passed(self._store, old.event_id, EVENTS)
        entries, new = await self._entries(old, page)
        if not entries and len(page) < EVENTS:
            self._lag(0.0)
            return False
        await self._store.commit(operation("search", search.add(entries, old, new)))
        if entries:
            await self._store.commit(operation("search", search.merge(MERGED_PAGES)))
        reached = next(event for event in page if event.id == new.event_id)
        self._lag(self._clock.now() - reached.created_at)
        return True

    async def _entries(self, old: Cursor, page: list[Passed]) -> tuple[list[Entry], Cursor]:
        """The next messages, as many as one operation takes, and where the cursor is behind them."""
        entries: list[Entry] = []
        new, left, size = old, MESSAGES, 0
        for event in page:
            after = old.part if event.id == old.event_id else -1
            found = await search.unread(self._store, event, after, left) if event.kind in search.WITH_MESSAGES else []
            for one in found:
                role, text = words(decode(one.content))
                if text.strip():
                    at = (event.session_id, event.seq, one.part)
                    entries.append(Entry(*at, role, text[:LONGEST], one.created_at))
                new, left, size = Cursor(event.id, one.part), left - 1, size + len(text)
                if left == 0 or size >= BYTES:
                    return entries, new
            new = Cursor(event.id, search.WHOLE)
        return entries, new

    def _lag(self, seconds: float) -> None:
        self._metrics.gauge(LAG, "Age of the newest turn that can be found, while more wait", seconds)


def words(message: Message) -> tuple[str, str]:
    """(role, text) of a message as it can be found, calls of tools included; what a model thought is not."""
    match message:
        case UserMessage():
            return "user", " ".join((message.text, *(file.name for file in message.attachments)))
        case AssistantMessage():
            return "assistant", " ".join((message.text, *(called(call) for call in message.calls)))
        case ToolResult():
            return "tool", message.text
        case SystemEvent():
            return "event", message.text
        case LateResults():
            return "results", "\n".join(one.text for one in message.results)


def called(call: ToolCall) -> str:
    """A call as a person would look for it: the tool's name, then what stands in its arguments."""
    found = [call.name]
    try:
        left: list[object] = [msgspec.json.decode(call.arguments)]
    except UNREADABLE:
        return f"{call.name} {call.arguments}"
    while left:
        one = left.pop()
        if isinstance(one, dict):
            pairs = cast("dict[str, object]", one).items()
            left += reversed([part for pair in pairs for part in pair])
        elif isinstance(one, list):
            left += reversed(cast("list[object]", one))
        elif one is not None:
            found.append(str(one))
    return " ".join(found)


async def _wait(life: Life, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await life.stopping.wait()
    except TimeoutError:
        return
