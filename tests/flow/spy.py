"""Between the parts and the real store, and at the crash points: counts, interrupts and kills where a test says so."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

from quarterdeck.base.crash import CrashPoints
from quarterdeck.store.database import Kept, Row, Store
from quarterdeck.store.operations import Operation, Receipt, Value

OF_A_SESSION = {"inbox", "turns", "intents", "parts"}
Hook = Callable[[], Awaitable[object]]


def waits_backwards(operation: Operation) -> str:
    """What an operation may wait for and have before the row of its session: others wait in the other order."""
    named = [statement.sql.split(maxsplit=2)[1] for statement in operation.statements if "UPDATE" in statement.sql[:6]]
    before = named[: named.index("sessions")] if "sessions" in named else []
    return ", ".join(sorted(OF_A_SESSION & set(before)))


class Spy:
    """A Store over the real one. Hooks run once each, before an operation is handed over or after its commit."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.committed: list[str] = []
        self.statements: list[str] = []
        self.dead = False
        self.before: dict[str, deque[Hook]] = defaultdict(deque)
        self.after: dict[str, deque[Hook]] = defaultdict(deque)

    @property
    def trouble(self) -> str:
        return self.inner.trouble

    def troubled(self) -> str:
        return self.inner.troubled()

    async def commit(self, operation: Operation, kept: Kept | None = None) -> Receipt:
        await self._live()
        assert not (late := waits_backwards(operation)), f"{operation.name} has {late} before its session"
        if self.before[operation.name]:
            await self.before[operation.name].popleft()()
        receipt = await self.inner.commit(operation)
        self.committed.append(operation.name)
        self.statements += [statement.name for statement in operation.statements]
        try:
            if self.after[operation.name]:
                await self.after[operation.name].popleft()()
            await self._live()
        finally:
            if kept is not None and not self.dead:
                kept(receipt)
        return receipt

    async def fetch(self, sql: str, params: Mapping[str, Value]) -> Sequence[Row]:
        await self._live()
        return await self.inner.fetch(sql, params)

    async def scan(self, sql: str, params: Mapping[str, Value]) -> Sequence[Row]:
        await self._live()
        return await self.inner.scan(sql, params)

    async def close(self) -> None:
        await self.inner.close()

    async def _live(self) -> None:
        if self.dead:
            await asyncio.Event().wait()  # a dead process does nothing more; its tasks are cancelled


class Places(CrashPoints):
    """Crash points at which this world dies instead of the process: nothing is committed or sent behind them."""

    def __init__(self, die: Callable[[], None]) -> None:
        super().__init__()
        self._die = die
        self._at = ""
        self._hits = 0
        self.seen: set[str] = set()

    def arm(self, point: str, hit: int = 1) -> None:
        self._at, self._hits = point, hit

    def reach(self, point: str) -> None:
        self.seen.add(point)
        if point != self._at:
            return
        self._hits -= 1
        if self._hits == 0:
            self._die()
            raise asyncio.CancelledError
