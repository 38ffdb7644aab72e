"""What the released numbers come to over cities and months: added up of what is told, and of nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import ColumnElement, Date, Integer, Text, and_, case, func, literal_column, select, true
from sqlalchemy import cast as sql_cast

from app.aggregates.queries import AGGREGATES, CELLS, visible_to
from app.aggregates.words import AggregateMeasure
from app.kernel.errors import BadInput
from app.tickets.words import TicketCategory
from authz.permissions import Permission
from schema.aggregates.queries import first_day, of_space
from schema.aggregates.types import is_newest, month_text, share
from schema.context import Viewer
from schema.labels import LABELS, label_sql
from schema.reader.declare import (
    Here,
    Located,
    Relation,
    Root,
    Sized,
    column,
    expression,
    relation,
    root,
    stored,
)
from schema.scalars import TenantPath
from schema.tenants.types import TENANTS, Tenant
from schema.tenants.within import locate_within
from tenants.tree import TenantTree


class AggregateDimension(StrEnum):
    """By what the sums of released numbers are told apart."""

    CATEGORY = "CATEGORY"
    CITY = "CITY"
    MONTH = "MONTH"


D = AggregateDimension
strawberry.enum(AggregateDimension, description="By what the sums of released numbers are told apart.")
for _value in cast(Any, AggregateDimension).__strawberry_definition__.values:
    _value.description = {
        "CATEGORY": "By the category of the tickets; of notices there are none.",
        "CITY": "By the city that released them.",
        "MONTH": "By the month, `2026-11`.",
    }[_value.name]

_GROUPS: Mapping[Any, int] = {D.CATEGORY: len(TicketCategory), D.CITY: 100, D.MONTH: 120}
_ALL = ("合计", "Total")


def _most(arguments: Sized) -> int:
    by = arguments.get("by")
    return len(AggregateMeasure) * (1 if by is None else _GROUPS.get(by, max(_GROUPS.values())))


def _rows(here: Here) -> Any:
    """A row for each measure, or for each measure of each group."""
    given = here.arguments.get("by")
    dimension = None if given is None else AggregateDimension(given)
    released, cell = AGGREGATES.alias("released_"), CELLS.alias("cell_")
    nothing: ColumnElement[Any] = literal_column("null::text", Text())
    keys: Mapping[Any, ColumnElement[Any]] = {
        None: nothing,
        D.CATEGORY: cell.c.category,
        D.CITY: released.c.of_city_id,
        D.MONTH: month_text(released),
    }
    parts = cell.c.category if dimension is D.CATEGORY else None
    told = parts.is_not(None) if parts is not None else and_(cell.c.category.is_(None), cell.c.level.is_(None))

    def number(value: Any, name: str) -> ColumnElement[Any]:
        return sql_cast(value, Integer()).label(name)

    sums = (
        select(
            cell.c.measure,
            keys[dimension].label("key"),
            number(func.sum(cell.c.numerator), "numerator"),
            number(func.sum(cell.c.denominator), "denominator"),
            number(func.count(), "releases"),
            number(func.count().filter(cell.c.withheld), "withheld"),
        )
        .select_from(released)
        .join(cell, and_(cell.c.city_id == released.c.city_id, cell.c.aggregate_id == released.c.id))
        .where(
            of_space(here),
            visible_to(here.scope, released, here.bind),
            released.c.month >= here.arguments.bind("fromMonth", type_=Date(), convert=first_day),
            released.c.month <= here.arguments.bind("toMonth", type_=Date(), convert=first_day),
            is_newest(released),
            told,
        )
        .group_by(cell.c.measure, literal_column("2"))
    )
    found = sums.subquery("sums_")
    named = _named(dimension, found.c.key, here.locale)
    place = case(
        *((found.c.measure == literal_column(f"'{measure}'"), index) for index, measure in enumerate(AggregateMeasure))
    )
    return select(*named, place.label("place"), *(each for each in found.c if each.name != "key")).select_from(found)


def _named(dimension: AggregateDimension | None, key: ColumnElement[Any], locale: str) -> list[ColumnElement[Any]]:
    """Of each group its value, label, tenant and place among the groups."""
    no_tenant = literal_column("null::int", Integer())
    values: tuple[ColumnElement[Any], ...] = (key, key, no_tenant, key)
    if dimension is None:
        values = (key, literal_column(f"'{_ALL[0 if locale == 'zh-CN' else 1]}'", Text()), no_tenant, key)
    elif dimension is D.CITY:
        tenant = TENANTS.alias("named_")
        path, name = (
            select(shown).select_from(tenant).where(tenant.c.id == key).scalar_subquery()
            for shown in (tenant.c.path, tenant.c.name)
        )
        values = (path, name, key, path)
    elif dimension is D.CATEGORY:
        order = case(*((key == literal_column(f"'{v}'"), index) for index, v in enumerate(LABELS[TicketCategory])))
        values = (key, label_sql(TicketCategory, key, locale), no_tenant, sql_cast(order, Text()))
    return [each.label(name) for each, name in zip(values, ("value", "label", "tenant_id", "group_"), strict=True)]


def _locate(arguments: Mapping[str, Any], viewer: Viewer, tree: TenantTree) -> Located:
    """As `locate_within`. Raises BadInput `dates_reversed`."""
    if arguments["toMonth"] < arguments["fromMonth"]:
        raise BadInput("dates_reversed")
    return locate_within(arguments, viewer, tree)


@stored(
    table=None,
    description="A measure over cities and months: the sum of what was told of it in the newest version of each month.",
)
class RegionAggregate:
    measure: AggregateMeasure = column("What is counted.")
    measure_label: str = expression(
        "The same in the viewer's language.", lambda here: label_sql(AggregateMeasure, here.row.c.measure, here.locale)
    )
    value: str | None = column(
        "What the group has in common: a category, a city's path, a month; null for none.", longest=400
    )
    label: str = column("The same in the viewer's language.", longest=400)
    tenant: Tenant | None = relation(
        "The city of the group.", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id
    )
    numerator: int | None = column("How many, of what is told; null where all is withheld, which is not none.")
    denominator: int | None = column("Of how many; null of what is no part of a whole, and where all is withheld.")
    rate: Decimal | None = expression(
        "The part, 0 to 1, rounded half up to 4 digits; null where there is none.", lambda here: share(here.row)
    )
    releases: int = column("How many cities' months were released.")
    withheld: int = column("Of how many of them the number is withheld: they are not in the sum.")


def region_aggregates_arguments(
    within: Annotated[TenantPath, strawberry.argument(description="Released to this region, or by this city.")],
    from_month: Annotated[str, strawberry.argument(description="Of this month, `2026-01`, or later.")],
    to_month: Annotated[str, strawberry.argument(description="Of this month or earlier.")],
    by: Annotated[
        AggregateDimension | None,
        strawberry.argument(description="A row of each measure for each group; for all together when not given."),
    ] = strawberry.UNSET,
) -> list[RegionAggregate]: ...


@strawberry.type
class AggregateStatisticsQueries:
    region_aggregates: list[RegionAggregate] = root(
        "What the cities of a region have released, added up. Months that are not released, and groups without any, "
        "have no row; of cities at most 100 are told, of months 120.",
        Root(
            Relation(
                "RegionAggregate",
                lambda _here: true(),
                many=True,
                most=_most,
                work=2_000,
                tables=5,
                order=lambda row: (row.c.group_.asc().nulls_last(), row.c.place),
                rows=_rows,
            ),
            _locate,
            Permission.AGGREGATE_READ,
        ),
        region_aggregates_arguments,
    )
