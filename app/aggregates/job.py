"""The job that releases what the city's office has not: every month whose day of release has come (scheme).

A month is released once, whatever runs at once, by its unique key; after a downtime every month that is missing is.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from app.aggregates.months import months_to_release
from app.aggregates.queries import AGGREGATES
from app.aggregates.releasing import release_month
from app.kernel.events import Author
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.schemes import present_scheme
from app.worker import Context, Job, one_by_one
from tenants.schemes.model import Scheme
from tenants.tree import SCHEMES, TenantNode

BATCH = 12
"""Months of a city that are released in one transaction."""


async def release_aggregates(context: Context) -> int:
    """One city of a region after the other: some of its months that are due; how many were released."""
    now = context.clock.now()
    tree = await context.tree()

    async def release(city: TenantNode) -> int:
        region = tree.region_of(city.id)
        if region is None or city.scheme_version is None:
            return 0
        async with context.unit(city.id, now=now) as uow:
            return await release_due(uow, region)

    return await one_by_one(tree.cities, release)


async def release_due(uow: UnitOfWork, region: TenantNode) -> int:
    """The months of the unit of work's city that are due, the oldest first; how many there were."""
    version, scheme = await present_scheme(uow)
    today = uow.now.astimezone(ZoneInfo(scheme.calendar.time_zone)).date()
    released = 0
    there = set(
        await uow.session.scalars(
            select(AGGREGATES.c.month).where(
                AGGREGATES.c.city_id == uow.city_id, AGGREGATES.c.of_city_id == uow.city_id
            )
        )
    )
    for month in months_to_release(await _since(uow, scheme), today, scheme.cross_city.aggregates.release_day):
        if month in there:
            continue
        if await release_month(uow, region, month, version, scheme, author=Author()) is not None:
            released += 1
        if released == BATCH:
            break
    return released


async def _since(uow: UnitOfWork, scheme: Scheme) -> date:
    """The day in whose month the first release lies: when the city got its first scheme."""
    founded: datetime | None = await uow.session.scalar(
        select(func.min(SCHEMES.c.published_at)).where(SCHEMES.c.city_id == uow.city_id)
    )
    return (founded or uow.now).astimezone(ZoneInfo(scheme.calendar.time_zone)).date()


AGGREGATE_RELEASER = Job("aggregates", timedelta(minutes=5), release_aggregates)
