"""Working time: which days are worked, and what comes so many office hours or working days after a moment (pure).

A year is worked out once, as instants (whole microseconds since 1970), so that every question is one or two bisections.
Who asks many at a time asks in instants: making a `datetime` costs as much as the answer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import count
from typing import NamedTuple
from zoneinfo import ZoneInfo

from holidays.countries.china import China, ChinaStaticHolidays

Special = Callable[[int], Mapping[date, bool] | None]
"""The days of a year that differ from its weekdays, and whether each is worked; None while they are not published."""

MICROSECOND = timedelta(microseconds=1)
MINUTE = 60_000_000
"""In microseconds."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MEAN_YEAR = 31_556_952_000_000
"""Of the Gregorian calendar, in microseconds: no year begins more than some days from where it has it."""
_FARTHEST = 100
"""Years to look ahead: a calendar that has no working time in a century has none."""


@cache
def mainland(year: int) -> Mapping[date, bool] | None:
    """The statutory holidays of mainland China with the weekends worked in exchange (调休), as the State Council
    published them; None for a year that it has not (or not yet)."""
    published = ChinaStaticHolidays.special_public_holidays
    if year not in published:
        return None
    # The notice for a year may have days of the one before worked.
    days = China(years=[year, year + 1] if year + 1 in published else year)  # type: ignore[no-untyped-call]
    special = dict.fromkeys((day for day in days if day.year == year), False)
    return special | dict.fromkeys((day for day in days.weekend_workdays if day.year == year), True)


@cache
def mainland_names(year: int, locale: str) -> Mapping[date, str]:
    """What the days off of a published year are called, in Chinese (`zh-CN`) or English."""
    language = "zh_CN" if locale == "zh-CN" else "en_US"
    return dict(China(years=year, language=language))  # type: ignore[no-untyped-call]


def weekdays_only(_year: int) -> Mapping[date, bool]:
    """No holidays at all."""
    return {}


class ImportedDay(NamedTuple):
    """A day of a year that was imported: whether it is worked, and what it is called."""

    worked: bool
    name: str


@dataclass(frozen=True, slots=True)
class StateCalendar:
    """The state's holidays and make-up days at one version of the platform's calendar.

    A year that was imported is as it was imported; of any other the program knows what was published before it was
    made. Two of them are equal when version and digest are.
    """

    version: int = 0
    digest: bytes = b""
    imported: Mapping[int, Mapping[date, ImportedDay]] = field(default_factory=dict, compare=False, repr=False)

    def special(self, year: int) -> Mapping[date, bool] | None:
        """As `Special`."""
        days = self.imported.get(year)
        return mainland(year) if days is None else {day: each.worked for day, each in days.items()}

    @property
    def first_unpublished(self) -> int:
        """The first year, since there are such holidays, whose are not known."""
        return next(year for year in count(min(ChinaStaticHolidays.special_public_holidays)) if not self.special(year))

    def name_of(self, day: date, locale: str) -> str | None:
        """What a day is called; what was imported has a Chinese name only. None: it has no name."""
        days = self.imported.get(day.year)
        if days is None:
            return mainland_names(day.year, locale).get(day)
        return days[day].name if day in days else None


BUILT_IN = StateCalendar()
"""Before anything was imported."""


def instant_of(moment: datetime) -> int:
    """A moment in whole microseconds since 1970."""
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def moment_of(instant: int) -> datetime:
    """The moment so many microseconds after the beginning of 1970, in UTC."""
    return _EPOCH + timedelta(0, 0, instant)


@dataclass(slots=True)
class _Year:
    """A year of the local calendar. `starts`, `ends`: its spans of office hours; `worked`: the working time from the
    year's beginning to the end of each; `days`, `midnights`, `closes`: its working days (ordinals), when each begins,
    and when its last span ends. `provisional`: its holidays are not published."""

    number: int
    begins: int
    next_begins: int
    provisional: bool
    starts: list[int]
    ends: list[int]
    worked: list[int]
    days: list[int]
    midnights: list[int]
    closes: list[int]
    total: int = 0

    def worked_until(self, instant: int) -> int:
        """The working time from the year's beginning to an instant of it."""
        index = bisect_right(self.starts, instant) - 1
        return 0 if index < 0 else self.worked[index] - max(0, self.ends[index] - instant)


