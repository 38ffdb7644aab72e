"""When a step is due, and how its clock ends (pure; domain.md, section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from app.deadlines.words import DeadlineState
from app.kernel.workdays import (
    BUILT_IN,
    MINUTE,
    StateCalendar,
    WorkingCalendar,
    instant_of,
    moment_of,
    weekdays_only,
)
from tenants.schemes.calendar import Calendar
from tenants.schemes.values import TimeLimit
from tenants.schemes.words import HolidaySource, TimeUnit


class Due(NamedTuple):
    """When a step is due, and whether that may still change (`WorkingCalendar.provisional`)."""

    at: datetime
    provisional: bool


@lru_cache(maxsize=1_000)
def calendar_of(calendar: Calendar, state: StateCalendar = BUILT_IN) -> WorkingCalendar:
    """The working time that a scheme's calendar describes, with the state's holidays as they are known."""
    return WorkingCalendar(
        time_zone=calendar.time_zone,
        office_hours=[(span.opens, span.closes) for span in calendar.office_hours],
        working_weekdays=calendar.working_weekdays,
        special=state.special if calendar.holidays is HolidaySource.MAINLAND else weekdays_only,
        closed=[special.day for special in calendar.closures],
        open_=[special.day for special in calendar.extra_working_days],
        count_day_of_receipt=calendar.count_day_of_receipt,
    )


@lru_cache(maxsize=1_000)
def limit_of(amount: int, unit: str) -> TimeLimit:
    """A limit as it is kept. Raises ValueError for what is none."""
    return TimeLimit(amount=amount, unit=TimeUnit(unit))


def due(
    calendar: WorkingCalendar,
    limit: TimeLimit,
    started_at: datetime,
    *,
    extension_days: int = 0,
    suspensions: Iterable[tuple[datetime, datetime]] = (),
) -> Due:
    """When a step that began at `started_at` is due.

    So many office hours pass, or so many working days close, the granted ones included; then the working time that
    fell into the `suspensions` passes once more, as far as it would have counted: on the day of receipt it does not.
    Reading a pause of part of a day to the minute is ours: a day that counted wholly, or not at all, would make every
    short pause worth a day to one of the two sides.
    """
    start = instant_of(started_at)
    if limit.unit is TimeUnit.WORKING_DAYS:
        at = calendar.nth_close(start, limit.amount + extension_days)
    else:
        at = calendar.after(start, 60 * MINUTE * limit.amount)
        if extension_days:
            at = calendar.nth_close(at, extension_days)
    if stretches := tuple(suspensions):
        counts = instant_of(counts_from(calendar, limit, started_at))
        waited = sum(calendar.between(max(counts, instant_of(since)), instant_of(until)) for since, until in stretches)
        at = calendar.after(at, waited)
    return Due(moment_of(at), calendar.provisional_within(start, at))


def warning(
    calendar: WorkingCalendar,
    started_at: datetime,
    due_at: datetime,
    share: Decimal,
    *,
    suspensions: Iterable[tuple[datetime, datetime]] = (),
) -> datetime:
    """When a step that is due at `due_at` (`due`, with the same `suspensions`) warns: once `share` of the working time
    that it has, without the suspended, has passed. A pause that began after that moves it no more."""
    start = instant_of(started_at)
    stretches = sorted([(instant_of(begun), instant_of(ended)) for begun, ended in suspensions])
    waited = [calendar.between(begun, ended) for begun, ended in stretches]
    given = calendar.between(start, instant_of(due_at)) - sum(waited)
    at = calendar.after(start, int(share * given))
    for (begun, _), lost in zip(stretches, waited, strict=True):
        if begun < at:
            at = calendar.after(at, lost)
    return moment_of(at)


def counts_from(calendar: WorkingCalendar, limit: TimeLimit, started_at: datetime) -> datetime:
    """From when on the working time of a step that began at `started_at` counts."""
    return calendar.days_count_from(started_at) if limit.unit is TimeUnit.WORKING_DAYS else started_at


def end_state(due_at: datetime, ended_at: datetime, *, done: bool) -> DeadlineState:
    """How a clock ends: whatever ends it late, it is missed; in time, it was met, or nobody needs it any more."""
    if due_at < ended_at:
        return DeadlineState.MISSED
    return DeadlineState.MET if done else DeadlineState.CANCELLED
