"""The working time of a city (domain.md, section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, Strict
from pydantic_core import PydanticCustomError

from tenants.schemes.values import Broken, ClockTime, Day, Flag, Model, Name, repeated
from tenants.schemes.words import HolidaySource


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, OSError, ValueError):  # unknown, a folder of the zone files, or no path at all
        raise PydanticCustomError("time_zone", "a time zone such as Asia/Shanghai") from None
    return value


def _days_of(year: int) -> Iterator[date]:
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    return (date.fromordinal(day) for day in range(first, last + 1))


class OfficeHours(Model):
    """A span of the working day, local time."""

    opens: ClockTime
    closes: ClockTime

    def rules(self) -> Iterator[Broken]:
        if self.opens >= self.closes:
            yield Broken(("closes",), f"later than {self.opens:%H:%M}", f"{self.closes:%H:%M}")


class SpecialDay(Model):
    """A day that the city itself closes, or works, whatever the state's calendar says."""

    day: Day
    name: Name


class Calendar(Model):
    """Working days and office hours. `working_weekdays`: 1 Monday … 7 Sunday.

    A year whose holidays are not yet published is computed by weekends only and marked provisional.
    """

    time_zone: Annotated[str, AfterValidator(_time_zone)]
    office_hours: Annotated[tuple[OfficeHours, ...], Field(min_length=1, max_length=10)]
    working_weekdays: Annotated[
        tuple[Annotated[int, Strict(), Field(ge=1, le=7)], ...], Field(min_length=1, max_length=7)
    ]
    holidays: HolidaySource
    closures: tuple[SpecialDay, ...] = ()
    extra_working_days: tuple[SpecialDay, ...] = ()
    count_day_of_receipt: Flag

    def rules(self) -> Iterator[Broken]:
        for index, (earlier, later) in enumerate(pairwise(self.office_hours), start=1):
            if later.opens < earlier.closes:
                yield Broken(
                    ("office_hours", index, "opens"),
                    f"not before {earlier.closes:%H:%M}, when the span before it closes",
                    f"{later.opens:%H:%M}",
                )
        yield from repeated("working_weekdays", self.working_weekdays)
        yield from repeated("closures", (special.day for special in self.closures), "day")
        closed = {special.day for special in self.closures}
        for index, special in enumerate(self.extra_working_days):
            if special.day in closed:
                yield Broken(("extra_working_days", index, "day"), "a day that is not a closure", str(special.day))
        yield from repeated("extra_working_days", (special.day for special in self.extra_working_days), "day")
        worked = {special.day for special in self.extra_working_days}
        for year in sorted({day.year for day in closed}):
            left = (day for day in _days_of(year) if day not in closed)
            if not any(day in worked or day.isoweekday() in self.working_weekdays for day in left):
                yield Broken(("closures",), f"at least one working day left in {year}", "every one of them closed")
