"""Working time: against another calendar day by day, by hand across a Spring Festival, and by its properties."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.kernel.workdays import WorkingCalendar, mainland

OFFICE_HOURS = ((time(9), time(12)), (time(13), time(17)))
SHANGHAI = ZoneInfo("Asia/Shanghai")


def calendar(**changes: Any) -> WorkingCalendar:
    values: dict[str, Any] = {
        "time_zone": "Asia/Shanghai",
        "office_hours": OFFICE_HOURS,
        "working_weekdays": (1, 2, 3, 4, 5),
        "special": mainland,
    }
    return WorkingCalendar(**(values | changes))


CITY = calendar()
CLOSED = calendar(closed=[date(2026, 3, 4), date(2026, 3, 5)], open_=[date(2026, 3, 7)])


def local(month: int, day: int, hour: int = 9, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.parametrize("year", range(2018, 2027))
def test_every_day_is_worked_as_the_other_calendar_has_it(year: int) -> None:
    day = date(year, 1, 1)
    while day.year == year:
        assert CITY.is_working_day(day) is chinese_calendar.is_workday(day), day
        day += timedelta(days=1)
    assert not CITY.provisional(year)


def test_an_unpublished_year_is_counted_by_weekdays_and_says_so() -> None:
    year = next(year for year in range(2026, 2100) if mainland(year) is None)
    assert CITY.provisional(year)
    assert CITY.is_working_day(date(year, 10, 1)) is (date(year, 10, 1).weekday() < 5)
    assert CITY.provisional_between(local(12, 30, year=year - 1), local(1, 3, year=year))
    assert not CITY.provisional_between(local(12, 1, year=year - 1), local(12, 31, 23, 59, year=year - 1))
    assert not calendar(special=lambda _: {}).provisional(year)


def test_across_spring_festival_2026() -> None:
    # 15 to 23 February are free; Saturday the 14th and Saturday the 28th are worked instead.
    assert CITY.end_of_nth_working_day(local(2, 13, 10), 1) == local(2, 14, 17)
    assert CITY.end_of_nth_working_day(local(2, 13, 10), 2) == local(2, 24, 17)
    assert CITY.end_of_nth_working_day(local(2, 18, 10), 5) == local(2, 28, 17)
    assert CITY.end_of_nth_working_day(local(2, 18, 10), 6) == local(3, 2, 17)
    assert CITY.add_working_minutes(local(2, 14, 16, 30), 60) == local(2, 24, 9, 30)
    assert CITY.working_minutes_between(local(2, 14, 16), local(2, 24, 10)) == 120


def test_an_office_hour_knows_the_lunch_break_and_the_night() -> None:
    assert CITY.add_working_minutes(local(3, 2, 11, 30), 60) == local(3, 2, 13, 30)
    assert CITY.add_working_minutes(local(3, 2, 12, 20), 60) == local(3, 2, 14)
    assert CITY.add_working_minutes(local(3, 2, 16, 30), 30) == local(3, 2, 17)  # and not at nine the next morning
    assert CITY.add_working_minutes(local(3, 2, 16, 30), 31) == local(3, 3, 9, 1)
    assert CITY.working_minutes_between(local(3, 2, 8), local(3, 2, 23)) == 7 * 60
    assert CITY.working_minutes_between(local(3, 3), local(3, 2)) == 0


def test_the_day_of_receipt_counts_only_where_the_city_says_so_and_it_is_not_over() -> None:
    counting = calendar(count_day_of_receipt=True)
    assert CITY.end_of_nth_working_day(local(3, 2, 10), 1) == local(3, 3, 17)
    assert CITY.end_of_nth_working_day(local(3, 2, 1), 1) == local(3, 3, 17)  # the local day, not the one in Greenwich
    assert counting.end_of_nth_working_day(local(3, 2, 10), 1) == local(3, 2, 17)
    assert counting.end_of_nth_working_day(local(3, 2, 17), 1) == local(3, 3, 17)
    assert counting.end_of_nth_working_day(local(3, 7, 10), 1) == local(3, 9, 17)  # a Saturday


def test_the_city_has_the_last_word_about_a_day() -> None:
    assert CLOSED.end_of_nth_working_day(local(3, 2), 3) == local(3, 7, 17)
    assert calendar(open_=[date(2026, 2, 17)]).is_working_day(date(2026, 2, 17))
    assert not calendar(closed=[date(2026, 2, 14)]).is_working_day(date(2026, 2, 14))


def test_over_the_turn_of_years() -> None:
    assert CITY.end_of_nth_working_day(local(12, 31, 10, year=2025), 1) == local(1, 4, 17)  # a Sunday worked
    thousandth = CITY.end_of_nth_working_day(local(1, 5, year=2022), 1000).astimezone(SHANGHAI)
    assert thousandth.year == 2026
    assert worked_days(CITY, date(2022, 1, 5), thousandth.date()) == 1000
    long_ago, later = local(1, 1, year=2020), local(1, 1, year=2024)
    minutes = CITY.working_minutes_between(long_ago, later)
    worked = sum(CITY.is_working_day(date(2020, 1, 1) + timedelta(days=day)) for day in range(1461))
    assert minutes == worked * 7 * 60
    assert CITY.add_working_minutes(long_ago, minutes) == local(12, 29, 17, year=2023)


def test_a_calendar_without_working_time_ends_in_an_error() -> None:
    never = calendar(working_weekdays=(), special=lambda _: {})
    with pytest.raises(ValueError, match="without working time"):
        never.add_working_minutes(local(3, 2), 1)
    with pytest.raises(ValueError, match="without working time"):
        never.end_of_nth_working_day(local(3, 2), 1)
    assert never.working_minutes_between(local(3, 2), local(9, 2)) == 0


# Berlin puts its clocks forward from 02:00 to 03:00 and back again: these hours lie across both.
NIGHT = ((time(0, 30), time(2, 30)), (time(2, 45), time(5)))
CALENDARS = (
    CITY,
    CLOSED,
    calendar(count_day_of_receipt=True),
    calendar(time_zone="Europe/Berlin", special=lambda _: {}, working_weekdays=range(1, 8), office_hours=NIGHT),
    calendar(time_zone="America/New_York", special=lambda _: {}),
)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
calendars = st.sampled_from(CALENDARS)
minutes_ = st.integers(1, 30_000)


@given(calendars, moments, minutes_)
def test_adding_and_then_measuring_gives_back_the_same(city: WorkingCalendar, start: datetime, minutes: int) -> None:
    assert city.working_minutes_between(start, city.add_working_minutes(start, minutes)) == minutes


@given(calendars, moments, moments, minutes_, st.integers(1, 40))
def test_order_is_kept(city: WorkingCalendar, one: datetime, other: datetime, minutes: int, days: int) -> None:
    earlier, later = sorted((one, other))
    assert city.add_working_minutes(earlier, minutes) <= city.add_working_minutes(later, minutes)
    assert city.add_working_minutes(earlier, minutes) < city.add_working_minutes(earlier, minutes + 1)
    assert city.end_of_nth_working_day(earlier, days) <= city.end_of_nth_working_day(later, days)
    assert city.end_of_nth_working_day(earlier, days) < city.end_of_nth_working_day(earlier, days + 1)
    assert earlier < city.end_of_nth_working_day(earlier, days)


@given(calendars, moments, moments, moments)
def test_stretches_add_up(city: WorkingCalendar, one: datetime, two: datetime, three: datetime) -> None:
    a, b, c = sorted((one, two, three))
    whole = city.working_time_between(a, c)
    assert city.working_time_between(a, b) + city.working_time_between(b, c) == whole
    assert whole <= c - a


@given(calendars, moments, minutes_)
def test_nothing_is_due_while_the_city_is_closed(city: WorkingCalendar, start: datetime, minutes: int) -> None:
    due = city.add_working_minutes(start, minutes)
    assert city.is_working_day(due.astimezone(city.zone).date())
    assert city.working_time_between(due - timedelta(microseconds=1), due) == timedelta(microseconds=1)


@given(calendars, moments, st.integers(1, 40))
def test_the_nth_day_ends_after_n_working_days(city: WorkingCalendar, received: datetime, n: int) -> None:
    assume(city is not CALENDARS[2])  # which counts the day of receipt
    due = city.end_of_nth_working_day(received, n)
    day = received.astimezone(city.zone).date()
    last = due.astimezone(city.zone).date()
    assert worked_days(city, day, last) == n
    assert city.is_working_day(last)
    assert due.astimezone(city.zone).time() in (time(17), time(5))


def worked_days(city: WorkingCalendar, after: date, until: date) -> int:
    return sum(
        city.is_working_day(date.fromordinal(ordinal))
        for ordinal in range(after.toordinal() + 1, until.toordinal() + 1)
    )
