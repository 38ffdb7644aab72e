"""The moments of a simulated year, and working time worked out in the simplest way there is.

`Hours` knows nothing of the product's own calendar: the state's working days come from `chinese_calendar`, the office
hours from the source text, and every stretch of working time stands in one list.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from typing import NamedTuple
from zoneinfo import ZoneInfo

import chinese_calendar

ZONE = ZoneInfo("Asia/Shanghai")
OFFICE = ((time(9), time(12)), (time(13), time(17)))
TICKS = (10, 11, 12, 14, 15, 16, 17, 18)
"""The hours of a working day at which the workers look; what people do comes in the hour before."""
DAY_OFF = (12,)
MICROSECOND = timedelta(microseconds=1)


class Tick(NamedTuple):
    """A moment at which the workers look."""

    at: datetime
    working: bool
    first: bool
    """Of a working day: all jobs are run, and the offices look at what has come."""


class Change(NamedTuple):
    """The state changes its calendar in the middle of the year: what it says of days that are still to come."""

    published: date
    days: Mapping[date, bool]
    """Whether each is worked."""


def is_working_day(day: date, changed: Mapping[date, bool]) -> bool:
    """By the state's calendar and what it changed; a year that it has not published has weekends only."""
    if day in changed:
        return changed[day]
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


def sheet_of(change: Change) -> bytes:
    """Its year as a spreadsheet, with the change: every day that is not as its weekday would have it."""
    year = change.published.year
    rows = ["日期,是否上班,名称"]
    for day in _days(date(year, 1, 1), date(year, 12, 31)):
        if (worked := is_working_day(day, change.days)) != (day.weekday() < 5) or day in change.days:
            rows.append(f"{day},{'上班' if worked else '休息'},{'调休上班' if worked else '放假'}")
    return "\n".join(rows).encode()


def ticks_of(first: date, last: date, changed: Mapping[date, bool]) -> list[Tick]:
    """All of them, in order, in UTC."""
    made = []
    for day in _days(first, last):
        working = is_working_day(day, changed)
        for hour in TICKS if working else DAY_OFF:
            at = datetime.combine(day, time(hour), ZONE).astimezone(UTC)
            made.append(Tick(at, working, working and hour == TICKS[0]))
    return made


class Hours:
    """The city's working time from one day to another."""

    def __init__(self, first: date, last: date, changed: Mapping[date, bool]) -> None:
        worked = [day for day in _days(first, last) if is_working_day(day, changed)]
        self._days = worked
        self._opens = [datetime.combine(day, opens, ZONE).astimezone(UTC) for day in worked for opens, _ in OFFICE]
        self._closes = [datetime.combine(day, closes, ZONE).astimezone(UTC) for day in worked for _, closes in OFFICE]
        lengths = [(closes - opens) // MICROSECOND for opens, closes in zip(self._opens, self._closes, strict=True)]
        self._worked = [0, *accumulate(lengths)]

    def close_of(self, received: datetime, days: int) -> datetime:
        """The close of so many working days after the day of receipt, which is not counted."""
        after = bisect_right(self._days, received.astimezone(ZONE).date())
        return datetime.combine(self._days[after + days - 1], OFFICE[-1][1], ZONE).astimezone(UTC)

    def close_on(self, day: date) -> datetime:
        """The close of that day, or of the next working day."""
        return datetime.combine(self._days[bisect_left(self._days, day)], OFFICE[-1][1], ZONE).astimezone(UTC)

    def counted_from(self, received: datetime) -> datetime:
        """When the day of receipt is over."""
        return datetime.combine(received.astimezone(ZONE).date() + timedelta(days=1), time(), ZONE).astimezone(UTC)

    def worked_by(self, at: datetime) -> int:
        """Microseconds of working time until then."""
        place = bisect_right(self._opens, at)
        if place == 0:
            return 0
        inside = min(at, self._closes[place - 1]) - self._opens[place - 1]
        return self._worked[place - 1] + inside // MICROSECOND

    def between(self, since: datetime, until: datetime) -> int:
        """Microseconds of working time; none where `until` comes first."""
        return max(0, self.worked_by(until) - self.worked_by(since))

    def after(self, since: datetime, microseconds: int) -> datetime:
        """When so much working time has passed: at the close of a stretch rather than at the opening of the next."""
        if microseconds <= 0:
            return since
        total = self.worked_by(since) + microseconds
        place = bisect_left(self._worked, total) - 1
        return self._opens[place] + MICROSECOND * (total - self._worked[place])


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
