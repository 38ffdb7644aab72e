"""When a clock warns: once the scheme's share of the working time that it has is used up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from app.deadlines.rules import calendar_of, due, warning
from tenants.schemes.model import load_preset
from tenants.schemes.values import TimeLimit
from tenants.schemes.words import TimeUnit

SHANGHAI = ZoneInfo("Asia/Shanghai")
CITY = calendar_of(load_preset("guangyuan").scheme.calendar)
SHARE = load_preset("guangyuan").scheme.tickets.warn_at_share


def local(month: int, day: int, hour: int = 10, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI)


def warned(limit: TimeLimit, start: datetime, *pauses: tuple[datetime, datetime], days: int = 0) -> datetime:
    at = due(CITY, limit, start, extension_days=days, suspensions=pauses).at
    return warning(CITY, start, at, SHARE, suspensions=pauses)


def test_by_hand() -> None:
    # Office hours are 9–12 and 13–17 (7 hours).
    hours = TimeLimit(amount=10, unit=TimeUnit.OFFICE_HOURS)
    assert warned(hours, local(3, 2, 9)) == local(3, 3, 10), "8 of 10 office hours"
    week = TimeLimit(amount=5, unit=TimeUnit.WORKING_DAYS)  # received at noon on Monday: 4 + 5 × 7 = 39 hours
    assert warned(week, local(3, 2, 12)) == local(3, 6, 16, 12), "31.2 of them: 4 + 3 × 7, and 6.2 on Friday"
    assert warned(week, local(2, 11, 17)) == local(2, 24, 17), "28 of 35: 12 to 14 and 24 February"


def test_a_pause_puts_it_off_and_one_after_it_does_not() -> None:
    hours = TimeLimit(amount=10, unit=TimeUnit.OFFICE_HOURS)
    assert warned(hours, local(3, 2, 9), (local(3, 2, 10), local(3, 2, 12))) == local(3, 3, 12)
    assert warned(hours, local(3, 2, 9), (local(3, 3, 11), local(3, 5, 12))) == local(3, 3, 10)


def test_an_extension_puts_it_off() -> None:
    hours = TimeLimit(amount=10, unit=TimeUnit.OFFICE_HOURS)
    assert warned(hours, local(3, 2, 9), days=2) > warned(hours, local(3, 2, 9))


moments = st.datetimes(datetime(2025, 1, 1), datetime(2026, 6, 1), timezones=st.just(UTC))
limits = st.builds(TimeLimit, amount=st.integers(1, 40), unit=st.sampled_from(TimeUnit))
shares = st.decimals(Decimal("0.01"), Decimal("0.99"), places=2)


@settings(deadline=None)  # the first of a year works the year out
@given(limits, moments, shares, st.lists(st.integers(0, 20_000), max_size=6, unique=True), st.integers(0, 10))
def test_the_share_has_passed_and_the_rest_has_not(
    limit: TimeLimit, start: datetime, share: Decimal, cuts: list[int], days: int
) -> None:
    points = [start + timedelta(minutes=cut) for cut in sorted(cuts)]
    pauses: list[tuple[datetime, datetime]] = []
    due_at = due(CITY, limit, start, extension_days=days).at
    for pause in list(pairwise(points))[::2]:
        if pause[0] < due_at:  # what is overdue is not suspended any more
            pauses.append(pause)
            due_at = due(CITY, limit, start, extension_days=days, suspensions=pauses).at
    at = warning(CITY, start, due_at, share, suspensions=pauses)
    assert start <= at <= due_at
    used, given_ = (_counted(start, until, pauses) for until in (at, due_at))
    assert used == int(share * (given_ // timedelta(microseconds=1))) * timedelta(microseconds=1)


@settings(deadline=None)
@given(limits, moments, st.tuples(shares, shares))
def test_a_larger_share_warns_later(limit: TimeLimit, start: datetime, given_: tuple[Decimal, Decimal]) -> None:
    due_at = due(CITY, limit, start).at
    early, late = (warning(CITY, start, due_at, share) for share in sorted(given_))
    assert early <= late < due_at


def _counted(start: datetime, until: datetime, pauses: list[tuple[datetime, datetime]]) -> timedelta:
    paused = (CITY.working_time_between(since, min(to, until)) for since, to in pauses)
    return CITY.working_time_between(start, until) - sum(paused, timedelta())
