"""What was used and what it cost: a row for each group, then one for all together."""

from typing import Annotated

import msgspec
from msgspec import Meta

from quarterdeck.actions import usage_csv
from quarterdeck.actions.usage import Line, UsageAsk, report
from quarterdeck.api.control.parts import Caller, Parts, Rows
from quarterdeck.api.control.wire import Row
from quarterdeck.api.spent import money


class UsageOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """See actions.usage.UsageAsk; `by` is its group. `csv`: all lines as text, whatever the limit."""

    by: str = "day,model"
    since: str = ""
    until: str = ""
    zone: str = "UTC"
    assistant: str = ""
    person: str = ""
    connection: str = ""
    session: str = ""
    model: str = ""
    provider: str = ""
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1000
    csv: bool = False


async def show_usage(parts: Parts, caller: Caller, ask: UsageOf) -> Rows:
    """Sums by what was asked for."""
    given = {name: getattr(ask, name) for name in UsageAsk.__struct_fields__ if name != "group"}
    found = await report(parts.store, parts.clock, UsageAsk(group=ask.by, **given))
    if ask.csv:
        for text in usage_csv.lines(found):
            yield {"text": text}
        return
    for one in found.lines[: ask.limit]:
        yield dict(zip(found.group, one.key, strict=True)) | _sums(one)
    yield {"total": True, "left_out": max(0, len(found.lines) - ask.limit)} | _sums(found.total)


def _sums(one: Line) -> Row:
    sums = one.sums
    return {
        "calls": sums.calls,
        "input": sums.input,
        "cached": sums.cached,
        "cache_write": sums.cache_write,
        "output": sums.output,
        "reasoning": sums.reasoning,
        "estimated": sums.estimated,
        "unpriced": sums.unpriced,
        "cost": msgspec.to_builtins(money(one.money)),
    }
