"""Usage: how many tokens each day took and what they cost, by day, assistant, person, connection and model.

A chart shows the days, with the same numbers in a table; all of it can be downloaded for a spreadsheet.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import msgspec

from quarterdeck.actions.activity import money
from quarterdeck.actions.usage import Line, UsageAsk, report
from quarterdeck.base.clock import Clock
from quarterdeck.store import people
from quarterdeck.store.database import Store
from quarterdeck.store.people import Identity
from quarterdeck.store.usage import Sums
from quarterdeck.web.console import lists
from quarterdeck.web.console.visit import Page, Visit

HERE = "/console/usage"
DAYS = ("7", "30", "90")
HEIGHT = 100  # of the chart, in its own units
WIDTH = 10  # of a day in it
PEOPLE = 50  # that are shown: those who used most
NOBODY = "Nobody: the gateway itself"
SHEET = "day,assistant,person,connection,model"


class Shown(msgspec.Struct, frozen=True):
    """How many days, today included."""

    days: Literal["7", "30", "90"] = "30"


class Used(msgspec.Struct, frozen=True):
    """One line of a table: what it is about, its sums, and the money in each currency."""

    name: str
    sums: Sums
    money: Sequence[str]


class Bar(msgspec.Struct, frozen=True):
    """A day in the chart: where it stands and how high, in the chart's units, and what it says."""

    x: int
    height: int
    day: str
    tokens: int


class UsagePage:
    """Several sums over the same days."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def show(self, visit: Visit) -> Page:
        """GET /console/usage."""
        ask = visit.ask(Shown)
        today = datetime.fromtimestamp(self._clock.now(), UTC).date()
        days = [today - timedelta(days=back) for back in range(int(ask.days) - 1, -1, -1)]
        since, until = days[0].isoformat(), (today + timedelta(days=1)).isoformat()
        by = {
            group: await report(self._store, self._clock, UsageAsk(group, since, until))
            for group in ("day", "assistant", "person", "connection", "model")
        }
        data: dict[str, object] = {
            "tabs": [lists.Tab(f"{one} days", lists.address(HERE, days=one), one == ask.days, 0) for one in DAYS],
            "total": _used("", by["day"].total),
            "bars": bars(days, by["day"].lines),
            "width": WIDTH * len(days),
            "height": HEIGHT,
            "tables": [
                ("Day", [_used(one.key[0], one) for one in reversed(by["day"].lines)]),
                ("Assistant", [_used(one.key[0], one) for one in by["assistant"].lines]),
                ("Person", await self._people(by["person"].lines)),
                ("Connection", [_used(one.key[0], one) for one in by["connection"].lines]),
                ("Model", [_used(one.key[0], one) for one in by["model"].lines]),
            ],
            "more_people": max(0, len(by["person"].lines) - PEOPLE),
            "sheet": lists.address("/api/v1/usage.csv", group=SHEET, since=since, until=until),
        }
        json = lists.address("/api/v1/usage", group="day,assistant,model", since=since, until=until)
        return Page("usage.html", "Usage", data, json)

    async def _people(self, lines: Sequence[Line]) -> Sequence[Used]:
        """Those who used most, by the names that they have on their connections."""
        most = sorted(lines, key=_tokens, reverse=True)[:PEOPLE]
        known = {one.id: one for one in await people.identities(self._store, [one.key[0] for one in most])}
        return [_used(_named(one.key[0], known), one) for one in most]


def bars(days: Sequence[date], lines: Sequence[Line]) -> Sequence[Bar]:
    """One for each day, as high as its share of the greatest; a day with any tokens is seen, one with none is not."""
    tokens = {one.key[0]: _tokens(one) for one in lines}
    greatest = max(tokens.values(), default=0)
    found: list[Bar] = []
    for n, day in enumerate(days):
        used = tokens.get(day.isoformat(), 0)
        height = max(1, round(used * HEIGHT / greatest)) if used else 0
        found.append(Bar(n * WIDTH, height, day.isoformat(), used))
    return found


def _tokens(line: Line) -> int:
    return line.sums.input + line.sums.output


def _named(identity: str, known: Mapping[str, Identity]) -> str:
    if who := known.get(identity):
        return f"{who.name or who.native_id} on {who.connection}"
    return identity or NOBODY


def _used(name: str, line: Line) -> Used:
    return Used(name, line.sums, money(line.money))
