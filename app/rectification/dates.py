"""When a task is due, and from when on its progress is (pure; domain.md, sections 3 and 6)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from app.deadlines.rules import Due, due
from app.kernel.workdays import WorkingCalendar
from tenants.schemes.values import TimeLimit
from tenants.schemes.words import Period, TimeUnit

MONTHS: dict[Period, int] = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The progress of what is not being worked on is not due."""


def due_after(calendar: WorkingCalendar, working_days: int, start: datetime) -> Due:
    """Due at the close of so many working days after `start`."""
    return due(calendar, TimeLimit(amount=working_days, unit=TimeUnit.WORKING_DAYS), start)


def due_on(calendar: WorkingCalendar, day: date) -> Due:
    """Due at the close of a day of the city; of the first working day after it where it is none (as in the Civil Code,
    art. 203, for the last day of a period)."""
    before = datetime.combine(day, time(), calendar.zone) - timedelta(microseconds=1)
    return due(calendar, TimeLimit(amount=1, unit=TimeUnit.WORKING_DAYS), before)


def local_day(calendar: WorkingCalendar, at: datetime) -> date:
    """The day of the city at that moment."""
    return at.astimezone(calendar.zone).date()


def lags_from(calendar: WorkingCalendar, every: Period, reported: date) -> datetime:
    """From when on a task lags whose last progress is of the month of `reported`, or that was issued then: since the
    end of the period that follows. That the period of issue itself needs no progress is ours."""
    months = MONTHS[every]
    following = (reported.year * 12 + reported.month - 1) // months * months + 2 * months
    year, month = divmod(following, 12)
    return datetime(year, month + 1, 1, tzinfo=calendar.zone).astimezone(UTC)
