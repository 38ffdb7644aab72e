"""Working time against a slow reckoning: the days walked one by one, in `datetime` alone and without a table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.kernel.workdays import WorkingCalendar, instant_of, mainland, moment_of, weekdays_only

Hours = tuple[tuple[time, time], ...]
DAY = timedelta(days=1)
OFFICE: Hours = ((time(9), time(12)), (time(13), time(17)))
NIGHT: Hours = ((time(0, 30), time(2, 30)), (time(2, 45), time(5)))
ALL_DAY: Hours = ((time(0), time(23, 59, 59, 999_999)),)
PLACES: tuple[tuple[str, Hours, tuple[int, ...], bool], ...] = (
    ("Asia/Shanghai", OFFICE, (1, 2, 3, 4, 5), True),
    ("Asia/Shanghai", ALL_DAY, (3, 6, 7), True),
    ("Europe/Berlin", NIGHT, (1, 2, 3, 4, 5, 6, 7), False),
    ("America/St_Johns", OFFICE, (1, 2, 3, 4, 5), False),
)


class Walked:
    """The same city, reckoned slowly."""

    def __init__(
        self, zone: str, hours: Hours, weekdays: tuple[int, ...], state: bool, closed: frozenset[date], counting: bool
    ) -> None:
        self.zone = ZoneInfo(zone)
        self.hours, self.weekdays, self.state, self.closed, self.counting = hours, weekdays, state, closed, counting

    def works(self, day: date) -> bool:
        if day in self.closed:
            return False
        special = mainland(day.year) if self.state else None
        return (special or {}).get(day, day.isoweekday() in self.weekdays)

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """The office hours of a day; what the clocks skip has no length."""
        found: list[tuple[datetime, datetime]] = []
        for opens, closes in self.hours if self.works(day) else ():
            since, until = (datetime.combine(day, at, self.zone).astimezone(UTC) for at in (opens, closes))
            since = max(since, found[-1][1]) if found else since
            found.append((since, max(since, until)))
        return found

    def days_from(self, moment: datetime) -> Iterator[date]:
        day = moment.astimezone(self.zone).date()
        while True:
            yield day
            day += DAY

    def between(self, start: datetime, end: datetime) -> timedelta:
        passed = timedelta()
        for day in self.days_from(start):
            if datetime.combine(day, time(), self.zone).astimezone(UTC) > end:
                return passed
            for since, until in self.spans(day):
                passed += max(timedelta(), min(until, end) - max(since, start))
        raise AssertionError

    def after(self, start: datetime, amount: timedelta) -> datetime:
        for day in self.days_from(start):
            for since, until in self.spans(day):
                since = max(since, start)
                if since < until:
                    if amount <= until - since:
                        return since + amount
                    amount -= until - since
        raise AssertionError

    def nth_close(self, received: datetime, n: int) -> datetime:
        days = self.days_from(received)
        if not self.counting:
            next(days)
        closes = (spans[-1][1] for spans in map(self.spans, days) if spans)
        return next(islice((close for close in closes if close > received), n - 1, None))


def both(place: int, closed: set[date], counting: bool) -> tuple[WorkingCalendar, Walked]:
    zone, hours, weekdays, state = PLACES[place]
    tabled = WorkingCalendar(
        time_zone=zone,
        office_hours=hours,
        working_weekdays=weekdays,
        special=mainland if state else weekdays_only,
        closed=closed,
        count_day_of_receipt=counting,
    )
    return tabled, Walked(zone, hours, weekdays, state, frozenset(closed), counting)


# Across three turns of the year, the last into a year that is not published, and every change of the clocks.
moments = st.datetimes(datetime(2024, 12, 1), datetime(2027, 2, 1), timezones=st.just(UTC))
closures = st.sets(st.dates(date(2025, 1, 1), date(2025, 3, 31)), max_size=20)
cities = st.builds(both, st.integers(0, len(PLACES) - 1), closures, st.booleans())


@settings(deadline=None, max_examples=150)
@given(cities, moments, moments)
def test_time_between(city: tuple[WorkingCalendar, Walked], one: datetime, other: datetime) -> None:
    tabled, walked = city
    start, end = sorted((one, other))
    assume(end - start < 200 * DAY)
    assert tabled.working_time_between(start, end) == walked.between(start, end)
    assert tabled.working_minutes_between(start, end) == walked.between(start, end) // timedelta(minutes=1)
    assert tabled.between(instant_of(start), instant_of(end)) * timedelta(microseconds=1) == walked.between(start, end)


@settings(deadline=None, max_examples=150)
@given(cities, moments, st.integers(1, 60_000_000_000))
def test_time_after(city: tuple[WorkingCalendar, Walked], start: datetime, amount: int) -> None:
    tabled, walked = city
    assert moment_of(tabled.after(instant_of(start), amount)) == walked.after(start, timedelta(microseconds=amount))


@settings(deadline=None, max_examples=150)
@given(cities, moments, st.integers(1, 90))
def test_the_close_of_the_nth_day(city: tuple[WorkingCalendar, Walked], received: datetime, n: int) -> None:
    tabled, walked = city
    assert tabled.end_of_nth_working_day(received, n) == walked.nth_close(received, n)


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))
def test_a_moment_and_its_instant_are_the_same(moment: datetime) -> None:
    assert moment_of(instant_of(moment)) == moment
    assert instant_of(moment.astimezone(ZoneInfo("Asia/Shanghai"))) == instant_of(moment)


@pytest.mark.parametrize("year", [1971, 2000, 2026, 2027, 2028, 2399, 9_000])
def test_the_turn_of_a_year_is_where_the_city_has_it(year: int) -> None:
    """The year of an instant is guessed from the mean length of one; around midnight the table must put it right."""
    for place in range(len(PLACES)):
        tabled, walked = both(place, set(), counting=False)
        midnight = datetime(year, 1, 1, tzinfo=walked.zone).astimezone(UTC)
        for start in (midnight - 3 * DAY, midnight - timedelta(microseconds=1), midnight, midnight + 3 * DAY):
            assert tabled.end_of_nth_working_day(start, 1) == walked.nth_close(start, 1)
            assert tabled.working_time_between(start, midnight + 5 * DAY) == walked.between(start, midnight + 5 * DAY)
            assert tabled.add_working_minutes(start, 90) == walked.after(start, timedelta(minutes=90))
            assert tabled.provisional_between(start, start) is tabled.provisional(start.astimezone(walked.zone).year)
