"""The numbers of a city's tickets: counted in one statement over what the viewer may see, and over nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Numeric,
    Text,
    and_,
    case,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
)
from sqlalchemy import cast as sql_cast

from app.kernel.errors import BadInput
from app.tickets.queries import TICKETS, visible_to, within_reach
from app.tickets.words import TicketCategory, TicketChannel, TicketStatus
from authz.permissions import Permission
from schema.context import Viewer
from schema.labels import LABELS, label_sql
from schema.reader.declare import (
    Here,
    Located,
    OuterRow,
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
from schema.tenants.types import SCHEMES, TENANTS, Tenant
from schema.tenants.within import locate_within
from schema.tickets.queries import of_tenant
from tenants.tree import TenantTree

S = TicketStatus


class TicketDimension(StrEnum):
    """By what the numbers of tickets are told apart; never by who reported."""

    STATUS = "STATUS"
    CATEGORY = "CATEGORY"
    CHANNEL = "CHANNEL"
    COUNTY = "COUNTY"
    DEPARTMENT = "DEPARTMENT"
    MONTH = "MONTH"


D = TicketDimension
strawberry.enum(TicketDimension, description="By what the numbers of tickets are told apart.")
for _value in cast(Any, TicketDimension).__strawberry_definition__.values:
    _value.description = {
        "STATUS": "By where they stand.",
        "CATEGORY": "By what the reporter wants.",
        "CHANNEL": "By the way they came in.",
        "COUNTY": "By where the matter lies; those of the whole city are a group of their own.",
        "DEPARTMENT": "By the lead that handles them (a county may); those without one are a group of their own.",
        "MONTH": "By the local month of their submission, `2026-11`.",
    }[_value.name]

_ENUMS: Mapping[TicketDimension, tuple[type[StrEnum], str]] = {
    D.STATUS: (TicketStatus, "status"),
    D.CATEGORY: (TicketCategory, "category"),
    D.CHANNEL: (TicketChannel, "channel"),
}
_TENANTS = {D.COUNTY: "county_id", D.DEPARTMENT: "lead_id"}
_GROUPS: Mapping[Any, int] = {
    **{dimension: len(enum) for dimension, (enum, _) in _ENUMS.items()},
    D.COUNTY: 100,
    D.DEPARTMENT: 1_000,
    D.MONTH: 240,
}
_NONE = {D.COUNTY: ("全市", "Whole city"), D.DEPARTMENT: ("未分办", "Not dispatched")}
_ALL = ("合计", "Total")

t = OuterRow(TICKETS, "counted")


def _is(*statuses: TicketStatus) -> ColumnElement[bool]:
    return or_(*(t.c.status == literal_column(f"'{status}'") for status in statuses))


def _most(arguments: Sized) -> int:
    by = arguments.get("by")
    return 1 if by is None else _GROUPS.get(by, max(_GROUPS.values()))


def _measures(here: Here, low_levels: ColumnElement[Any]) -> Mapping[str, ColumnElement[bool]]:
    """Which tickets each number counts. A rate is of those that could be judged, `<rate>_of`."""
    open_ = t.c.closed_at.is_(null())
    return {
        "submitted": true(),
        "open": open_,
        "overdue": t.c.due_at < here.now,
        "closed": _is(S.CLOSED),
        "declined": _is(S.DECLINED),
        "terminated": _is(S.TERMINATED),
        "transferred": _is(S.TRANSFERRED),
        "withdrawn": _is(S.WITHDRAWN),
        "response": t.c.acknowledged_at <= t.c.acknowledge_due_at,
        "response_of": and_(
            t.c.acknowledge_due_at.is_not(null()),
            or_(t.c.acknowledged_at.is_not(null()), t.c.acknowledge_due_at < here.now),
        ),
        "on_time": t.c.resolved_at <= t.c.resolve_due_at,
        "on_time_of": and_(
            t.c.resolve_due_at.is_not(null()), or_(t.c.resolved_at.is_not(null()), t.c.resolve_due_at < here.now)
        ),
        "resolution": _is(S.CLOSED),
        "resolution_of": or_(_is(S.CLOSED, S.ESCALATED), and_(open_, t.c.round > literal_column("1"))),
        "satisfaction": not_(func.jsonb_exists(low_levels, t.c.satisfaction)),
        "satisfaction_of": t.c.satisfaction.is_not(null()),
    }


def _city(here: Here) -> ColumnElement[int]:
    return here.bind("city_id", lambda scope: scope.city_id, Integer())


def _rows(here: Here) -> Any:
    """One row per group, or one of all."""
    dimension = here.arguments.get("by")
    dimension = None if dimension is None else TicketDimension(dimension)
    zone = (
        select(SCHEMES.c.document.op("#>>", return_type=Text())(literal_column("'{calendar,time_zone}'")))
        .where(SCHEMES.c.city_id == _city(here))
        .order_by(SCHEMES.c.version.desc())
        .limit(literal_column("1"))
        .scalar_subquery()
    )
    # What counts as satisfied is said by each ticket's own scheme; the offset has it read once per version.
    schemes = (
        select(
            SCHEMES.c.version,
            SCHEMES.c.document.op("#>")(literal_column("'{tickets,follow_up,low_levels}'")).label("low_levels"),
        )
        .where(SCHEMES.c.city_id == _city(here))
        .offset(literal_column("0"))
        .subquery("schemes_")
    )
    group = _group(dimension, zone)
    groups = (
        select(
            group.label("key"),
            *(func.count().filter(which).label(name) for name, which in _measures(here, schemes.c.low_levels).items()),
        )
        .select_from(TICKETS.alias("counted").outerjoin(schemes, schemes.c.version == t.c.scheme_version))
        .where(
            of_tenant(here, t),
            visible_to(here.scope, t, here.bind, named=here.named, at_once=True),
            within_reach(here.scope, Permission.TICKET_READ_STATISTICS, t, here.bind),
            t.c.merged_into_id.is_(null()),  # counted once: as the ticket that goes on
            t.c.submitted_at >= _midnight(here, "from", zone),
            t.c.submitted_at < _midnight(here, "to", zone),
        )
    )
    if dimension is not None:
        groups = groups.group_by(literal_column("1"))
    found = groups.subquery("groups_")
    return select(
        *_named(dimension, found.c.key, here.locale), *(each for each in found.c if each.name != "key")
    ).select_from(found)


def _group(dimension: TicketDimension | None, zone: ColumnElement[str]) -> ColumnElement[Any]:
    if dimension is None:
        return literal_column("null::int", Integer())
    if dimension in _ENUMS:
        return cast(ColumnElement[Any], getattr(t.c, _ENUMS[dimension][1]))
    if dimension in _TENANTS:
        return cast(ColumnElement[Any], getattr(t.c, _TENANTS[dimension]))
    return func.date_trunc(literal_column("'month'"), func.timezone(zone, t.c.submitted_at))


def _named(dimension: TicketDimension | None, key: ColumnElement[Any], locale: str) -> list[ColumnElement[Any]]:
    """Of each group its value, label, tenant and place."""
    no_tenant, no_value = literal_column("null::int", Integer()), literal_column("null::text", Text())

    def quoted(texts: tuple[str, str]) -> ColumnElement[str]:
        return literal_column(f"'{texts[0 if locale == 'zh-CN' else 1]}'", Text())

    values: tuple[ColumnElement[Any], ...]
    if dimension is None:
        values = (no_value, quoted(_ALL), no_tenant, no_value)
    elif dimension in _ENUMS:
        enum = _ENUMS[dimension][0]
        place = case(*((key == literal_column(f"'{value}'"), index) for index, value in enumerate(LABELS[enum], 100)))
        values = (key, label_sql(enum, key, locale), no_tenant, sql_cast(place, Text()))
    elif dimension in _TENANTS:
        tenant = TENANTS.alias("named")
        name, path = (
            select(shown).select_from(tenant).where(tenant.c.id == key).scalar_subquery()
            for shown in (tenant.c.name, tenant.c.path)
        )
        values = (path, func.coalesce(name, quoted(_NONE[dimension])), key, path)
    else:
        month = func.to_char(key, literal_column("'YYYY-MM'"))
        values = (month, month, no_tenant, month)
    return [each.label(name) for each, name in zip(values, ("value", "label", "tenant_id", "place"), strict=True)]


def _midnight(here: Here, argument: str, zone: ColumnElement[str]) -> ColumnElement[Any]:
    """The beginning of a day by the city's own clock."""
    day = here.arguments.bind(argument, type_=Date())
    return func.timezone(zone, sql_cast(day, DateTime()), type_=DateTime(timezone=True))


