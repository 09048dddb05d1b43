"""What was used and what it cost, summed by what people name."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from quarterdeck.actions.usage import Line, UsageAsk, report
from quarterdeck.api.call import Call
from quarterdeck.api.doors import Doors
from quarterdeck.api.shown import Ask, Moment, moment
from quarterdeck.api.spent import Money, Tokens, money, tokens

Name = Annotated[str, Meta(max_length=200)]


class UsageQuery(Ask, frozen=True):
    """What to sum. `group`: any of day, assistant, person, connection, session, model, provider, with commas."""

    group: Name = "day,model"
    since: Annotated[str, Meta(max_length=40, description="A date or RFC 3339; else 30 days before `until`.")] = ""
    until: Annotated[str, Meta(max_length=40, description="The same, not included; else now.")] = ""
    zone: Annotated[str, Meta(max_length=40, description="Where days begin, such as Europe/Berlin.")] = "UTC"
    assistant: Name = ""
    person: Name = ""
    connection: Name = ""
    session: Name = ""
    model: Name = ""
    provider: Name = ""
    limit: Annotated[int, Meta(ge=1, le=10_000, description="How many lines at most.")] = 1000


class UsageLine(msgspec.Struct, frozen=True):
    """One group. `unpriced` calls are in no sum of `cost`; `estimated` ones were not reported by the provider."""

    calls: int
    estimated: int
    unpriced: int
    tokens: Tokens
    cost: list[Money]
    day: str | UnsetType = UNSET
    assistant: str | UnsetType = UNSET
    person: str | UnsetType = UNSET
    connection: str | UnsetType = UNSET
    session: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    provider: str | UnsetType = UNSET


class Usage(msgspec.Struct, frozen=True):
    """Sums of settled model calls; `left_out` lines did not fit, `total` holds them too."""

    since: Moment
    until: Moment
    group: list[str]
    lines: list[UsageLine]
    left_out: int
    total: UsageLine


class UsageDoor:
    """Sums up."""

    def __init__(self, doors: Doors) -> None:
        self._store = doors.store
        self._clock = doors.clock

    async def get_usage(self, call: Call, ask: UsageQuery) -> Usage:
        """GET /api/v1/usage."""
        wanted = UsageAsk(**{name: getattr(ask, name) for name in UsageAsk.__struct_fields__})
        found = await report(self._store, self._clock, wanted)
        shown = [_line(one, found.group) for one in found.lines[: ask.limit]]
        return Usage(
            since=moment(found.since),
            until=moment(found.until),
            group=list(found.group),
            lines=shown,
            left_out=len(found.lines) - len(shown),
            total=_line(found.total, ()),
        )


def _line(one: Line, group: tuple[str, ...]) -> UsageLine:
    return UsageLine(
        calls=one.sums.calls,
        estimated=one.sums.estimated,
        unpriced=one.sums.unpriced,
        tokens=tokens(one.sums),
        cost=money(one.money),
        **dict(zip(group, one.key, strict=True)),
    )
