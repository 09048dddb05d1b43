"""When is it time? Pure rules over Unix seconds, a time of day and a time zone."""

from datetime import UTC, datetime, time, timedelta, tzinfo

import msgspec


class ResetRules(msgspec.Struct, frozen=True):
    """When a conversation starts anew by itself.

    After `idle_minutes` without anything said (0: never), and every day at `at` ("04:00"; empty: never) of `timezone`.
    """

    idle_minutes: float = 0.0
    at: str = ""
    timezone: str = "UTC"

    @property
    def on(self) -> bool:
        """Whether it ever does."""
        return self.idle_minutes > 0 or self.at != ""


def zone(name: str) -> tzinfo:
    """A time zone by its IANA name. Raises ValueError, ZoneInfoNotFoundError (a KeyError) or OSError."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def daily_after(after: float, at: str, timezone: str) -> float:
    """The first moment behind `after` at which clocks there show `at`.

    A time that a change of clocks leaves out is the moment that it would have been by the old clock; of one that comes
    twice it is the first. So every day has one.
    """
    there = zone(timezone)
    day = datetime.fromtimestamp(after, there).date() - timedelta(days=1)
    while True:
        moment = datetime.combine(day, time.fromisoformat(at), there).timestamp()
        if moment > after:
            return moment
        day += timedelta(days=1)


def reset_due(rules: ResetRules, quiet_since: float, counted_from: float) -> float:
    """When a conversation is to start anew: nothing was said in it since `quiet_since`, days count from the other."""
    due: list[float] = []
    if rules.idle_minutes > 0:
        due.append(quiet_since + rules.idle_minutes * 60)
    if rules.at:
        due.append(daily_after(counted_from, rules.at, rules.timezone))
    return min(due)
