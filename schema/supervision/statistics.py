"""The numbers of a city's supervision notices: counted over what the viewer may see, and over nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import ColumnElement, Date, Text, and_, func, literal_column, select, true

from app.supervision.queries import NOTICES, notice_visible_to
from app.supervision.words import NoticeKind
from authz.permissions import Permission
from schema.groups import Named, all_together, by_itself, by_tenant, by_word, locate_days
from schema.reader.declare import Here, Relation, Root, Sized, column, relation, root, stored
from schema.scalars import TenantPath
from schema.supervision.queries import notices_of_tenant
from schema.tenants.types import Tenant
from tenants.schemes.words import TriggerKind


class SupervisionDimension(StrEnum):
    """By what the numbers of notices are told apart."""

    DEPARTMENT = "DEPARTMENT"
    KIND = "KIND"
    MONTH = "MONTH"
    TRIGGER = "TRIGGER"


D = SupervisionDimension
strawberry.enum(SupervisionDimension, description="By what the numbers of notices are told apart.")
for _value in cast(Any, SupervisionDimension).__strawberry_definition__.values:
    _value.description = {
        "DEPARTMENT": "By the addressee (a county may be one).",
        "KIND": "By the kind of notice, one for each level.",
        "MONTH": "By the month of the city's calendar in which they were issued, `2026-11`.",
        "TRIGGER": "By what set them off.",
    }[_value.name]

_GROUPS: Mapping[Any, int] = {D.DEPARTMENT: 1_000, D.KIND: len(NoticeKind), D.MONTH: 240, D.TRIGGER: len(TriggerKind)}
_ALL = ("合计", "Total")


def _most(arguments: Sized) -> int:
    by = arguments.get("by")
    return 1 if by is None else _GROUPS.get(by, max(_GROUPS.values()))


def _rows(here: Here) -> Any:
    """One row per group, or one of all."""
    given = here.arguments.get("by")
    dimension = None if given is None else SupervisionDimension(given)
    n = NOTICES.alias("counted_")
    live = n.c.status != literal_column("'WITHDRAWN'")
    open_ = n.c.status == literal_column("'ISSUED'")
    measures: Mapping[str, ColumnElement[bool]] = {
        "issued": live,
        "automatic": and_(live, n.c.raised_by.is_(None)),
        "listed": and_(live, n.c.listed),
        "unanswered": open_,
        "overdue": and_(open_, n.c.reply_due_at < here.now),
        "replied": and_(live, n.c.replied_at.is_not(None)),
        "replied_in_time": and_(live, n.c.replied_at <= n.c.reply_due_at),
        "closed": n.c.status == literal_column("'CLOSED'"),
        "withdrawn": n.c.status == literal_column("'WITHDRAWN'"),
    }
    keys: Mapping[Any, ColumnElement[Any]] = {
        D.DEPARTMENT: n.c.addressee_id,
        D.KIND: n.c.kind,
        D.MONTH: func.to_char(n.c.issued_on, literal_column("'YYYY-MM'")),
        D.TRIGGER: n.c.trigger,
    }
    nothing: ColumnElement[Any] = literal_column("null::text", Text())
    counts = select(
        (nothing if dimension is None else keys[dimension]).label("key"),
        *(func.count().filter(which).label(name) for name, which in measures.items()),
    ).where(
        notices_of_tenant(here, n),
        notice_visible_to(here.scope, n, here.bind, named=here.named),
        n.c.issued_on >= here.arguments.bind("from", type_=Date()),
        n.c.issued_on < here.arguments.bind("to", type_=Date()),
    )
    if dimension is not None:
        counts = counts.group_by(literal_column("1"))
    found = counts.subquery("groups_")
    named = _named(dimension, found.c.key, here.locale)
    return select(*named, *(each for each in found.c if each.name != "key")).select_from(found)


def _named(dimension: SupervisionDimension | None, key: ColumnElement[Any], locale: str) -> Named:
    if dimension is None:
        return all_together(_ALL, locale)
    if dimension is D.DEPARTMENT:
        return by_tenant(key, _ALL, locale)  # every notice has its addressee
    if dimension is D.MONTH:
        return by_itself(key)
    return by_word(NoticeKind if dimension is D.KIND else TriggerKind, key, locale)


@stored(
    table=None,
    description="The numbers of a group of supervision notices: those issued in the time asked for that the viewer may "
    "see. What was withdrawn is counted apart, and in no other number.",
)
class SupervisionStatistics:
    value: str | None = column(
        "What the group has in common: an enum value, a tenant's path, a month; null for none.", longest=400
    )
    label: str = column("The same in the viewer's language.", longest=400)
    tenant: Tenant | None = relation(
        "The addressee of the group.", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id
    )
    issued: int = column("How many were issued and not withdrawn.")
    automatic: int = column("How many of them raised themselves.")
    listed: int = column("How many of them the month's reports list (挂牌).")
    unanswered: int = column("How many of them wait for their reply.")
    overdue: int = column("How many of those wait past its due time.")
    replied: int = column("How many were replied to.")
    replied_in_time: int = column("How many of those by their due time.")
    closed: int = column("How many are closed.")
    withdrawn: int = column("How many were withdrawn.")


def statistics_arguments(
    within: Annotated[
        TenantPath, strawberry.argument(description="To this department, or to those of this county or city.")
    ],
    from_: Annotated[date, strawberry.argument(name="from", description="Issued on this local day or later.")],
    to: Annotated[date, strawberry.argument(description="Issued before this local day.")],
    by: Annotated[
        SupervisionDimension | None,
        strawberry.argument(description="A row for each group; one of all when not given."),
    ] = strawberry.UNSET,
) -> list[SupervisionStatistics]: ...


@strawberry.type
class SupervisionStatisticsQueries:
    supervision_statistics: list[SupervisionStatistics] = root(
        "Counts of the supervision notices that the viewer may see. Groups without notices have no row.",
        Root(
            Relation(
                "SupervisionStatistics",
                lambda _here: true(),
                many=True,
                most=_most,
                work=1_000,
                tables=3,
                order=lambda row: (row.c.place.asc().nulls_last(),),
                rows=_rows,
            ),
            locate_days,
            Permission.SUPERVISION_READ,
        ),
        statistics_arguments,
    )
