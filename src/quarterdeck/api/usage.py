"""What was used and what it cost, summed by what people name."""

from starlette.responses import Response

from quarterdeck.actions import usage_csv
from quarterdeck.actions.usage import Line, Report, UsageAsk, report
from quarterdeck.api.asked import UsageQuery, UsageSheet
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
        found = await self._report(ask)
        shown = [_line(one, found.group) for one in found.lines[: ask.limit]]
        return Usage(
            since=moment(found.since),
            until=moment(found.until),
            group=list(found.group),
            lines=shown,
            left_out=len(found.lines) - len(shown),
            total=_line(found.total, ()),
        )

    async def get_usage_csv(self, call: Call, ask: UsageSheet) -> Response:
        """GET /api/v1/usage.csv."""
        body = "".join(usage_csv.lines(await self._report(ask)))
        headers = {"content-disposition": 'attachment; filename="usage.csv"', "cache-control": "no-store"}
        return Response(body, headers=headers, media_type=usage_csv.MEDIA)

    async def _report(self, ask: UsageSheet) -> Report:
        wanted = UsageAsk(**{name: getattr(ask, name) for name in UsageAsk.__struct_fields__})
        return await report(self._store, self._clock, wanted)


def _line(one: Line, group: tuple[str, ...]) -> UsageLine:
    return UsageLine(
        calls=one.sums.calls,
        estimated=one.sums.estimated,
        unpriced=one.sums.unpriced,
        tokens=tokens(one.sums),
        cost=money(one.money),
        **dict(zip(group, one.key, strict=True)),
    )
