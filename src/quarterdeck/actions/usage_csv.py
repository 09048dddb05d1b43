"""How does usage look in a spreadsheet? One line of CSV for each group, with a column for each currency.

Names come from many hands (a model's from its service): what a spreadsheet would take for a formula gets an apostrophe
before it.
"""

import csv
import io
from collections.abc import Iterator

import msgspec

from quarterdeck.actions.usage import Report
from quarterdeck.governance.prices import amount

MEDIA = "text/csv; charset=utf-8"
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
COUNTS = ("calls", "estimated", "unpriced", "input", "cached", "cache_write", "output", "reasoning")


def lines(report: Report) -> Iterator[str]:
    """The heading, then every line of the report, each with its end (CR LF, as in RFC 4180).

    Money is a decimal number in its currency's column `cost_EUR`, empty where the group cost nothing in it.
    """
    currencies = sorted(report.total.money)
    yield _line([*report.group, *COUNTS, *(f"cost_{name}" for name in currencies)])
    for one in report.lines:
        sums = msgspec.structs.asdict(one.sums)
        cost = [amount(one.money[name]) if name in one.money else "" for name in currencies]
        yield _line([*map(_harmless, one.key), *(str(sums[name]) for name in COUNTS), *cost])


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _line(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
