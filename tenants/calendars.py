"""The versions of the state's calendar: read with the tenant tree, and added to, never changed."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import orjson
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.kernel.tables import table_of
from app.kernel.workdays import BUILT_IN, ImportedDay, StateCalendar
from tenants.models import CalendarDay, CalendarVersion

CALENDARS = table_of(CalendarVersion)
CALENDAR_DAYS = table_of(CalendarDay)


class NewDay(NamedTuple):
    """A day that the state sets apart: worked or not, what it is called, and which notice says so."""

    day: date
    worked: bool
    name: str
    source: str | None = None


def next_calendar(before: StateCalendar, days: Sequence[NewDay]) -> StateCalendar:
    """The version after `before`: the years of these days, whole, and the others as they were (pure)."""
    imported = dict(before.imported)
    for year in sorted({each.day.year for each in days}):
        imported[year] = {each.day: ImportedDay(each.worked, each.name) for each in days if each.day.year == year}
    told = [[each.day.isoformat(), each.worked, each.name, each.source] for each in sorted(days)]
    digest = hashlib.sha256(before.digest + orjson.dumps(told)).digest()
    return StateCalendar(before.version + 1, digest, imported)


async def load_calendars(connection: AsyncConnection | AsyncSession) -> list[StateCalendar]:
    """Every version, from what the program itself knows on."""
    digests = await connection.execute(select(CALENDARS.c.version, CALENDARS.c.digest).order_by(CALENDARS.c.version))
    calendars = [BUILT_IN]
    rows = (await connection.execute(select(CALENDAR_DAYS).order_by(CALENDAR_DAYS.c.day))).all()
    for version, digest in digests:
        days = [NewDay(row.day, row.worked, row.name, row.source) for row in rows if row.version == version]
        made = next_calendar(calendars[-1], days)
        calendars.append(StateCalendar(version, digest, made.imported))
    return calendars


async def store_calendar(
    transaction: AsyncConnection | AsyncSession,
    calendar: StateCalendar,
    days: Sequence[NewDay],
    *,
    note: str | None,
    published_by: uuid.UUID | None,
    now: datetime,
) -> None:
    """Write down a version that `next_calendar` made. The transaction works in the platform's own space."""
    await transaction.execute(
        insert(CALENDARS).values(
            version=calendar.version,
            digest=calendar.digest,
            note=note,
            published_at=now,
            published_by=published_by,
        )
    )
    await transaction.execute(
        insert(CALENDAR_DAYS), [{"version": calendar.version, **each._asdict()} for each in sorted(days)]
    )