class WorkingCalendar:
    """The working time of a city (domain.md, section 3).

    `office_hours` are (opens, closes) in local time, in order and not overlapping; `working_weekdays` counts 1 Monday …
    7 Sunday; `closed` and `open_` are days that the city itself closes or works, whatever `special` says. Where clocks
    are put forward or back during office hours, what counts is the time that really passes.
    """

    def __init__(
        self,
        *,
        time_zone: str,
        office_hours: Sequence[tuple[time, time]],
        working_weekdays: Collection[int],
        special: Special = weekdays_only,
        closed: Collection[date] = (),
        open_: Collection[date] = (),
        count_day_of_receipt: bool = False,
    ) -> None:
        self.zone = ZoneInfo(time_zone)
        self._office_hours = tuple(office_hours)
        self._weekdays = frozenset(working_weekdays)
        self._special = special
        self._own = dict.fromkeys(open_, True) | dict.fromkeys(closed, False)
        self._count_day_of_receipt = count_day_of_receipt
        self._years: dict[int, _Year] = {}

    def provisional(self, year: int) -> bool:
        """Whether the holidays of a year are not yet published: it is counted by weekdays only, until they are."""
        return self._special(year) is None

    def provisional_between(self, start: datetime, end: datetime) -> bool:
        """Whether anything counted between two moments may still change."""
        return self.provisional_within(instant_of(start), instant_of(end))

    def is_working_day(self, day: date) -> bool:
        """Whether the city works on a day: its own word first, then the published exceptions, then the weekday."""
        own = self._own.get(day)
        if own is None:
            own = (self._special(day.year) or {}).get(day)
        return day.isoweekday() in self._weekdays if own is None else own

    def add_working_minutes(self, start: datetime, minutes: int) -> datetime:
        """The moment at which so many working minutes (0 or more) have passed since `start`, in UTC: the end of a span
        of office hours rather than the start of the next. Raises ValueError where no working time ever comes."""
        return self.add_working_time(start, timedelta(minutes=minutes))

    def add_working_time(self, start: datetime, amount: timedelta) -> datetime:
        """`add_working_minutes`, exact to the microsecond."""
        if amount <= timedelta():
            return start
        return moment_of(self.after(instant_of(start), amount // MICROSECOND))

    def end_of_nth_working_day(self, received: datetime, n: int) -> datetime:
        """The close of the n-th working day (1 or more) after the day of receipt, in UTC; where the city counts that
        day too, it is the first, unless it was over already. Raises ValueError where it never comes."""
        return moment_of(self.nth_close(instant_of(received), n))

    def working_time_between(self, start: datetime, end: datetime) -> timedelta:
        """The working time between two moments, exact; nothing when `end` is not later than `start`."""
        return timedelta(0, 0, self.between(instant_of(start), instant_of(end)))

    def working_minutes_between(self, start: datetime, end: datetime) -> int:
        """The whole working minutes between two moments."""
        return self.between(instant_of(start), instant_of(end)) // MINUTE

    def days_count_from(self, received: datetime) -> datetime:
        """From when on working days count, in UTC: the midnight that ends the day of receipt, unless it counts too."""
        if self._count_day_of_receipt:
            return received.astimezone(UTC)
        return self.midnight(received.astimezone(self.zone).date() + timedelta(days=1))

    def after(self, instant: int, amount: int) -> int:
        """`add_working_time`, in instants and microseconds."""
        if amount <= 0:
            return instant
        year = self._year_of(instant)
        target = year.worked_until(instant) + amount
        for _ in range(_FARTHEST):
            if target <= year.total:
                index = bisect_left(year.worked, target)
                return year.ends[index] - (year.worked[index] - target)
            target -= year.total
            year = self._year(year.number + 1)
        raise ValueError("a calendar without working time")

    def nth_close(self, received: int, n: int) -> int:
        """`end_of_nth_working_day`, in instants."""
        year = self._year_of(received)
        # The first day that is not over, or the first that had not begun.
        index = bisect_right(year.closes if self._count_day_of_receipt else year.midnights, received) + n - 1
        for _ in range(_FARTHEST):
            if index < len(year.closes):
                return year.closes[index]
            index -= len(year.closes)
            year = self._year(year.number + 1)
        raise ValueError("a calendar without working time")

    def between(self, since: int, until: int) -> int:
        """`working_time_between`, in instants and microseconds."""
        if until <= since:
            return 0
        year = self._year_of(since)
        passed = -year.worked_until(since)
        while until >= year.next_begins:
            passed += year.total
            year = self._year(year.number + 1)
        return passed + year.worked_until(until)

    def provisional_within(self, since: int, until: int) -> bool:
        """`provisional_between`, in instants."""
        year = self._year_of(since)
        while not year.provisional and until >= year.next_begins:
            year = self._year(year.number + 1)
        return year.provisional

    def midnight(self, day: date) -> datetime:
        """The moment at which a local day begins, in UTC."""
        return moment_of(self._instant(day, time()))

    def office_hours_of(self, day: date) -> list[tuple[datetime, datetime]]:
        """The spans of office hours of a local day, in UTC; none on a day off."""
        year = self._year(day.year)
        ordinal = day.toordinal()
        place = bisect_left(year.days, ordinal)
        if place == len(year.days) or year.days[place] != ordinal:
            return []
        spans = range(place * len(self._office_hours), (place + 1) * len(self._office_hours))
        return [(moment_of(year.starts[span]), moment_of(year.ends[span])) for span in spans]

    def _year_of(self, instant: int) -> _Year:
        year = self._year(1970 + instant // _MEAN_YEAR)
        if instant >= year.next_begins:
            return self._year(year.number + 1)
        return self._year(year.number - 1) if instant < year.begins else year

    def _year(self, number: int) -> _Year:
        year = self._years.get(number)
        if year is None:
            year = self._years[number] = self._work_out(number)
        return year

    def _work_out(self, number: int) -> _Year:
        begins, next_begins = (self._instant(date(year, 1, 1), time()) for year in (number, number + 1))
        year = _Year(number, begins, next_begins, self.provisional(number), [], [], [], [], [], [])
        total, latest = 0, begins
        for ordinal in range(date(number, 1, 1).toordinal(), date(number + 1, 1, 1).toordinal()):
            day = date.fromordinal(ordinal)
            if not self.is_working_day(day):
                continue
            for opens, closes in self._office_hours:
                # Hours that are skipped when clocks are put forward must neither overlap nor run backwards.
                start = max(latest, self._instant(day, opens))
                latest = max(start, self._instant(day, closes))
                total += latest - start
                year.starts.append(start)
                year.ends.append(latest)
                year.worked.append(total)
            year.days.append(ordinal)
            year.midnights.append(self._instant(day, time()))
            year.closes.append(latest)
        year.total = total
        return year

    def _instant(self, day: date, at: time) -> int:
        return instant_of(datetime.combine(day, at, self.zone))
