"""The queries of the ledger of handling quality, and of samples for checks of quality."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry
from sqlalchemy import DateTime, Integer, Text, Uuid, any_
from sqlalchemy.dialects.postgresql import ARRAY

from app.tickets.words import QualityStatus
from authz.permissions import Permission
from schema import ids
from schema.context import Viewer
from schema.pages import After, Before, First, Last
from schema.quality.types import QualityEntry, QualityEntryConnection, QualitySampleConnection
from schema.reader.declare import Connection, Filter, Here, Located, Order, Relation, Root, root
from schema.scalars import TenantPath
from schema.tenants.within import locate_within, tenant_number
from tenants.models import TenantKind
from tenants.schemes.words import QualityConcern
from tenants.tree import TenantTree

FILTERS: Mapping[str, Filter] = {
    "kind": Filter(lambda _here, row, value: row.c.kind == any_(value), ARRAY(Text())),
    "status": Filter(lambda _here, row, value: row.c.status == any_(value), ARRAY(Text())),
    "department": Filter(lambda _here, row, value: row.c.lead_id == value, Integer(), tenant_number),
    "enteredFrom": Filter(lambda _here, row, value: row.c.opened_at >= value, DateTime(timezone=True)),
    "enteredBefore": Filter(lambda _here, row, value: row.c.opened_at < value, DateTime(timezone=True)),
}


@strawberry.input(description="Which entries of the ledger; what is given must all hold.")
class QualityEntryFilter:
    kind: list[QualityConcern] | None = strawberry.field(default=strawberry.UNSET, description="For any of these.")
    status: list[QualityStatus] | None = strawberry.field(default=strawberry.UNSET, description="In any of these.")
    department: TenantPath | None = strawberry.field(
        default=strawberry.UNSET, description="Handled by this department."
    )
    entered_from: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Entered at this moment or later."
    )
    entered_before: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Entered before this moment."
    )


def entries_of_tenant(here: Here, row: Any) -> Any:
    """The entries of `within`: all of a city, those in the ledger of a county, those of what a department handled."""
    if not here.arguments.has("within") or here.arguments.located in (TenantKind.CITY, TenantKind.REGION):
        return row.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer())
    tenant = here.arguments.bind("within", type_=Integer(), convert=tenant_number)
    return (row.c.tenant_id if here.arguments.located == TenantKind.COUNTY else row.c.lead_id) == tenant


def _locate_entry(arguments: Mapping[str, Any], _viewer: Viewer, _tree: TenantTree) -> Located:
    return Located((ids.decode_as(arguments["id"], "QE").city_id,))


def quality_entry_arguments(
    id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],  # noqa: A002
) -> QualityEntry | None: ...


def quality_entries_arguments(
    within: Annotated[
        TenantPath | None,
        strawberry.argument(
            description="In the ledger of this city (with its counties') or county, or of what this department "
            "handled; the viewer's own city when not given."
        ),
    ] = strawberry.UNSET,
    filter: Annotated[  # noqa: A002
        QualityEntryFilter | None, strawberry.argument(description="Which of them.")
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> QualityEntryConnection: ...


def _locate(arguments: Mapping[str, Any], viewer: Viewer, tree: TenantTree) -> Located:
    return Located(locate_within(arguments, viewer, tree).cities)


def _drawn_of(here: Here) -> Any:
    return here.row.c.tenant_id == here.arguments.bind("within", type_=Integer(), convert=tenant_number)


def quality_samples_arguments(
    within: Annotated[TenantPath, strawberry.argument(description="Drawn of exactly this city, county or department.")],
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> QualitySampleConnection: ...


@strawberry.type
class QualityQueries:
    quality_entry: QualityEntry | None = root(
        "An entry of the ledger of handling quality by its global id; null when there is none that the viewer may see.",
        Root(
            Relation(
                "QualityEntry",
                lambda here: (
                    here.row.c.id
                    == here.arguments.bind("id", type_=Uuid(), convert=lambda value, _call: ids.decode(value).key)
                ),
            ),
            _locate_entry,
            Permission.TICKET_READ_QUALITY,
        ),
        quality_entry_arguments,
    )
    quality_entries: QualityEntryConnection = root(
        "The ledger of handling quality (办理质量台账), newest first; for the office that keeps it, supervision, "
        "groups and auditors.",
        Root(
            Connection(
                target="QualityEntry",
                on=lambda here: entries_of_tenant(here, here.row),
                orders={},
                default=Order("opened_at", descending=True),
                filters=FILTERS,
                counting=100,
            ),
            locate_within,
            Permission.TICKET_READ_QUALITY,
        ),
        quality_entries_arguments,
    )
    quality_samples: QualitySampleConnection = root(
        "The samples drawn of a tenant's tickets, newest first; for supervision, office, groups and auditors.",
        Root(
            Connection(target="QualitySample", on=_drawn_of, orders={}, default=Order("drawn_at", descending=True)),
            _locate,
            Permission.TICKET_READ_QUALITY,
        ),
        quality_samples_arguments,
    )