def _locate(arguments: Mapping[str, Any], viewer: Viewer, tree: TenantTree) -> Located:
    """As `locate_within`. Raises BadInput `dates_reversed`."""
    if arguments["to"] < arguments["from"]:
        raise BadInput("dates_reversed")
    return locate_within(arguments, viewer, tree)


@stored(table=None, description="A part of a whole, as two counts.")
class Rate:
    numerator: int = column("How many of them.")
    denominator: int = column("Of how many.")
    value: Decimal | None = expression(
        "The part, 0 to 1, rounded half up to 4 digits; null of nothing.",
        lambda here: sql_cast(
            func.round(
                sql_cast(here.row.c.numerator, Numeric())
                / func.nullif(here.row.c.denominator, literal_column("0"), type_=Numeric()),
                literal_column("4"),
            ),
            Text(),
        ),
    )


def _rate(description: str, name: str) -> Any:
    def rows(here: Here) -> Any:
        of = getattr(here.row.c, f"{name}_of")
        return select(getattr(here.row.c, name).label("numerator"), of.label("denominator"))

    return relation(description, "Rate", lambda _here: true(), inherits=True, rows=rows)


@stored(
    table=None,
    description="The numbers of a group of tickets: those submitted in the time asked for that the viewer may see. A "
    "merged ticket counts once, as the one that goes on. The rates are of each ticket's present round.",
)
class TicketStatistics:
    value: str | None = column("What the group has in common: an enum value, a tenant's path, a month; null for none.")
    label: str = column("The same in the viewer's language.")
    tenant: Tenant | None = relation(
        "The county or department of the group.", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id
    )
    submitted: int = column("How many were submitted: all of the group.")
    open: int = column("How many of them have not come to an end.")
    overdue: int = column("How many wait for a step that is past due.")
    closed: int = column("How many were closed after their follow-up.")
    declined: int = column("How many were not taken in.")
    terminated: int = column("How many were terminated, the same problem having been handled before.")
    transferred: int = column("How many went to another city or level.")
    withdrawn: int = column("How many their reporters withdrew.")
    response_rate: Rate = _rate(
        "Acknowledged in time (响应率): of those dispatched to a lead that has acknowledged, or should have by now.",
        "response",
    )
    on_time_rate: Rate = _rate(
        "Resolved in time (按时办结率): of those in a department's hands that are resolved, or should be by now; what "
        "was suspended or granted beside the limit is taken into account.",
        "on_time",
    )
    resolution_rate: Rate = _rate(
        "Problems solved (问题解决率): of those whose outcome the follow-up has judged, the closed; the others went "
        "round again or one level up.",
        "resolution",
    )
    satisfaction_rate: Rate = _rate(
        "Satisfied reporters (满意率): of those with a verdict, the ones whose last verdict is none of the low levels "
        "of their scheme.",
        "satisfaction",
    )


def statistics_arguments(
    within: Annotated[
        TenantPath,
        strawberry.argument(
            description="Of this city, of what lies in or is led by this county, or of what this "
            "department leads or helps with."
        ),
    ],
    from_: Annotated[date, strawberry.argument(name="from", description="Submitted on this local day or later.")],
    to: Annotated[date, strawberry.argument(description="Submitted before this local day.")],
    by: Annotated[
        TicketDimension | None, strawberry.argument(description="A row for each group; one of all when not given.")
    ] = strawberry.UNSET,
) -> list[TicketStatistics]: ...


@strawberry.type
class TicketStatisticsQueries:
    ticket_statistics: list[TicketStatistics] = root(
        "Counts and rates of the tickets that the viewer may see; for the staff. Groups without tickets have no row; "
        "of counties at most 100 are told, of departments 1,000, of months the first 240.",
        Root(
            Relation(
                "TicketStatistics",
                lambda _here: true(),
                many=True,
                most=_most,
                work=1_000,
                order=lambda row: (row.c.place.asc().nulls_last(),),
                rows=_rows,
            ),
            _locate,
            Permission.TICKET_READ_STATISTICS,
        ),
        statistics_arguments,
    )
