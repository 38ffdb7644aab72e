"""The queries of duties to report: their arguments, and how the reader answers them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry
from sqlalchemy import DateTime, Integer, Text, Uuid, any_, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.integrity.words import ReportStatus
from authz.permissions import Permission
from schema import ids
from schema.context import Viewer
from schema.pages import After, Before, First, Last
from schema.reader.declare import Connection, Filter, Flag, Here, Located, Order, Relation, Root, root
from schema.reports.types import Report, ReportConnection, late
from schema.scalars import TenantPath, plain
from schema.tenants.within import locate_within, tenant_number
from tenants.models import TenantKind
from tenants.schemes.words import Period
from tenants.tree import TenantTree

FILTERS: Mapping[str, Filter | Flag] = {
    "status": Filter(lambda _here, row, value: row.c.status == any_(value), ARRAY(Text())),
    "every": Filter(lambda _here, row, value: row.c.every == any_(value), ARRAY(Text())),
    "obligation": Filter(lambda _here, row, value: row.c.obligation == value, Text(), plain),
    "late": Flag(lambda here, row: late(here, row)),
    "dueFrom": Filter(lambda _here, row, value: row.c.due_at >= value, DateTime(timezone=True)),
    "dueBefore": Filter(lambda _here, row, value: row.c.due_at < value, DateTime(timezone=True)),
}


@strawberry.input(description="Which duties to report; what is given must all hold.")
class ReportFilter:
    status: list[ReportStatus] | None = strawberry.field(default=strawberry.UNSET, description="In any of these.")
    every: list[Period] | None = strawberry.field(default=strawberry.UNSET, description="Owed as often as these.")
    obligation: str | None = strawberry.field(
        default=strawberry.UNSET, description="Of this name in the city's scheme."
    )
    late: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Not handed in when it was due; false: no such ones."
    )
    due_from: datetime | None = strawberry.field(default=strawberry.UNSET, description="Due at this moment or later.")
    due_before: datetime | None = strawberry.field(default=strawberry.UNSET, description="Due before this moment.")


def _within(here: Here) -> Any:
    """The reports of the argument `within`: all of a city, those of a county and below it, or a tenant's own."""
    kind = here.arguments.located
    if kind is None or kind in (TenantKind.CITY, TenantKind.REGION):
        return true()
    tenant = here.arguments.bind("within", type_=Integer(), convert=tenant_number)
    return (here.row.c.county_id if kind == TenantKind.COUNTY else here.row.c.tenant_id) == tenant


def _locate_id(arguments: Mapping[str, Any], _viewer: Viewer, _tree: TenantTree) -> Located:
    return Located((ids.decode_as(arguments["id"], "RO").city_id,))


def report_arguments(
    id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],  # noqa: A002
) -> Report | None: ...


def reports_arguments(
    within: Annotated[
        TenantPath | None,
        strawberry.argument(description="Owed in this city or county, or by this tenant; in the viewer's own city."),
    ] = strawberry.UNSET,
    filter: Annotated[ReportFilter | None, strawberry.argument(description="Which of them.")] = strawberry.UNSET,  # noqa: A002
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> ReportConnection: ...


@strawberry.type
class ReportQueries:
    report: Report | None = root(
        "A duty to report by its global id; null when there is none that the viewer may see.",
        Root(
            Relation(
                "Report",
                lambda here: (
                    here.row.c.id
                    == here.arguments.bind("id", type_=Uuid(), convert=lambda value, _call: ids.decode(value).key)
                ),
            ),
            _locate_id,
            Permission.REPORT_READ,
        ),
        report_arguments,
    )
    reports: ReportConnection = root(
        "The duties to report that the viewer may see, the one due last first.",
        Root(
            Connection(
                target="Report",
                on=_within,
                orders={},
                default=Order("due_at", descending=True),
                filters=FILTERS,
                counting=100,
            ),
            locate_within,
            Permission.REPORT_READ,
        ),
        reports_arguments,
    )
