"""Was it committed, when COMMIT was not answered? Each operation begins by writing its number into a row of its own.

The row is locked until the transaction ends, on the server, whatever became of the connection. So whoever writes the
row afterwards finds either this operation's number (it was committed, all of it) or another one (it was not, and never
will be). Reading would not do: a row that is new does not make a reader wait. Nor would the transaction's number
(`pg_xact_status`): after a crash of the server, one that it had not written down yet is given out again.
"""

import secrets
from typing import Final

import msgspec

from quarterdeck.store.postgresql_driver import Connection

_NOW: Final = "extract(epoch FROM clock_timestamp())"
FORGET: Final = f"DELETE FROM commit_marks WHERE at < {_NOW} - 86400"
"""Takes out the rows of processes that are long gone."""
_BEGIN: Final = (
    "BEGIN; INSERT INTO commit_marks VALUES ('{slot}', {number}, {now})"
    " ON CONFLICT (slot) DO UPDATE SET operation = excluded.operation, at = excluded.at"
)
_ASK: Final = (
    f"INSERT INTO commit_marks VALUES ($1, 0, {_NOW})"
    " ON CONFLICT (slot) DO UPDATE SET at = excluded.at RETURNING operation"
)


class Mark(msgspec.Struct, frozen=True):
    """What an operation writes into its slot's row."""

    slot: str
    number: int

    @property
    def begin(self) -> str:
        """BEGIN and the mark, in one trip."""
        return _BEGIN.format(slot=self.slot, number=self.number, now=_NOW)


class Marks:
    """The slots of this process, each used by one operation at a time, until that one's fate is known."""

    def __init__(self) -> None:
        self._process = secrets.token_hex(8)
        self._free: list[str] = []  # as many as ever were in use at once
        self._slots = 0
        self._number = 0

    def take(self) -> Mark:
        """A mark that nobody had before."""
        self._number += 1
        if self._free:
            return Mark(self._free.pop(), self._number)
        self._slots += 1
        return Mark(f"{self._process}/{self._slots}", self._number)

    def give_back(self, mark: Mark) -> None:
        """Its operation's fate is known."""
        self._free.append(mark.slot)


async def committed(connection: Connection, mark: Mark, seconds: float) -> bool:
    """Whether the operation of a mark was committed; waits until its transaction has ended."""
    rows = await connection.fetch(_ASK, mark.slot, timeout=seconds)
    return [row[0] for row in rows] == [mark.number]
