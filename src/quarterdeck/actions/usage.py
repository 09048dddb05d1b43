"""What do people ask of usage, and what do they get? Sums over a range by what they name, with days of their zone."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from operator import add

import msgspec

from quarterdeck.actions.moments import moment
from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import BadInput
from quarterdeck.flow.catalogue import USAGE
from quarterdeck.store import usage
from quarterdeck.store.database import Store
from quarterdeck.store.usage import Column, Group, Range, Sums

USUAL = timedelta(days=30)
MOST_GROUPS = 100_000  # in memory, while they are summed
DAY = 86_400
QUARTER = 900  # every zone's days begin at a quarter of an hour
COLUMNS: Mapping[str, Column] = {
    "day": "bucket",
    "assistant": "assistant",
    "person": "identity_id",
    "connection": "connection",
    "session": "session_id",
    "model": "route",
    "provider": "route",
}

Key = tuple[str, ...]


class UsageAsk(msgspec.Struct, frozen=True):
    """`group` names what to sum by, with commas; times are dates or RFC 3339 moments, empty for the last 30 days; a
    filter that is empty lets all through.
    """

    group: str = "day,model"
    since: str = ""
    until: str = ""
    zone: str = "UTC"
    assistant: str = ""
    person: str = ""
    connection: str = ""
    session: str = ""
    model: str = ""
    provider: str = ""


class Line(msgspec.Struct, frozen=True):
    """One group: its values in the order of what was asked for, its sums, and the money by currency (10^-9)."""

    key: Key
    sums: Sums
    money: dict[str, int]


class Report(msgspec.Struct, frozen=True):
    """Lines in the order of their keys, all together, and the range (Unix seconds, `until` not included)."""

    group: Key
    since: float
    until: float
    lines: Sequence[Line]
    total: Line


async def report(store: Store, clock: Clock, ask: UsageAsk) -> Report:
    """Sum it up. Raises BadInput with the field."""
    group = _group(ask.group)
    zone = _zone(ask.zone)
    until = moment(ask.until, "until", zone) if ask.until else clock.now() + 1
    since = moment(ask.since, "since", zone) if ask.since else until - USUAL.total_seconds()
    if since >= until:
        raise BadInput("since", "is not before `until`", "Exchange them, or leave one out.")
    wanted = Range(
        since, until, ask.assistant, ask.session, ask.connection, ask.person, ask.provider, ask.model
    )  # fmt: skip
    width = DAY if zone is UTC else QUARTER
    lines: dict[Key, _Adder] = {}
    total = _Adder()
    async for found, sums in usage.summed(store, wanted, {COLUMNS[name] for name in group}, width):
        key = tuple([_value(name, found, width, zone) for name in group])
        if (line := lines.get(key)) is None:
            line = lines[key] = _Adder()
        line.add(found.currency, sums)
        total.add(found.currency, sums)
        if len(lines) > MOST_GROUPS:
            raise BadInput("group", f"gives more than {MOST_GROUPS} lines", "Ask for a shorter time, or for less.")
    return Report(group, since, until, [lines[key].line(key) for key in sorted(lines)], total.line(()))


class _Adder:
    """Sums that grow."""

    __slots__ = ("_money", "_sums")

    def __init__(self) -> None:
        self._sums = [0] * len(Sums.__struct_fields__)
        self._money: dict[str, int] = {}

    def add(self, currency: str, sums: Sums) -> None:
        self._sums = list(map(add, self._sums, msgspec.structs.astuple(sums)))
        if currency:
            self._money[currency] = self._money.get(currency, 0) + sums.amount

    def line(self, key: Key) -> Line:
        return Line(key, Sums(*self._sums), self._money)


def _value(name: str, found: Group, width: int, zone: tzinfo) -> str:
    match name:
        case "day":
            return datetime.fromtimestamp(found.bucket * width, zone).date().isoformat()
        case "provider":
            return found.route.partition("/")[0]
        case _:
            return str(getattr(found, COLUMNS[name]))


def _group(text: str) -> Key:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in COLUMNS:
            raise BadInput("group", f"{name!r} is nothing to sum by", f"Name some of: {', '.join(USAGE)}.")
    return names


def _zone(name: str) -> tzinfo:
    if name in ("", "UTC"):
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput("zone", f"there is no time zone {name!r}", "Write it as Europe/Berlin.") from error
