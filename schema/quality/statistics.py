"""The numbers of the ledger of handling quality: counted in one statement over what the viewer may see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import ColumnElement, Date, DateTime, Integer, Text, func, literal_column, select, true
from sqlalchemy import cast as sql_cast

from app.tickets.quality.queries import ENTRIES, entry_visible_to
from app.tickets.words import QualityStatus
from authz.permissions import Permission
from schema.groups import Named, all_together, by_tenant, by_word, locate_days
from schema.quality.queries import entries_of_tenant
from schema.reader.declare import Here, OuterRow, Relation, Root, Sized, column, relation, root, stored
from schema.scalars import TenantPath
from schema.tenants.types import SCHEMES, Tenant
from tenants.schemes.words import QualityConcern


class QualityDimension(StrEnum):
    """By what the numbers of the ledger are told apart."""

    KIND = "KIND"
    STATUS = "STATUS"
    DEPARTMENT = "DEPARTMENT"


D = QualityDimension
strawberry.enum(QualityDimension, description="By what the numbers of the ledger of handling quality are told apart.")
for _value in cast(Any, QualityDimension).__strawberry_definition__.values:
    _value.description = {
        "KIND": "By why they entered.",
        "STATUS": "By where they stand.",
        "DEPARTMENT": "By the department that handled them; what the desk answered is a group of its own.",
    }[_value.name]

_WORDS: Mapping[Any, tuple[str, type[StrEnum]]] = {
    D.KIND: ("kind", QualityConcern),
    D.STATUS: ("status", QualityStatus),
}
_GROUPS: Mapping[Any, int] = {**{each: len(words) for each, (_, words) in _WORDS.items()}, D.DEPARTMENT: 1_000}
_ALL, _OF_THE_DESK = ("合计", "Total"), ("专席答复", "Answered by the desk")

t = OuterRow(ENTRIES, "counted")


def _most(arguments: Sized) -> int:
    by = arguments.get("by")
    return 1 if by is None else _GROUPS.get(by, max(_GROUPS.values()))


def _rows(here: Here) -> Any:
    """One row per group, or one of all."""
    dimension = here.arguments.get("by")
    dimension = None if dimension is None else QualityDimension(dimension)
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
        key = t.c[_WORDS[dimension][0]]
    elif dimension is D.DEPARTMENT:
        key = t.c.lead_id
    counts = (
        func.count().label("entered"),
        func.count(t.c.handed_over_at).label("handed_over"),
        func.count(t.c.closed_at).label("closed"),
    )
    groups = (
        select(key.label("key"), *counts)
        .select_from(ENTRIES.alias("counted"))
        .where(
            entries_of_tenant(here, t),
            entry_visible_to(here.scope, t, here.bind),
            t.c.opened_at >= begins,
            t.c.opened_at < ends,
        )
    )
    if dimension is not None:
        groups = groups.group_by(literal_column("1"))
    found = groups.subquery("groups_")
    numbers = [each for each in found.c if each.name != "key"]
    return select(*_named(dimension, found.c.key, here.locale), *numbers).select_from(found)


def _named(dimension: Any, key: ColumnElement[Any], locale: str) -> Named:
    if dimension is None:
        return all_together(_ALL, locale)
    if dimension in _WORDS:
        return by_word(_WORDS[dimension][1], key, locale)
    return by_tenant(key, _OF_THE_DESK, locale)


@stored(
    table=None,
    description="The numbers of a group of the ledger of handling quality: what entered in the time asked for.",
)
class QualityStatistics:
    value: str | None = column(
        "What the group has in common: an enum value, a tenant's path; null for none.", longest=400
    )
    label: str = column("The same in the viewer's language.", longest=400)
    tenant: Tenant | None = relation(
        "The department of the group.", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id
    )
    entered: int = column("How many entered: all of the group.")
    handed_over: int = column("How many of them were handed to supervision, also those that it has closed.")
    closed: int = column("How many of them are closed.")


def statistics_arguments(
    within: Annotated[
        TenantPath,
        strawberry.argument(
            description="In the ledger of this city (with its counties') or county, or of what this department handled."
        ),
    ],
    from_: Annotated[date, strawberry.argument(name="from", description="Entered on this local day or later.")],
    to: Annotated[date, strawberry.argument(description="Entered before this local day.")],
    by: Annotated[
        QualityDimension | None, strawberry.argument(description="A row for each group; one of all by default.")
    ] = strawberry.UNSET,
) -> list[QualityStatistics]: ...


@strawberry.type
class QualityStatisticsQueries:
    quality_statistics: list[QualityStatistics] = root(
        "Counts of the ledger of handling quality, of what the viewer may see. Groups without entries have no row; of "
        "departments at most 1,000 are told.",
        Root(
            Relation(
                "QualityStatistics",
                lambda _here: true(),
                many=True,
                most=_most,
                work=1_000,
                tables=5,
                order=lambda row: (row.c.place.asc().nulls_last(),),
                rows=_rows,
            ),
            locate_days,
            Permission.TICKET_READ_QUALITY,
        ),
        statistics_arguments,
    )
