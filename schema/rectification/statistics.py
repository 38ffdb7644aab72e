"""The numbers of the problem ledger: counted in one statement over what the viewer may see, and over nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Text,
    and_,
    func,
    literal_column,
    not_,
    select,
    true,
)
from sqlalchemy import cast as sql_cast

from app.rectification.models import TASKS
from app.rectification.queries import visible_to
from app.rectification.words import RectificationStatus
from authz.permissions import Permission
from schema.groups import Named, all_together, by_itself, by_tenant, by_word, locate_days
from schema.reader.declare import Here, OuterRow, Relation, Root, Sized, column, relation, root, stored
from schema.rectification.queries import of_tenant
from schema.rectification.types import overdue
from schema.scalars import TenantPath
from schema.tenants.types import SCHEMES, Tenant
from schema.tickets.statistics import Rate
from tenants.schemes.words import RectificationSource


class RectificationDimension(StrEnum):
    """By what the numbers of the ledger are told apart."""

    SOURCE = "SOURCE"
    STATUS = "STATUS"
    DEPARTMENT = "DEPARTMENT"
    COUNTY = "COUNTY"
    MONTH = "MONTH"


D = RectificationDimension
strawberry.enum(RectificationDimension, description="By what the numbers of rectification tasks are told apart.")
for _value in cast(Any, RectificationDimension).__strawberry_definition__.values:
    _value.description = {
        "SOURCE": "By where they come from.",
        "STATUS": "By where they stand.",
        "DEPARTMENT": "By the responsible unit (a county may be one).",
        "COUNTY": "By the county of the responsible unit; the city's own departments are a group of their own.",
        "MONTH": "By the local month of their issue, `2026-11`.",
    }[_value.name]

_WORDS: Mapping[Any, type[StrEnum]] = {D.SOURCE: RectificationSource, D.STATUS: RectificationStatus}
_TENANTS: Mapping[Any, str] = {D.DEPARTMENT: "lead_id", D.COUNTY: "lead_county_id"}
_GROUPS: Mapping[Any, int] = {
    **{dimension: len(words) for dimension, words in _WORDS.items()},
    D.DEPARTMENT: 1_000,
    D.COUNTY: 100,
    D.MONTH: 240,
}
_ALL, _OF_THE_CITY = ("合计", "Total"), ("市级", "The city's own")

t = OuterRow(TASKS, "counted")


def _most(arguments: Sized) -> int:
    by = arguments.get("by")
    return 1 if by is None else _GROUPS.get(by, max(_GROUPS.values()))


def _rows(here: Here) -> Any:
    """One row per group, or one of all."""
    dimension = here.arguments.get("by")
    dimension = None if dimension is None else RectificationDimension(dimension)
    zone = (
        select(SCHEMES.c.document.op("#>>", return_type=Text())(literal_column("'{calendar,time_zone}'")))
        .where(SCHEMES.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer()))
        .order_by(SCHEMES.c.version.desc())
        .limit(literal_column("1"))
        .scalar_subquery()
    )
    days = (here.arguments.bind(argument, type_=Date()) for argument in ("from", "to"))
    begins, ends = (func.timezone(zone, sql_cast(day, DateTime())) for day in days)
    key: ColumnElement[Any] = literal_column("null::text", Text())
    if dimension in _WORDS:
        key = t.c[cast(D, dimension).lower()]
    elif dimension in _TENANTS:
        key = t.c[_TENANTS[dimension]]
    elif dimension is D.MONTH:
        key = func.to_char(func.timezone(zone, t.c.issued_at), literal_column("'YYYY-MM'"))
    late = overdue(here, t)
    handed_in = and_(not_(t.c.running), t.c.submitted_at <= t.c.due_at)
    measures: Mapping[str, ColumnElement[bool]] = {
        "issued": true(),
        "closed": t.c.status == literal_column("'CLOSED'"),
        "overdue": late,
        "on_time": handed_in,
        "on_time_of": not_(t.c.running) | late,
    }
    groups = (
        select(key.label("key"), *(func.count().filter(which).label(name) for name, which in measures.items()))
        .select_from(TASKS.alias("counted"))
        .where(of_tenant(here, t), visible_to(here.scope, t, here.bind), t.c.issued_at >= begins, t.c.issued_at < ends)
    )
    if dimension is not None:
        groups = groups.group_by(literal_column("1"))
    found = groups.subquery("groups_")
    counts = [each for each in found.c if each.name != "key"]
    return select(*_named(dimension, found.c.key, here.locale), *counts).select_from(found)


def _named(dimension: Any, key: ColumnElement[Any], locale: str) -> Named:
    if dimension is None:
        return all_together(_ALL, locale)
    if dimension in _WORDS:
        return by_word(_WORDS[dimension], key, locale)
    return by_tenant(key, _OF_THE_CITY, locale) if dimension in _TENANTS else by_itself(key)


@stored(
    table=None,
    description="The numbers of a group of rectification tasks: those issued in the time asked for that the viewer may "
    "see.",
)
class RectificationStatistics:
    value: str | None = column(
        "What the group has in common: an enum value, a tenant's path, a month; null for none.", longest=400
    )
    label: str = column("The same in the viewer's language.", longest=400)
    tenant: Tenant | None = relation(
        "The unit or county of the group.", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id
    )
    issued: int = column("How many were issued: all of the group.")
    closed: int = column("How many of them are struck off (销号).")
    overdue: int = column("How many are being put right, and past their date.")
    on_time_rate: Rate = relation(
        "Handed in by their date (按期整改率): of those handed in and not rejected, or past their date.",
        "Rate",
        lambda _here: true(),
        inherits=True,
        rows=lambda here: select(here.row.c.on_time.label("numerator"), here.row.c.on_time_of.label("denominator")),
    )


def statistics_arguments(
    within: Annotated[
        TenantPath,
        strawberry.argument(
            description="Of this city, of what units of this county are responsible for, or of what this department "
            "has part in."
        ),
    ],
    from_: Annotated[date, strawberry.argument(name="from", description="Issued on this local day or later.")],
    to: Annotated[date, strawberry.argument(description="Issued before this local day.")],
    by: Annotated[
        RectificationDimension | None, strawberry.argument(description="A row for each group; one of all by default.")
    ] = strawberry.UNSET,
) -> list[RectificationStatistics]: ...


@strawberry.type
class RectificationStatisticsQueries:
    rectification_statistics: list[RectificationStatistics] = root(
        "Counts and rates of the rectification tasks that the viewer may see. Groups without tasks have no row; of "
        "counties at most 100 are told, of departments 1,000, of months the first 240.",
        Root(
            Relation(
                "RectificationStatistics",
                lambda _here: true(),
                many=True,
                most=_most,
                work=1_000,
                tables=5,
                order=lambda row: (row.c.place.asc().nulls_last(),),
                rows=_rows,
            ),
            locate_days,
            Permission.RECTIFICATION_READ,
        ),
        statistics_arguments,
    )
