"""How do rows look to people? Tables and records, with nothing in them that could move a terminal's cursor."""

import re
from collections.abc import Iterable, Sequence
from typing import cast

from quarterdeck.api.control.wire import Row

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)")
MOST = 60  # characters of one cell
INDENT = "  "


def table(rows: Sequence[Row], columns: Sequence[str]) -> Iterable[str]:
    """Lines of a table; the last column is not padded, and cells are one line each."""
    cells = [[column.upper() for column in columns]]
    cells += [[_cut(text(row.get(column))) for column in columns] for row in rows]
    widths = [max(len(line[n]) for line in cells) for n in range(len(columns))]
    for line in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def record(row: Row, indent: str = "") -> Iterable[str]:
    """Lines of one thing in full: its fields, then what it has many of."""
    plain = {name: value for name, value in row.items() if not _is_list_of_rows(value)}
    width = max((len(name) for name in plain), default=0)
    for name, value in plain.items():
        if isinstance(value, dict):
            inner = cast("Row", value)
            shown = ", ".join(f"{key} {text(item)}" for key, item in inner.items())
        else:
            shown = text(value)
        yield f"{indent}{name.ljust(width)}  {shown}"
    for name, value in row.items():
        if _is_list_of_rows(value):
            yield f"{indent}{name}:"
            for inner in cast("list[Row]", value):
                yield from _entry(inner, indent + INDENT)


def text(value: object) -> str:
    """A value in one line."""
    match value:
        case None | "" | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(text(item) for item in cast("list[object]", value))
        case dict():
            return " ".join(f"{key}={text(item)}" for key, item in cast("Row", value).items())
        case str() if found := _TIME.fullmatch(value):
            return f"{found[1]} {found[2]}Z"
        case _:
            return safe(str(value)).replace("\n", " ")


def safe(said: str) -> str:
    """Text of strangers without control characters; lines and tabs stay."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in said)


def _entry(row: Row, indent: str) -> Iterable[str]:
    """One of many: in one line, or as a record of its own when it is long."""
    line = "  ".join(f"{name} {text(value)}" for name, value in row.items() if value not in (None, "", []))
    yield f"{indent}- {line}"


def _cut(cell: str) -> str:
    return cell if len(cell) <= MOST else cell[: MOST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _is_list_of_rows(value: object) -> bool:
    items = cast("list[object]", value) if isinstance(value, list) else []
    return bool(items) and isinstance(items[0], dict)
