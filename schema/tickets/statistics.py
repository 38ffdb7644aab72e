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
    Date,
    DateTime,
    Integer,
    Numeric,
    Select,
    Subquery,
    Text,
    UnaryExpression,
    and_,
    asc,
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
    WAITS,
    Word,
    day_begins,
    day_of,
    holds,
    is_one_of,
    scheme_of,
    tally_now,
    tally_settled,
    whole_days_begin,
    word_of,
)
from app.tickets.words import TicketStatus
from authz.permissions import Permission
from authz.scope_sql import apart
from schema.groups import Named, all_together, by_itself, by_tenant, by_word, locate_days
from schema.reader.declare import (
    Here,
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
from schema.tenants.types import SCHEMES, Tenant
from schema.tickets.queries import of_tenant, ways_of_tenant

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

_BEGINS, _ENDS, _FIRST_DAY, _DAY_BEHIND = (
    literal_column(f"spans_.{name}", type_)
    for name, type_ in (
        *(("begins", DateTime(timezone=True)), ("ends", DateTime(timezone=True))),
        *(("first_day", Date()), ("day_behind", Date())),
    )
)


def _most(arguments: Sized) -> int:
    by = arguments.get("by")
    return 1 if by is None else _GROUPS.get(by, max(_GROUPS.values()))


def _measures(tally: ColumnElement[int], low_levels: ColumnElement[Any]) -> Mapping[str, ColumnElement[bool]]:
    """Which tallies each number counts. A rate is of those that could be judged, `<rate>_of`."""
    level = word_of(tally, SATISFACTION)
    # What was transferred is open with the other side, and counted there.
    here = and_(holds(tally, OPEN), not_(is_one_of(tally, STATUS, S.TRANSFERRED)))
    again = or_(is_one_of(tally, STATUS, S.ESCALATED), and_(here, holds(tally, AGAIN)))
    waiting = is_one_of(tally, STATUS, S.ANSWERED, S.RESOLVED)
    # What goes round again or has gone up was judged; what another platform closed may never have been.
    goes_on = and_(again, not_(waiting))
    closed = is_one_of(tally, STATUS, S.CLOSED)
    return {
        "submitted": true(),
        "open": here,
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
        "follow_up": or_(goes_on, and_(closed, level.is_not(null()))),
        "follow_up_of": or_(goes_on, closed, waiting),
        "follow_ups_overdue": and_(waiting, holds(tally, OVERDUE)),
    }


def _city(here: Here) -> ColumnElement[int]:
    return here.bind("city_id", lambda scope: scope.city_id, Integer())


def _rows(here: Here) -> Any:
    """One row per group, or one of all."""
    dimension = here.arguments.get("by")
    dimension = None if dimension is None else TicketDimension(dimension)
    # What counts as satisfied is said by each ticket's own scheme: a large document, read once and not for every tally.
    schemes = (
        select(
            SCHEMES.c.version,
            SCHEMES.c.document.op("#>")(literal_column("'{tickets,follow_up,low_levels}'")).label("low_levels"),
        )
        .where(SCHEMES.c.city_id == _city(here))
        .cte("schemes_", nesting=True)
        .prefix_with("materialized")
    )
    tallies = _tallies(here, dimension)
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


def _tallies(here: Here, dimension: TicketDimension | None) -> Subquery:
    """How many tickets of the time, or of each of its months, have each tally."""
    spans = _spans(here, by_month=dimension is D.MONTH)
    parts = union_all(*_counts(here, dimension)).subquery("parts_")
    tickets = sql_cast(func.sum(parts.c.tickets), Integer())
    counts = (
        select(parts.c.key, parts.c.tally, tickets.label("tickets"))
        .group_by(parts.c.key, parts.c.tally)
        .subquery("counts_")
        .lateral("counts_")
    )
    key = spans.c.key if dimension is D.MONTH else counts.c.key
    # The offset keeps what is asked of the tallies from being asked before they are put together.
    return (
        select(key.label("key"), counts.c.tally, counts.c.tickets)
        .select_from(spans.join(counts, true()))
        .offset(literal_column("0"))
        .subquery("tallies_")
    )


def _counts(here: Here, dimension: TicketDimension | None) -> list[Select[Any]]:
    """How many tickets of a span have each tally, in parts that must be put together.

    A city's or a county's are counted by the day, from an index in which the equal ones of a day stand together and
    that has nothing of each ticket but its place. Of those that wait for something it is also asked what is late, so
    they have an index with that. The days are China's: what a city by another clock has before the first whole one and
    behind the last is counted by itself. What a department sees is found by its own indexes.
    """
    words = (_WORDS[dimension],) if dimension in _WORDS else ()
    seen = (
        of_tenant(here, t),
        visible_to(here.scope, t, here.bind, named=here.named),
        within_reach(here.scope, Permission.TICKET_READ_STATISTICS, t, here.bind),
    )

    def key_of(row: Any) -> ColumnElement[Any]:
        return getattr(row.c, _TENANTS[dimension]) if dimension in _TENANTS else _NO_KEY

    def each(*which: ColumnElement[bool], begins: Any = _BEGINS, ends: Any = _ENDS) -> Select[Any]:
        return (
            select(key_of(t).label("key"), tally_now(t, here.now, *words).label("tally"), func.count().label("tickets"))
            .select_from(TICKETS.alias("counted"))
            .where(*which, *seen, t.c.submitted_at >= begins, t.c.submitted_at < ends)
            .group_by(*((literal_column("1"),) if dimension in _TENANTS else ()), literal_column("2"))
        )

    def by_the_day(*which: ColumnElement[bool]) -> Select[Any]:
        # In the order of the index, so that they are counted as they come.
        told_apart = {D.DEPARTMENT: ("lead_id",), D.COUNTY: ("lead_id", "county_id")}
        names = ("submitted_day", "tally", *(told_apart.get(dimension, ()) if dimension else ()))
        columns = [t.c[name].label(name) for name in names]
        days = (
            select(*columns, func.count().label("tickets"))
            .select_from(TICKETS.alias("counted"))
            .where(*which, *seen, t.c.submitted_day >= _FIRST_DAY, t.c.submitted_day < _DAY_BEHIND)
            .group_by(*(t.c[name] for name in names))
            .offset(literal_column("0"))
            .subquery("days_")
        )
        tally = tally_settled(days.c.tally, *words)
        return select(key_of(days).label("key"), tally.label("tally"), days.c.tickets).where(settled(days.c.tally))

    def settled(tally: ColumnElement[int]) -> ColumnElement[bool]:
        return not_(holds(tally, WAITS))

    ordinary = t.c.secrecy != RESTRICTED
    wide, narrow = _ways(here)
    counts = [each(ordinary, way) for way in narrow]
    if wide is not None:
        first, last = day_begins(_FIRST_DAY), day_begins(func.greatest(_FIRST_DAY, _DAY_BEHIND))
        counts += [
            by_the_day(ordinary, wide),
            each(ordinary, wide, holds(t.c.tally, WAITS)),
            each(ordinary, wide, settled(t.c.tally), ends=func.least(first, _ENDS)),
            each(ordinary, wide, settled(t.c.tally), begins=last),
        ]
    return [*counts, each(not_(ordinary))]


def _ways(here: Here) -> tuple[ColumnElement[bool] | None, list[ColumnElement[bool]]]:
    """By which ways the tickets are found: one that leads to much of the city, if any, and what others have beside."""
    if here.scope.reach(Permission.TICKET_READ).whole_city:
        ways = ways_of_tenant(here, t)
    else:
        ways = ways_within_reach(here.scope, Permission.TICKET_READ, t, here.bind)
    wide = [way.holds for way in ways if way.wide]
    narrow = [way.holds for way in ways if not way.wide]
    if not ways:
        return true(), []
    if not wide:
        return None, apart(narrow)
    together = or_(*wide)
    return together, apart([together, *narrow])[1:]


def _spans(here: Here, *, by_month: bool) -> Subquery:
    """The time asked for, or its months: `key`, from when to when, and the whole days in it."""
    zone = (
        select(SCHEMES.c.document.op("#>>", return_type=Text())(literal_column("'{calendar,time_zone}'")))
        .where(SCHEMES.c.city_id == _city(here))
        .order_by(SCHEMES.c.version.desc())
        .limit(literal_column("1"))
        .scalar_subquery()
    )
    # The offsets have each of them worked out once.
    asked = (
        select(
            zone.label("zone"),
            *(here.arguments.bind(argument, type_=Date()).label(argument) for argument in ("from", "to")),
        )
        .offset(literal_column("0"))
        .subquery("asked_")
    )
    begins, ends = (func.timezone(asked.c.zone, sql_cast(day, DateTime())) for day in (asked.c["from"], asked.c.to))
    spans: Any = select(_NO_KEY.label("key"), begins.label("begins"), ends.label("ends")).select_from(asked)
    if by_month:
        spans = _months(here, asked, begins, ends)
    whole = spans.offset(literal_column("0")).subquery("whole_")
    days = (
        whole_days_begin(whole.c.begins).label("first_day"),
        day_of(whole.c.ends).label("day_behind"),
    )
    return select(*whole.c, *days).offset(literal_column("0")).subquery("spans_")


def _months(here: Here, asked: Subquery, begins: Any, ends: Any) -> Select[Any]:
    def ticket(order: Callable[[ColumnElement[Any]], UnaryExpression[Any]]) -> Any:
        """When the city's first or last ticket came: nobody counts a thousand empty years."""
        one = TICKETS.alias("outermost")
        found = select(one.c.submitted_at).where(one.c.city_id == _city(here)).order_by(order(one.c.submitted_at))
        return found.limit(literal_column("1")).scalar_subquery()

    def local_month(moment: Any) -> Any:
        return func.date_trunc(literal_column("'month'"), func.timezone(asked.c.zone, moment))

    a_month: ColumnElement[Any] = literal_column("interval '1 month'")
    series = func.generate_series(
        local_month(func.greatest(begins, func.coalesce(ticket(asc), ends))),
        local_month(func.least(ends, func.coalesce(ticket(desc), ends))),
        a_month,
    )
    found = series.table_valued("month").render_derived(name="series_").lateral("series_")
    month = found.c.month
    return select(
        month.label("key"),
        func.greatest(begins, func.timezone(asked.c.zone, month)).label("begins"),
        func.least(ends, func.timezone(asked.c.zone, month + a_month)).label("ends"),
    ).select_from(asked.join(found, true()))


def _named(dimension: TicketDimension | None, key: ColumnElement[Any], locale: str) -> Named:
    if dimension is None:
        return all_together(_ALL, locale)
    if dimension in _WORDS:
        return by_word(_WORDS[dimension].words, key, locale)
    if dimension in _TENANTS:
        return by_tenant(key, _NONE[dimension], locale)
    return by_itself(func.to_char(key, literal_column("'YYYY-MM'")))


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
    value: str | None = column(
        "What the group has in common: an enum value, a tenant's path, a month; null for none.", longest=400
    )
    label: str = column("The same in the viewer's language.", longest=400)
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
    follow_up_rate: Rate = _rate(
        "Followed up (回访率): of those replied to, the ones whose last reply was judged by the follow-up or by the "
        "reporter; the others wait for it, or were closed without. The withdrawn and the terminated are not asked.",
        "follow_up",
    )
    follow_up_target: Decimal | None = expression(
        "The share that the city's scheme in force wants followed up, 0 to 1 (回访率).",
        lambda here: (
            select(SCHEMES.c.document.op("#>>", return_type=Text())(literal_column("'{tickets,follow_up,share}'")))
            .where(SCHEMES.c.city_id == _city(here))
            .order_by(SCHEMES.c.version.desc())
            .limit(literal_column("1"))
            .scalar_subquery()
        ),
    )
    follow_ups_overdue: int = column("How many wait for a follow-up that is past due.")


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
            locate_days,
            Permission.TICKET_READ_STATISTICS,
        ),
        statistics_arguments,
    )
