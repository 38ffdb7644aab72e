"""The verb `release`: the city's office gives a month's numbers to the region before the worker does."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from app.aggregates.access import office_of, region_above
from app.aggregates.models import Aggregate
from app.aggregates.months import is_over, month_of, next_month
from app.aggregates.releasing import first_day, release_month
from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.schemes import present_scheme
from authz.actor import Actor


async def release(uow: UnitOfWork, actor: Actor, *, month: str) -> Aggregate:
    """The month is counted and released, to the city and to its region.

    Raises `InvalidInput`: `month_syntax`, `not_over`, `before_anything`, `already_released`; `no_region` for a city
    that lies in none.
    """
    author = office_of(uow, actor)
    region = region_above(uow)
    wanted = month_of("month", month)
    version, scheme = await present_scheme(uow)
    if not is_over(wanted, uow.now.astimezone(ZoneInfo(scheme.calendar.time_zone)).date()):
        raise InvalidInput("month", "not_over")
    if next_month(wanted) <= await first_day(uow, scheme):
        raise InvalidInput("month", "before_anything")
    released = await release_month(uow, region, wanted, version, scheme, author=author)
    if released is None:
        raise InvalidInput("month", "already_released")
    return released
