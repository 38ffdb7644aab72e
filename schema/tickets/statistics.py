"""The numbers of a city's tickets: counted in one statement over what the viewer may see, and over nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Date,
    DateTime,
    Integer,
    Numeric,
    Select,
    Text,
    UnaryExpression,
    and_,
    asc,
    case,
    desc,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy import cast as sql_cast

from app.kernel.errors import BadInput
from app.tickets.queries import RESTRICTED, TICKETS, visible_to, ways_within_reach, within_reach
from app.tickets.tally import (
    ACKNOWLEDGE_LATE,
    ACKNOWLEDGED,
    ACKNOWLEDGED_IN_TIME,
    AGAIN,
    CATEGORY,
    CHANNEL,
    MERGED,
    OPEN,
    OVERDUE,
    RESOLVE_LATE,
    RESOLVED,
    RESOLVED_IN_TIME,
    SATISFACTION,
    STATUS,
    Word,
    holds,
    is_one_of,
    scheme_of,
    tally_now,
    word_of,
)
from app.tickets.words import TicketStatus
from authz.permissions import Permission
from authz.scope_sql import apart
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
from schema.tickets.queries import of_tenant, ways_of_tenant
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

_WORDS: Mapping[Any, Word] = {D.STATUS: STATUS, D.CATEGORY: CATEGORY, D.CHANNEL: CHANNEL}
_TENANTS: Mapping[Any, str] = {D.COUNTY: "county_id", D.DEPARTMENT: "lead_id"}
_GROUPS: Mapping[Any, int] = {
    **{dimension: len(word.words) for dimension, word in _WORDS.items()},
    D.COUNTY: 100,
    D.DEPARTMENT: 1_000,
    D.MONTH: 240,
}
_NONE = {D.COUNTY: ("全市", "Whole city"), D.DEPARTMENT: ("未分办", "Not dispatched")}
_ALL = ("合计", "Total")

_NO_KEY: ColumnElement[Any] = literal_column("null::int", Integer())

t = OuterRow(TICKETS, "counted")


def _most(arguments: Sized) -> int:
    by = arguments.get("by")
    return 1 if by is None else _GROUPS.get(by, max(_GROUPS.values()))


def _measures(tally: ColumnElement[int], low_levels: ColumnElement[Any]) -> Mapping[str, ColumnElement[bool]]:
    """Which tallies each number counts. A rate is of those that could be judged, `<rate>_of`."""
    level = word_of(tally, SATISFACTION)
    again = or_(is_one_of(tally, STATUS, S.ESCALATED), and_(holds(tally, OPEN), holds(tally, AGAIN)))
    return {
        "submitted": true(),
        "open": holds(tally, OPEN),
        "overdue": holds(tally, OVERDUE),
        "closed": is_one_of(tally, STATUS, S.CLOSED),
        "declined": is_one_of(tally, STATUS, S.DECLINED),
        "terminated": is_one_of(tally, STATUS, S.TERMINATED),
        "transferred": is_one_of(tally, STATUS, S.TRANSFERRED),
        "withdrawn": is_one_of(tally, STATUS, S.WITHDRAWN),
        "response": holds(tally, ACKNOWLEDGED_IN_TIME),
        "response_of": holds(tally, ACKNOWLEDGED | ACKNOWLEDGE_LATE),
        "on_time": holds(tally, RESOLVED_IN_TIME),
        "on_time_of": holds(tally, RESOLVED | RESOLVE_LATE),
        "resolution": is_one_of(tally, STATUS, S.CLOSED),
        "resolution_of": or_(is_one_of(tally, STATUS, S.CLOSED), again),
        "satisfaction": not_(func.jsonb_exists(low_levels, level)),
        "satisfaction_of": level.is_not(null()),
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
    start, end = _midnight(here, "from", zone), _midnight(here, "to", zone)
    counts = _counts(here, dimension, start, end) if dimension is not D.MONTH else _months(here, zone, start, end)
    # The offset keeps what is asked of the tallies from being asked of every ticket.
    tallies = counts.offset(literal_column("0")).subquery("tallies_")
    tally = tallies.c.tally
    key: ColumnElement[Any] = tallies.c.key
    if dimension is None or dimension in _WORDS:
        key = _NO_KEY if dimension is None else word_of(tally, _WORDS[dimension])
    groups = (
        select(
            key.label("key"),
            *(
                func.coalesce(func.sum(tallies.c.tickets).filter(which), literal_column("0")).label(name)
                for name, which in _measures(tally, schemes.c.low_levels).items()
            ),
        )
        .select_from(tallies.outerjoin(schemes, schemes.c.version == scheme_of(tally)))
        .where(not_(holds(tally, MERGED)))  # counted once: as the ticket that goes on
    )
    if dimension is not None:
        groups = groups.group_by(literal_column("1"))
    found = groups.subquery("groups_")
    return select(
        *_named(dimension, found.c.key, here.locale), *(each for each in found.c if each.name != "key")
    ).select_from(found)


def _counts(here: Here, dimension: TicketDimension | None, start: Any, end: Any) -> CompoundSelect[Any]:
    """How many tickets of the time have each tally. The ordinary ones are in an index of their own."""
    ordinary = t.c.secrecy != RESTRICTED
    counted = [*(and_(ordinary, way) for way in _ways(here)), not_(ordinary)]
    words = () if dimension is None or dimension not in _WORDS else (_WORDS[dimension],)
    tally = tally_now(t, here.now, *words)
    key = getattr(t.c, _TENANTS[dimension]) if dimension in _TENANTS else _NO_KEY
    return union_all(
        *(
            select(key.label("key"), tally.label("tally"), sql_cast(func.count(), Integer()).label("tickets"))
            .select_from(TICKETS.alias("counted"))
            .where(
                which,
                of_tenant(here, t),
                visible_to(here.scope, t, here.bind, named=here.named),
                within_reach(here.scope, Permission.TICKET_READ_STATISTICS, t, here.bind),
                t.c.submitted_at >= start,
                t.c.submitted_at < end,
            )
            .group_by(*((literal_column("1"),) if dimension in _TENANTS else ()), literal_column("2"))
            for which in counted
        )
    )


def _ways(here: Here) -> list[ColumnElement[bool]]:
    """What a department sees is found by its own indexes; of a county, one way or the other, it is much of the city."""
    if here.scope.reach(Permission.TICKET_READ).whole_city:
        ways = ways_of_tenant(here, t)
    else:
        ways = ways_within_reach(here.scope, Permission.TICKET_READ, t, here.bind)
    wide = [way.holds for way in ways if way.wide]
    return apart([*([or_(*wide)] if wide else []), *(way.holds for way in ways if not way.wide)]) or [true()]


def _months(here: Here, zone: ColumnElement[str], start: Any, end: Any) -> Select[Any]:
    """As `_counts`, month by month: cheaper than to ask of each ticket in which it lies."""

    def ticket(order: Callable[[ColumnElement[Any]], UnaryExpression[Any]]) -> Any:
        """When the city's first or last ticket came: nobody counts a thousand empty years."""
        one = TICKETS.alias("outermost")
        found = select(one.c.submitted_at).where(one.c.city_id == _city(here)).order_by(order(one.c.submitted_at))
        return func.coalesce(found.limit(literal_column("1")).scalar_subquery(), end)

    def local_month(moment: Any) -> Any:
        return func.date_trunc(literal_column("'month'"), func.timezone(zone, moment))

    a_month: ColumnElement[Any] = literal_column("interval '1 month'")
    series = func.generate_series(
        local_month(func.greatest(start, ticket(asc))), local_month(func.least(end, ticket(desc))), a_month
    )
    found = series.table_valued("month").render_derived(name="series_")
    month = found.c.month
    months = (
        select(
            month.label("key"),
            func.greatest(start, func.timezone(zone, month)).label("start"),
            func.least(end, func.timezone(zone, month + a_month)).label("end"),
        )
        .select_from(found)
        .subquery("months_")
    )
    moment = DateTime(timezone=True)
    counts = _counts(here, None, literal_column("months_.start", moment), literal_column("months_.end", moment))
    each = counts.subquery("counts_").lateral("counts_")
    return select(months.c.key, each.c.tally, each.c.tickets).select_from(months.join(each, true()))


def _named(dimension: TicketDimension | None, key: ColumnElement[Any], locale: str) -> list[ColumnElement[Any]]:
    """Of each group its value, label, tenant and place."""
    no_tenant, no_value = literal_column("null::int", Integer()), literal_column("null::text", Text())

    def quoted(texts: tuple[str, str]) -> ColumnElement[str]:
        return literal_column(f"'{texts[0 if locale == 'zh-CN' else 1]}'", Text())

    values: tuple[ColumnElement[Any], ...]
    if dimension is None:
        values = (no_value, quoted(_ALL), no_tenant, no_value)
    elif dimension in _WORDS:
        enum = _WORDS[dimension].words
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
                tables=10,
                order=lambda row: (row.c.place.asc().nulls_last(),),
                rows=_rows,
            ),
            _locate,
            Permission.TICKET_READ_STATISTICS,
        ),
        statistics_arguments,
    )
