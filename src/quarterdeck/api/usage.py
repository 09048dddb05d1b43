"""What was used and what it cost, summed by what people name."""

from quarterdeck.actions.usage import Line, UsageAsk, report
from quarterdeck.api.asked import UsageQuery
from quarterdeck.api.call import Call
from quarterdeck.api.doors import Doors
from quarterdeck.api.shown import Usage, UsageLine, moment
from quarterdeck.api.spent import money, tokens


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
