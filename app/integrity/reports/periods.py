"""The periods that reports are about, and when they are due (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from app.deadlines.rules import Due, warning
from app.kernel.workdays import WorkingCalendar
from app.rectification.dates import due_on
from tenants.schemes.words import Period

_MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}


class Span(NamedTuple):
    """From a day of the city to before another."""

    begins_on: date
    ends_before: date


def span_of(every: Period, day: date) -> Span:
    """The month, quarter or year in which a day lies."""
    months = _MONTHS[every]
    begins_on = date(day.year, day.month - (day.month - 1) % months, 1)
    year, month = divmod(begins_on.month - 1 + months, 12)
    return Span(begins_on, date(begins_on.year + year, month + 1, 1))


def spans_over(every: Period, since: date, today: date) -> Iterator[Span]:
    """The spans that are over by `today`, from the one in which `since` lies."""
    span = span_of(every, since)
    while span.ends_before <= today:
        yield span
        span = span_of(every, span.ends_before)


class Timing(NamedTuple):
    """When a report is due, whether that may still change, and when it is told that it soon is."""

    due_at: datetime
    provisional: bool
    warn_at: datetime


def due_of(calendar: WorkingCalendar, span: Span, due_day: int) -> Due:
    """When the report on a span is due: at the close of that day of the month after it, or of the next working day
    where the city does not work on it."""
    return due_on(calendar, span.ends_before + timedelta(days=due_day - 1))


def timing_of(
    calendar: WorkingCalendar, span: Span, due_day: int, drafted_at: datetime, warn_at_share: Decimal
) -> Timing:
    """The timing of a report whose draft was made then: it warns once the share of the working time is used up."""
    due = due_of(calendar, span, due_day)
    return Timing(due.at, due.provisional, warning(calendar, drafted_at, due.at, warn_at_share))
