"""The queries of the rectification slice: tasks, work plans, inspections."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import DateTime, Integer, Text, Uuid, and_, any_, or_
from sqlalchemy.dialects.postgresql import ARRAY

from app.rectification.models import CO_OPERATORS
from app.rectification.queries import co_operated_by, ways_within_reach
from app.rectification.words import RectificationStatus
from authz.permissions import Permission
from authz.scope_sql import Way, apart
from schema import ids
from schema.context import Viewer
from schema.pages import After, Before, First, Last
from schema.reader.declare import (
    Connection,
    Filter,
    Flag,
    Here,
    Located,
    Order,
    Relation,
    Root,
    Ways,
    root,
)
from schema.rectification.types import (
    InspectionConnection,
    RectificationTask,
    RectificationTaskConnection,
    WorkPlan,
    lagging,
    overdue,
)
from schema.scalars import TenantPath
from schema.tenants.within import locate_within, tenant_number
from schema.tickets.queries import Direction
from tenants.models import TenantKind
from tenants.schemes.words import RectificationSource
from tenants.tree import TenantTree

P = Permission


def _key_of(prefix: str) -> Any:
    return lambda value, _call: ids.decode_as(value, prefix).key


def _of_department(row: Any, tenant: Any) -> list[Way]:
    helps = co_operated_by(row, CO_OPERATORS.c.tenant_id == tenant)
    return [Way(row.c.lead_id == tenant), Way(helps, ordered=False)]


FILTERS: Mapping[str, Filter | Flag] = {
    "source": Filter(lambda _here, row, value: row.c.source == any_(value), ARRAY(Text())),
    "status": Filter(lambda _here, row, value: row.c.status == any_(value), ARRAY(Text())),
    "department": Filter(
        lambda _here, row, value: or_(*(way.holds for way in _of_department(row, value))), Integer(), tenant_number
    ),
    "workPlanId": Filter(lambda _here, row, value: row.c.plan_id == value, Uuid(), _key_of("WP")),
    "inspectionId": Filter(lambda _here, row, value: row.c.inspection_id == value, Uuid(), _key_of("IN")),
    "ticketId": Filter(lambda _here, row, value: row.c.ticket_id == value, Uuid(), _key_of("T")),
    "noticeId": Filter(lambda _here, row, value: row.c.notice_id == value, Uuid(), _key_of("SN")),
    "issuedFrom": Filter(lambda _here, row, value: row.c.issued_at >= value, DateTime(timezone=True)),
    "issuedBefore": Filter(lambda _here, row, value: row.c.issued_at < value, DateTime(timezone=True)),
    "dueFrom": Filter(lambda _here, row, value: row.c.due_at >= value, DateTime(timezone=True)),
    "dueBefore": Filter(lambda _here, row, value: row.c.due_at < value, DateTime(timezone=True)),
    "overdue": Flag(lambda here, row: overdue(here, row)),
    "lagging": Flag(lambda here, row: lagging(here, row)),
}


@strawberry.input(description="Which rectification tasks; what is given must all hold.")
class RectificationTaskFilter:
    source: list[RectificationSource] | None = strawberry.field(
        default=strawberry.UNSET, description="From any of these."
    )
    status: list[RectificationStatus] | None = strawberry.field(
        default=strawberry.UNSET, description="In any of these."
    )
    department: TenantPath | None = strawberry.field(
        default=strawberry.UNSET, description="For which this unit is responsible, or with which it helps."
    )
    work_plan_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Listed by this work plan."
    )
    inspection_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Found by this inspection."
    )
    ticket_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="That this ticket led to.")
    notice_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="That this supervision notice led to."
    )
    issued_from: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Issued at this moment or later: a month, a year."
    )
    issued_before: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Issued before this moment."
    )
    due_from: datetime | None = strawberry.field(default=strawberry.UNSET, description="Due at this moment or later.")
    due_before: datetime | None = strawberry.field(default=strawberry.UNSET, description="Due before this moment.")
    overdue: bool | None = strawberry.field(default=strawberry.UNSET, description="Being put right, and past the date.")
    lagging: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Being put right, without the progress of a month that is over."
    )


class RectificationTaskOrderField(StrEnum):
    ISSUED_AT = "ISSUED_AT"
    DUE_AT = "DUE_AT"


strawberry.enum(RectificationTaskOrderField, description="By what rectification tasks are sorted; ties by id.")
for _value in cast(Any, RectificationTaskOrderField).__strawberry_definition__.values:
    _value.description = {"ISSUED_AT": "By when they were issued.", "DUE_AT": "By when they are due."}[_value.name]


@strawberry.input(description="How rectification tasks are sorted.")
class RectificationTaskOrder:
    field: RectificationTaskOrderField = strawberry.field(description="By what.")
    direction: Direction = strawberry.field(description="Which way.")


NEWEST_FIRST = Order("issued_at", descending=True)


def of_tenant(here: Here, row: Any) -> Any:
    """The tasks of `within`: all of a city, those given below or to a county, those that a department has part in."""
    ways = _ways_of_tenant(here, row)
    if ways:
        return or_(*(way.holds for way in ways))
    return row.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer())


def _ways_of_tenant(here: Here, row: Any) -> list[Way]:
    if not here.arguments.has("within"):
        return []
    tenant = here.arguments.bind("within", type_=Integer(), convert=tenant_number)
    match here.arguments.located:
        case TenantKind.COUNTY:
            return [Way(row.c.lead_county_id == tenant, wide=True)]
        case TenantKind.CITY | TenantKind.REGION | TenantKind.PLATFORM:
            return []
        case _:
            return _of_department(row, tenant)


def _ways_of_owners(here: Here, row: Any) -> list[Way]:
    """Of those who see less than the city, or ask for less."""
    if not here.scope.reach(P.RECTIFICATION_READ).whole_city:
        return ways_within_reach(here.scope, P.RECTIFICATION_READ, row, here.bind)
    ways = _ways_of_tenant(here, row)
    if not ways and here.arguments.has("filter", "department"):
        department = here.arguments.bind("filter", "department", type_=Integer(), convert=tenant_number)
        ways = _of_department(row, department)
    return ways


def _ways(here: Here) -> Ways:
    return Ways(_ways_of_owners(here, here.row), NEWEST_FIRST.column)


def _parts(here: Here) -> list[Any]:
    ways = _ways_of_owners(here, here.row)
    if ways:
        return apart([way.holds for way in ways])
    return [here.row.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer())]


def _locate_id(arguments: Mapping[str, Any], _viewer: Viewer, _tree: TenantTree) -> Located:
    return Located((ids.decode_as(arguments["id"], "RT").city_id,))


def _the_plan(here: Here) -> Any:
    tenant = here.arguments.bind("within", type_=Integer(), convert=tenant_number)
    return and_(here.row.c.tenant_id == tenant, here.row.c.year == here.arguments.bind("year", type_=Integer()))


def _inspected(here: Here) -> Any:
    """The inspections of `within`: of all of a city, of a county and what lies in it, of a department."""
    row, located = here.row, here.arguments.located
    if not here.arguments.has("within") or located in (TenantKind.CITY, TenantKind.REGION, TenantKind.PLATFORM):
        return row.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer())
    tenant = here.arguments.bind("within", type_=Integer(), convert=tenant_number)
    return (row.c.county_id if located is TenantKind.COUNTY else row.c.tenant_id) == tenant


def rectification_task_arguments(
    id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],  # noqa: A002
) -> RectificationTask | None: ...


def rectification_tasks_arguments(
    within: Annotated[
        TenantPath | None,
        strawberry.argument(description="Of this city, county or department; the viewer's own city when not given."),
    ] = strawberry.UNSET,
    filter: Annotated[  # noqa: A002
        RectificationTaskFilter | None, strawberry.argument(description="Which of them.")
    ] = strawberry.UNSET,
    order_by: Annotated[
        RectificationTaskOrder | None, strawberry.argument(description="How they are sorted; newest first by default.")
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> RectificationTaskConnection: ...


def work_plan_arguments(
    within: Annotated[TenantPath, strawberry.argument(description="Of exactly this city or county.")],
    year: Annotated[int, strawberry.argument(description="Of this year.")],
) -> WorkPlan | None: ...


def inspections_arguments(
    within: Annotated[
        TenantPath | None,
        strawberry.argument(description="Of this city, county or department; the viewer's own city when not given."),
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> InspectionConnection: ...


@strawberry.type
class RectificationQueries:
    rectification_task: RectificationTask | None = root(
        "A rectification task by its global id; null when there is none that the viewer may see.",
        Root(
            Relation(
                "RectificationTask",
                lambda here: here.row.c.id == here.arguments.bind("id", type_=Uuid(), convert=_key_of("RT")),
            ),
            _locate_id,
            P.RECTIFICATION_READ,
        ),
        rectification_task_arguments,
    )
    rectification_tasks: RectificationTaskConnection = root(
        "The problem ledger: the tasks that the viewer may see, newest first unless sorted otherwise.",
        Root(
            Connection(
                target="RectificationTask",
                on=lambda here: of_tenant(here, here.row),
                orders={"ISSUED_AT": Order("issued_at"), "DUE_AT": Order("due_at")},
                default=NEWEST_FIRST,
                filters=FILTERS,
                counting=10,
                ways=_ways,
                parts=_parts,
            ),
            locate_within,
            P.RECTIFICATION_READ,
        ),
        rectification_tasks_arguments,
    )
    work_plan: WorkPlan | None = root(
        "The work plan of a city or county for a year; null when there is none.",
        Root(Relation("WorkPlan", _the_plan), locate_within, P.RECTIFICATION_READ),
        work_plan_arguments,
    )
    inspections: InspectionConnection = root(
        "The inspections that the viewer may see, the latest recorded first.",
        Root(
            Connection(target="Inspection", on=_inspected, orders={}, default=Order("recorded_at", descending=True)),
            locate_within,
            P.RECTIFICATION_READ,
        ),
        inspections_arguments,
    )
