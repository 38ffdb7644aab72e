"""When a step is due, and how its clock ends: by hand, and by the rules that must always hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from app.deadlines.rules import calendar_of, counts_from, due, end_state
from app.deadlines.words import DeadlineState
from tenants.schemes.model import load_preset
from tenants.schemes.values import TimeLimit
from tenants.schemes.words import TimeUnit
from tests.effort import effort

SHANGHAI = ZoneInfo("Asia/Shanghai")
SCHEME = load_preset("guangyuan").scheme
CITY = calendar_of(SCHEME.calendar)
THREE_DAYS = TimeLimit(amount=3, unit=TimeUnit.WORKING_DAYS)
TWO_HOURS = TimeLimit(amount=2, unit=TimeUnit.OFFICE_HOURS)


def local(month: int, day: int, hour: int = 10, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=SHANGHAI)


def test_the_calendar_is_the_schemes() -> None:
    assert calendar_of(SCHEME.calendar) is CITY
    document = SCHEME.document()["calendar"]
    document |= {
        "office_hours": [{"opens": "08:30", "closes": "11:30"}],
        "closures": [{"day": "2026-03-03", "name": "城市日"}],
        "extra_working_days": [{"day": "2026-03-07", "name": "补班"}],
        "count_day_of_receipt": True,
    }
    own = calendar_of(type(SCHEME.calendar).model_validate(document))
    assert due(own, TimeLimit(amount=5, unit=TimeUnit.WORKING_DAYS), local(3, 2, 8)).at == local(3, 7, 11, 30)
    weekends = calendar_of(type(SCHEME.calendar).model_validate(document | {"holidays": "WEEKENDS_ONLY"}))
    assert weekends.is_working_day(local(2, 17).date())
    assert not weekends.provisional(2050)


def test_limits_in_days_and_in_hours() -> None:
    assert due(CITY, THREE_DAYS, local(2, 13)) == (local(2, 25, 17), False)  # 14, 24 and 25 February are worked
    assert due(CITY, TWO_HOURS, local(3, 2, 16)).at == local(3, 3, 10)


def test_an_extension_adds_working_days() -> None:
    assert due(CITY, THREE_DAYS, local(3, 2), extension_days=2).at == local(3, 9, 17)
    assert due(CITY, TWO_HOURS, local(3, 2, 10), extension_days=1).at == local(3, 3, 17)


def test_suspended_time_passes_once_more_to_the_minute() -> None:
    overnight = (local(3, 3, 16), local(3, 4, 10))  # an hour on the one day and an hour on the other
    weekend = (local(3, 6, 17), local(3, 9, 9))
    assert due(CITY, THREE_DAYS, local(3, 2), suspensions=[overnight]).at == local(3, 6, 11)
    assert due(CITY, THREE_DAYS, local(3, 2), suspensions=[overnight, weekend]).at == local(3, 6, 11)
    assert due(CITY, TWO_HOURS, local(3, 2, 10), suspensions=[(local(3, 2, 11), local(3, 2, 14))]).at == local(3, 2, 15)
    assert due(CITY, THREE_DAYS, local(3, 2), extension_days=1, suspensions=[overnight]).at == local(3, 9, 11)


def test_what_reaches_into_an_unpublished_year_is_provisional() -> None:
    year = next(year for year in range(2026, 2100) if CITY.provisional(year))
    assert due(CITY, THREE_DAYS, local(12, 31, year=year - 1)).provisional
    assert not due(CITY, TWO_HOURS, local(12, 1, year=year - 1)).provisional


def test_a_deadline_is_worked_out_by_a_handful_of_look_ups() -> None:
    """A million of them are worked out anew when the holidays of a year are published."""

    def work(several: int) -> int:
        return effort(lambda: [due(CITY, THREE_DAYS, local(3, 2), extension_days=each % 5) for each in range(several)])

    work(100)  # which works out the year
    assert work(1_000) <= 1_000 * 20
    assert work(2_000) < 2.1 * work(1_000), "none costs more than the one before"


def test_how_a_clock_ends() -> None:
    at = local(3, 2)
    late = at + timedelta(microseconds=1)
    assert end_state(at, at, done=True) is DeadlineState.MET
    assert end_state(at, at, done=False) is DeadlineState.CANCELLED
    assert end_state(at, late, done=True) is end_state(at, late, done=False) is DeadlineState.MISSED


moments = st.datetimes(datetime(2025, 1, 1), datetime(2026, 6, 1), timezones=st.just(UTC))
limits = st.builds(TimeLimit, amount=st.integers(1, 40), unit=st.sampled_from(TimeUnit))


@given(limits, moments, st.lists(st.integers(0, 20_000), max_size=6, unique=True), st.integers(0, 10))
def test_a_pause_is_given_back_exactly(limit: TimeLimit, start: datetime, cuts: list[int], days: int) -> None:
    points = [start + timedelta(minutes=cut) for cut in sorted(cuts)]
    stretches = list(pairwise(points))[::2]
    without = due(CITY, limit, start, extension_days=days).at
    paused = due(CITY, limit, start, extension_days=days, suspensions=stretches).at
    counts = counts_from(CITY, limit, start)  # the day of receipt does not, so that nothing of it is given back
    waited = sum((CITY.working_time_between(max(counts, since), until) for since, until in stretches), timedelta())
    assert CITY.working_time_between(without, paused) == waited
    assert start < without <= paused
