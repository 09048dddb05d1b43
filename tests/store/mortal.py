"""A store whose process dies beside a chosen commit."""

from collections.abc import Mapping, Sequence

from quarterdeck.store.database import Kept, Row, Store
from quarterdeck.store.operations import Operation, Receipt, Value


class Killed(Exception):
    """The process ended here."""


class Mortal:
    """A store over another one, whose process dies before or after the n-th commit from now."""

    dies_in = 0
    side = ""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    @property
    def trouble(self) -> str:
        return self._inner.trouble

    def troubled(self) -> str:
        return self._inner.troubled()

    async def commit(self, operation: Operation, kept: Kept | None = None) -> Receipt:
        self.dies_in -= 1
        if self.dies_in == 0 and self.side == "before":
            raise Killed
        receipt = await self._inner.commit(operation, kept)
        if self.dies_in == 0 and self.side == "after":
            raise Killed
        return receipt

    async def fetch(self, sql: str, params: Mapping[str, Value]) -> Sequence[Row]:
        return await self._inner.fetch(sql, params)

    async def scan(self, sql: str, params: Mapping[str, Value]) -> Sequence[Row]:
        return await self._inner.scan(sql, params)

    async def close(self) -> None:
        await self._inner.close()
