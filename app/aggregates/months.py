"""The months of a city's calendar (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from app.kernel.errors import InvalidInput

_MONTH = re.compile(r"(?P<year>[12][0-9]{3})-(?P<month>0[1-9]|1[0-2])", re.ASCII)


def month_of(field: str, text: str) -> date:
    """The first day of a month such as `2026-11`. Raises `InvalidInput` `month_syntax`."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise InvalidInput(field, "month_syntax")
    return date(int(found["year"]), int(found["month"]), 1)


def next_month(month: date) -> date:
    """The first day of the month after the one in which a day lies."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def months_to_release(since: date, today: date, release_day: int) -> Iterator[date]:
    """The months from the one in which `since` lies whose day of release, in the month after, has come by today."""
    month = since.replace(day=1)
    while today >= next_month(month).replace(day=release_day):
        yield month
        month = next_month(month)


def moments_of(month: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When a month begins and when it is over."""
    begins, ends = (datetime.combine(day, time(), zone) for day in (month, next_month(month)))
    return begins, ends


def is_over(month: date, today: date) -> bool:
    """Whether the month is over on that day of the city."""
    return today >= next_month(month)
