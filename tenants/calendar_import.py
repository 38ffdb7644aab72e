"""The state's holidays out of a spreadsheet, as the platform's next calendar.

A row is a day that differs from its weekday: 日期, 是否上班 (上班 / 休息), 名称, and perhaps 来源, the notice.
A year is imported whole, which its 1 January shows: that is a holiday every year. No month is without a working day.
A notice also sets days of the December before apart; these are added to that year as it stands, where it was published.
"""

from __future__ import annotations

import re
import uuid
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from app.kernel.errors import InvalidInput
from app.kernel.tabular import CellProblem, Column, TableRow, read_table
from app.kernel.texts import clean_optional_text, clean_text
from app.kernel.workdays import StateCalendar
from tenants.calendars import NewDay, load_calendars, next_calendar, store_calendar
from tenants.tree import Transaction, bump_tree_version, lock

COLUMNS: Mapping[str, Column] = MappingProxyType(
    {
        "day": Column(("日期", "day", "date"), required=True),
        "worked": Column(("是否上班", "上班", "类型", "worked"), required=True),
        "name": Column(("名称", "节日", "说明", "name"), required=True),
        "source": Column(("来源", "依据", "文件", "source")),
    }
)
WORKED = MappingProxyType(
    dict.fromkeys(("上班", "补班", "调休上班", "工作日", "是", "worked", "work", "yes", "true", "1"), True)
    | dict.fromkeys(("休息", "放假", "休", "休息日", "节假日", "否", "off", "no", "false", "0"), False)
)
NAME_LENGTH, SOURCE_LENGTH = 100, 500
CALENDAR_LOCK = 7_302_003

_DAY = re.compile(r"(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?(?: 00:00:00)?")
_MAKE_UP = "调休上班"


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds: the days of every year that it changes, what is wrong in it, and what was not looked at."""

    days: tuple[NewDay, ...]
    problems: tuple[CellProblem, ...]
    ignored: tuple[str, ...]

    @property
    def years(self) -> tuple[int, ...]:
        """The years that it changes."""
        return tuple(sorted({each.day.year for each in self.days}))


def read_calendar(source: Path | bytes, before: StateCalendar) -> Read:
    """Read and check a calendar that follows `before`. Raises OSError and `InvalidInput` as `read_table` does."""
    sheet = read_table(source, COLUMNS)
    found: dict[date, tuple[int, NewDay]] = {}
    problems: list[tuple[int, InvalidInput]] = []
    for row in sheet.rows:
        day = _day(row.cells["day"])
        worked = WORKED.get(row.cells["worked"].casefold())
        if day is None:
            problems.append((row.number, InvalidInput("day", "not_a_day")))
        elif day in found:
            problems.append((row.number, InvalidInput("day", "day_twice", day=day.isoformat())))
        if worked is None:
            problems.append((row.number, InvalidInput("worked", "calendar_word")))
        try:
            name, notice = _texts(row)
        except InvalidInput as problem:
            problems.append((row.number, problem))
            continue
        if day is not None and worked is not None and day not in found:
            found[day] = row.number, NewDay(day, worked, name, notice)
    whole = {day.year for day in found if (day.month, day.day) == (1, 1)}
    added = {year - 1 for year in whole if before.special(year - 1) is not None} - whole
    for day, (number, _) in found.items():
        if day.year not in whole and not (day.year in added and day.month == 12):
            problems.append((number, InvalidInput("day", "year_not_whole", year=day.year)))
    for first in _swallowed({day: new.worked for day, (_, new) in found.items()}):
        problems.append(
            (found[first][0], InvalidInput("worked", "month_without_work", year=first.year, month=first.month))
        )
    days = {day: new for day, (_, new) in found.items()}
    for year in {day.year for day in days} & added:
        days = {each.day: each for each in _as_it_stands(before, year)} | days
    cells = tuple(_in_its_cell(*each, sheet.headings) for each in sorted(problems, key=lambda each: each[0]))
    return Read(tuple(days[day] for day in sorted(days)), cells, sheet.ignored)


async def publish_calendar(
    transaction: Transaction, read: Read, *, note: str | None, published_by: uuid.UUID | None, now: datetime
) -> tuple[StateCalendar, bool]:
    """Put what was read in force for every city; the calendar in force, and whether it is new: the same days again are
    not. Nothing that was there is changed. The transaction works in the platform's space."""
    await lock(transaction, CALENDAR_LOCK)
    before = (await load_calendars(transaction))[-1]
    after = next_calendar(before, read.days)
    if after.imported == before.imported:
        return before, False
    await store_calendar(transaction, after, read.days, note=note, published_by=published_by, now=now)
    await bump_tree_version(transaction)
    return after, True


def _day(text: str) -> date | None:
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        return None


def _swallowed(worked: Mapping[date, bool]) -> list[date]:
    """The first of these days in every month that they leave without a working day: no holiday is so long."""
    found = []
    for year, month in sorted({(day.year, day.month) for day in worked}):
        of_month = [date(year, month, 1) + timedelta(days=passed) for passed in range(monthrange(year, month)[1])]
        if not any(worked.get(day, day.isoweekday() < 6) for day in of_month):
            found.append(min(day for day in of_month if day in worked))
    return found


def _texts(row: TableRow) -> tuple[str, str | None]:
    return (
        clean_text("name", row.cells["name"], at_most=NAME_LENGTH),
        clean_optional_text("source", row.cells.get("source") or None, at_most=SOURCE_LENGTH),
    )


def _in_its_cell(number: int, problem: InvalidInput, headings: Mapping[str, str]) -> CellProblem:
    """The problem under the heading that the file has."""
    name = problem.field or ""
    heading = headings.get(name) or COLUMNS[name].headings[0]
    data = {key: value for key, value in problem.data.items() if key != "rule"}
    return CellProblem(number, heading, InvalidInput(heading, problem.rule, **data))


def _as_it_stands(before: StateCalendar, year: int) -> list[NewDay]:
    return [
        NewDay(day, worked, before.name_of(day, "zh-CN") or _MAKE_UP)
        for day, worked in (before.special(year) or {}).items()
    ]
