"""The state's holidays out of a spreadsheet: what is read, what is told of a row that is wrong, what is published."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import operations
from app.deadlines.rules import calendar_of
from app.kernel.database import Database
from app.kernel.errors import InvalidInput
from app.kernel.workdays import BUILT_IN, mainland
from tenants.calendar_import import read_calendar
from tenants.calendars import next_calendar
from tenants.schemes.calendar import Calendar
from tenants.schemes.model import load_preset
from tenants.tree import TenantTreeCache
from tests.factories.world import World

NOW = datetime(2026, 11, 22, tzinfo=UTC)
YEAR = next(year for year in range(2026, 2100) if mainland(year) is None)
HEADINGS = "日期,是否上班,名称,来源\n"
ROWS = (
    f"{YEAR}-01-01,休息,元旦,国办发明电\n"
    f"{YEAR}/1/2,放假,元旦,\n"
    f"{YEAR - 1}年12月27日,上班,元旦调休,\n"
    f"{YEAR}-10-01,off,国庆节,\n"
    f"{YEAR}-10-09,补班,国庆节调休,\n"
)
SCHEME = load_preset("guangyuan").scheme


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_year_in_every_encoding_and_the_december_before(encoding: str) -> None:
    read = read_calendar((HEADINGS + ROWS).encode(encoding), BUILT_IN)
    assert read.problems == ()
    assert read.years == (YEAR - 1, YEAR)
    after = next_calendar(BUILT_IN, read.days)
    city, before = calendar_of(SCHEME.calendar, after), calendar_of(SCHEME.calendar)
    assert before.provisional(YEAR)
    assert not city.provisional(YEAR)
    assert not city.is_working_day(date(YEAR, 10, 1))
    assert city.is_working_day(date(YEAR, 10, 9))
    assert city.is_working_day(date(YEAR - 1, 12, 27))
    same = [date(YEAR - 1, month, day) for month in range(1, 12) for day in range(1, 29)]
    assert [city.is_working_day(day) for day in same] == [before.is_working_day(day) for day in same]
    assert after.name_of(date(YEAR - 1, 10, 1), "zh-CN") == BUILT_IN.name_of(date(YEAR - 1, 10, 1), "zh-CN")


def test_a_year_that_was_imported_wins_and_the_citys_own_word_wins_over_it() -> None:
    rows = "2026-01-01,休息,元旦\n2026-02-17,上班,不放\n2026-03-03,休息,停工\n"
    state = next_calendar(BUILT_IN, read_calendar(("day,worked,name\n" + rows).encode(), BUILT_IN).days)
    own = Calendar.model_validate(
        SCHEME.calendar.model_dump(mode="json") | {"extra_working_days": [{"day": "2026-03-03", "name": "城市日"}]}
    )
    assert calendar_of(SCHEME.calendar, state).is_working_day(date(2026, 2, 17))
    assert not calendar_of(SCHEME.calendar, state).is_working_day(date(2026, 3, 3))
    assert calendar_of(own, state).is_working_day(date(2026, 3, 3))
    assert not calendar_of(own).is_working_day(date(2026, 2, 17))


def test_every_row_that_is_wrong_is_told() -> None:
    rows = ROWS + (
        f"{YEAR}-02-30,休息,没有的日子,\n"
        f"{YEAR}-01-01,休息,又一次,\n"
        f"{YEAR}-05-01,也许,劳动节,\n"
        f"{YEAR}-05-02,休息,,\n"
        f"{YEAR + 5}-10-01,休息,国庆节,\n"
        f"{YEAR - 1}-11-30,休息,不是十二月,\n"
    )
    read = read_calendar((HEADINGS + rows).encode(), BUILT_IN)
    assert [(each.row, each.column, each.refusal.rule) for each in read.problems] == [
        (7, "日期", "not_a_day"),
        (8, "日期", "day_twice"),
        (9, "是否上班", "calendar_word"),
        (10, "名称", "empty"),
        (11, "日期", "year_not_whole"),
        (12, "日期", "year_not_whole"),
    ]
    assert all(operations.told_of_cells(read.problems))
    with pytest.raises(InvalidInput) as refused:
        read_calendar("日期,名称\n2027-01-01,元旦\n".encode(), BUILT_IN)
    assert refused.value.rule == "columns_missing"


def test_holidays_that_swallow_every_working_day_of_a_month_are_refused() -> None:
    """Such as a column that was filled in the wrong way round: every deadline would jump over it."""
    march = [date(YEAR, 3, day) for day in range(1, 32)]
    off = [f"{day},休息,停工,\n" for day in march if day.isoweekday() < 6]
    read = read_calendar((HEADINGS + ROWS + "".join(off)).encode(), BUILT_IN)
    assert [(each.row, each.column, each.refusal.rule) for each in read.problems] == [
        (7, "是否上班", "month_without_work")
    ]
    assert "3" in operations.told_of_cells(read.problems)[0]
    assert read_calendar((HEADINGS + ROWS + "".join(off[1:])).encode(), BUILT_IN).problems == ()
    weekend = next(day for day in march if day.isoweekday() == 6)
    worked = f"{weekend},上班,调休,\n"
    assert read_calendar((HEADINGS + ROWS + "".join(off) + worked).encode(), BUILT_IN).problems == ()


async def test_a_version_follows_another_and_nothing_is_overwritten(
    database: Database, world: World, application_url: str, admin: asyncpg.Connection, tmp_path: Path
) -> None:
    trees = TenantTreeCache(database)
    first = await trees.get()
    file = tmp_path / "calendar.csv"
    file.write_text(HEADINGS + ROWS, encoding="gbk")
    read, version, published = await operations.import_calendar(application_url, file, note="来函", login=None, now=NOW)
    assert (version, published, read.problems) == (1, True, ())
    async with database.reading(cities=()) as reading:
        assert reading.tree_version > first.version
    second = await trees.get(reading.tree_version)
    assert second.calendar.version == 1
    assert not calendar_of(SCHEME.calendar, second.calendar).provisional(YEAR)

    again = await operations.import_calendar(application_url, file, note=None, login=None, now=NOW)
    assert again[1:] == (1, False)
    file.write_text(HEADINGS + ROWS.replace(f"{YEAR}-10-09", f"{YEAR}-10-10"))
    assert (await operations.import_calendar(application_url, file, note=None, login=None, now=NOW))[1:] == (2, True)
    rows = await admin.fetch("select version, digest, note, published_at from calendars order by version")
    assert [(row["version"], row["note"], row["published_at"]) for row in rows] == [(1, "来函", NOW), (2, None, NOW)]
    third = await TenantTreeCache(database).get()
    assert [each.version for each in third.calendars] == [0, 1, 2]
    assert [each.digest for each in third.calendars[1:]] == [row["digest"] for row in rows]
    assert third.calendars[1] == second.calendar
    assert third.calendars[1].imported[YEAR][date(YEAR, 10, 9)].worked
    assert date(YEAR, 10, 9) not in third.calendar.imported[YEAR]

    file.write_text(HEADINGS + f"{YEAR}-02-30,休息,错,\n")
    assert (await operations.import_calendar(application_url, file, note=None, login=None, now=NOW))[1:] == (2, False)
    with pytest.raises(operations.Refused, match="no platform operator"):
        await operations.import_calendar(application_url, file, note=None, login="office@guangyuan", now=NOW)


async def test_only_the_platforms_own_space_publishes(database: Database, world: World) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.session(cities=(world.guangyuan.id,)) as session:
            await session.execute(text("insert into calendars values (1, ''::bytea, null, now(), null)"))
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.session(cities=(1,)) as session:
            await session.execute(text("delete from calendar_days"))


def test_closures_that_swallow_every_working_day_are_refused() -> None:
    document = SCHEME.calendar.model_dump(mode="json")
    days = [date.fromordinal(ordinal) for ordinal in range(date(2027, 1, 1).toordinal(), date(2028, 1, 1).toordinal())]
    closures = [{"day": day.isoformat(), "name": "停办"} for day in days if day.isoweekday() <= 5]
    with pytest.raises(ValueError, match="at least one working day left in 2027"):
        Calendar.model_validate(document | {"closures": closures})
    assert Calendar.model_validate(document | {"closures": closures[1:]})
    saturday = {"day": "2027-03-06", "name": "补班"}
    assert Calendar.model_validate(document | {"closures": closures, "extra_working_days": [saturday]})
