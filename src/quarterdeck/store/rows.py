"""From rows to frozen values: the columns of a query are the fields of a Struct, in the same order."""

from collections.abc import Iterable
from functools import cache
from typing import TypeVar

import msgspec

from quarterdeck.store.database import Row

T = TypeVar("T", bound=msgspec.Struct)


@cache
def columns(kind: type[msgspec.Struct], prefix: str = "") -> str:
    """The column list of `kind`, for a SELECT."""
    return ", ".join(prefix + name for name in kind.__struct_fields__)


def value(kind: type[T], row: Row) -> T:
    """One row, selected with `columns(kind)`, as a value. The schema gives the types; they are not checked again."""
    return kind(*row)


def values(kind: type[T], rows: Iterable[Row]) -> list[T]:
    """Rows as values, in order."""
    return [kind(*row) for row in rows]
