"""When a conversation starts anew: days of 23, 24 and 25 hours have one moment each."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quarterdeck.model.schedule import ResetRules, daily_after, reset_due

pytestmark = pytest.mark.proves("M6")

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu")
TIMES = st.integers(0, 24 * 60 - 1).map(lambda minutes: f"{minutes // 60:02d}:{minutes % 60:02d}")
START = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
END = datetime(2037, 1, 1, tzinfo=UTC).timestamp()


def local(moment: float, zone: str) -> str:
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def moment(text: str, zone: str, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def test_an_hour_that_is_left_out_has_its_moment_once() -> None:
    before = moment("2026-03-28 12:00", "Europe/Berlin")
    first = daily_after(before, "02:30", "Europe/Berlin")  # clocks go from 02:00 to 03:00
    assert local(first, "Europe/Berlin") == "2026-03-29 03:30"
    assert local(daily_after(first, "02:30", "Europe/Berlin"), "Europe/Berlin") == "2026-03-30 02:30"


def test_an_hour_that_comes_twice_has_its_moment_once() -> None:
    before = moment("2026-10-24 12:00", "Europe/Berlin")
    first = daily_after(before, "02:30", "Europe/Berlin")  # clocks go from 03:00 back to 02:00
    assert first == moment("2026-10-25 02:30", "Europe/Berlin", fold=0)
    assert local(daily_after(first, "02:30", "Europe/Berlin"), "Europe/Berlin") == "2026-10-26 02:30"


def test_a_day_that_is_left_out_has_none_of_its_own() -> None:
    before = moment("2011-12-28 12:00", "Pacific/Apia")  # there was no 30 December
    days: list[str] = []
    for _ in range(3):
        before = daily_after(before, "04:00", "Pacific/Apia")
        days.append(local(before, "Pacific/Apia"))
    assert days == ["2011-12-29 04:00", "2011-12-31 04:00", "2012-01-01 04:00"]


@given(after=st.floats(START, END), at=TIMES, zone=st.sampled_from(ZONES))
@example(moment("2026-10-25 02:30", "Europe/Berlin", fold=0), "02:30", "Europe/Berlin")
@example(moment("2026-10-25 02:30", "Europe/Berlin", fold=1), "02:30", "Europe/Berlin")
def test_every_local_day_has_one_moment_and_none_is_passed_over(after: float, at: str, zone: str) -> None:
    moments = [daily_after(after, at, zone)]
    for _ in range(4):
        moments.append(daily_after(moments[-1], at, zone))
    assert moments[0] > after
    for one, other in pairwise(moments):
        assert 22 * 3600 < other - one < 26 * 3600
    for one in moments:
        assert daily_after(one - 0.001, at, zone) == one, "from just before it is the next"
        wanted = datetime.fromisoformat(local(one, zone)[:10] + f" {at}")
        shown = datetime.fromisoformat(local(one, zone))
        assert timedelta() <= shown - wanted <= timedelta(hours=1), "it shows the time, or what the gap made of it"


@given(quiet=st.floats(START, END), idle=st.floats(0.1, 10_000), at=TIMES)
def test_whatever_comes_first(quiet: float, idle: float, at: str) -> None:
    both = reset_due(ResetRules(idle, at), quiet, quiet)
    assert both == min(reset_due(ResetRules(idle), quiet, quiet), reset_due(ResetRules(0, at), quiet, quiet))
    assert both > quiet
