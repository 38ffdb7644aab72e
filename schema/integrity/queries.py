"""The queries of the integrity ledger: their arguments, and how the reader answers them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import Date, Integer, Text, Uuid, any_, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.integrity.words import IntegrityStatus
from authz.permissions import Permission
from schema import ids
from schema.context import Viewer
from schema.integrity.types import IntegrityEntry, IntegrityEntryConnection
from schema.pages import After, Before, First, Last
from schema.reader.declare import Call, Connection, Filter, Flag, Here, Located, Order, Relation, Root, root
from schema.scalars import TenantPath
from schema.tenants.within import locate_within, tenant_number
from schema.tickets.queries import Direction
from tenants.models import TenantKind
from tenants.schemes.words import IntegrityKind
from tenants.tree import TenantTree


def _enterprise_key(value: str, _call: Call) -> Any:
    return ids.decode_as(value, "E").key


FILTERS: Mapping[str, Filter | Flag] = {
    "status": Filter(lambda _here, row, value: row.c.status == any_(value), ARRAY(Text())),
    "kind": Filter(lambda _here, row, value: row.c.kind == any_(value), ARRAY(Text())),
    "debtor": Filter(lambda _here, row, value: row.c.debtor_id == value, Integer(), tenant_number),
    "creditorId": Filter(lambda _here, row, value: row.c.creditor_id == value, Uuid(), _enterprise_key),
    "openedFrom": Filter(lambda _here, row, value: row.c.opened_on >= value, Date()),
    "openedBefore": Filter(lambda _here, row, value: row.c.opened_on < value, Date()),
}
ORDERS = {"OPENED_AT": Order("opened_at"), "REMAINING": Order("owed")}


class IntegrityOrderField(StrEnum):
    """By what entries are sorted."""

    OPENED_AT = "OPENED_AT"
    REMAINING = "REMAINING"


strawberry.enum(IntegrityOrderField, description="By what the entries of the ledger are sorted.")
for _value in cast(Any, IntegrityOrderField).__strawberry_definition__.values:
    _value.description = {
        "OPENED_AT": "By when they were opened.",
        "REMAINING": "By what remains to be paid; what has no amount counts as nothing.",
    }[_value.name]


@strawberry.input(description="How the entries of the ledger are sorted.")
class IntegrityOrder:
    field: IntegrityOrderField = strawberry.field(description="By what.")
    direction: Direction = strawberry.field(description="Which way.")


@strawberry.input(description="Which entries of the ledger; what is given must all hold.")
class IntegrityFilter:
    status: list[IntegrityStatus] | None = strawberry.field(default=strawberry.UNSET, description="In any of these.")
    kind: list[IntegrityKind] | None = strawberry.field(default=strawberry.UNSET, description="Of any of these.")
    debtor: TenantPath | None = strawberry.field(default=strawberry.UNSET, description="Owed by this tenant.")
    creditor_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Owed to this enterprise."
    )
    opened_from: date | None = strawberry.field(
        default=strawberry.UNSET, description="Opened on this day of the city or later."
    )
    opened_before: date | None = strawberry.field(default=strawberry.UNSET, description="Opened before this day.")


def of_tenant(here: Here, row: Any) -> Any:
    """The entries of the argument `within`: all of a city, those of a county, what a department owes."""
    kind = here.arguments.located
    if kind is None or kind in (TenantKind.CITY, TenantKind.REGION):
        return true()
    tenant = here.arguments.bind("within", type_=Integer(), convert=tenant_number)
    return (row.c.county_id if kind == TenantKind.COUNTY else row.c.debtor_id) == tenant


def _locate_id(arguments: Mapping[str, Any], _viewer: Viewer, _tree: TenantTree) -> Located:
    return Located((ids.decode_as(arguments["id"], "IE").city_id,))


def integrity_entry_arguments(
    id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],  # noqa: A002
) -> IntegrityEntry | None: ...


def integrity_entries_arguments(
    within: Annotated[
        TenantPath | None,
        strawberry.argument(description="Of this city, county or debtor; the viewer's own city when not given."),
    ] = strawberry.UNSET,
    filter: Annotated[IntegrityFilter | None, strawberry.argument(description="Which of them.")] = strawberry.UNSET,  # noqa: A002
    order_by: Annotated[
        IntegrityOrder | None, strawberry.argument(description="How they are sorted; newest first when not given.")
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> IntegrityEntryConnection: ...


@strawberry.type
class IntegrityQueries:
    integrity_entry: IntegrityEntry | None = root(
        "An entry of the integrity ledger by its global id; null when there is none that the viewer may see.",
        Root(
            Relation(
                "IntegrityEntry",
                lambda here: (
                    here.row.c.id
                    == here.arguments.bind("id", type_=Uuid(), convert=lambda value, _call: ids.decode(value).key)
                ),
            ),
            _locate_id,
            Permission.INTEGRITY_READ,
        ),
        integrity_entry_arguments,
    )
    integrity_entries: IntegrityEntryConnection = root(
        "The entries of the integrity ledger that the viewer may see, newest first unless sorted otherwise.",
        Root(
            Connection(
                target="IntegrityEntry",
                on=lambda here: of_tenant(here, here.row),
                orders=ORDERS,
                default=Order("opened_at", descending=True),
                filters=FILTERS,
                counting=100,
            ),
            locate_within,
            Permission.INTEGRITY_READ,
        ),
        integrity_entries_arguments,
    )
