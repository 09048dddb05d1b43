"""Lists on the console's pages: their filters and places stand in the address."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import urlencode

import msgspec

from quarterdeck.web.console.words import plain

PAGE = 50


class Row(Protocol):
    """What a list shows; lists are ordered by id, newest first."""

    @property
    def id(self) -> str: ...


class Tab(msgspec.Struct, frozen=True):
    """One of the filters: its address, whether it holds now, and how many there are (0: not said)."""

    name: str
    address: str
    current: bool
    count: int


def address(path: str, **asked: str) -> str:
    """`path` with what is asked; what is empty is left out."""
    asked = {name: value for name, value in asked.items() if value}
    return f"{path}?{urlencode(asked)}" if asked else path


def tabs(path: str, field: str, values: Sequence[str], current: str, counts: Mapping[str, int]) -> list[Tab]:
    """One for each value of a field; the empty value stands for all."""
    return [
        Tab(plain(one).capitalize() or "All", address(path, **{field: one}), one == current, counts.get(one, 0))
        for one in values
    ]


def older(path: str, found: Sequence[Row], **asked: str) -> str:
    """Where the list goes on behind a page that is full; empty when it ends here."""
    return address(path, **asked, before=found[-1].id) if len(found) == PAGE else ""
