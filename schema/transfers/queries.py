"""The queries of transfers: what was sent to the viewer's city, and what it sent."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import Integer, Text, Uuid, any_, func, literal_column
from sqlalchemy.dialects.postgresql import ARRAY

from app.transfers.words import TransferDirection, TransferStatus
from authz.permissions import Permission
from schema import ids
from schema.context import Viewer
from schema.pages import After, Before, First, Last
from schema.reader.declare import Connection, Filter, Flag, Here, Located, Order, Relation, Root, root
from schema.scalars import TenantPath
from schema.tenants.within import locate_city
from schema.tickets.queries import Direction
from schema.transfers.types import TicketTransfer, TicketTransferConnection
from tenants.tree import TenantTree

FILTERS: Mapping[str, Filter | Flag] = {
    "direction": Filter(lambda _here, row, value: row.c.direction == value, Text()),
    "status": Filter(lambda _here, row, value: row.c.status == any_(value), ARRAY(Text())),
    "overdue": Flag(
        lambda here, row: (
            (row.c.status != literal_column("'WITHDRAWN'")) & (func.coalesce(row.c.decided_at, here.now) > row.c.due_at)
        )
    ),
}


@strawberry.input(description="Which transfers; what is given must all hold.")
class TicketTransferFilter:
    direction: TransferDirection | None = strawberry.field(
        default=strawberry.UNSET, description="Sent by the city, or received."
    )
    status: list[TransferStatus] | None = strawberry.field(default=strawberry.UNSET, description="In any of these.")
    overdue: bool | None = strawberry.field(default=strawberry.UNSET, description="Decided late, or not yet and late.")


class TicketTransferOrderField(StrEnum):
    OFFERED_AT = "OFFERED_AT"
    DUE_AT = "DUE_AT"


strawberry.enum(TicketTransferOrderField, description="By what transfers are sorted; ties by id.")
for _value in cast(Any, TicketTransferOrderField).__strawberry_definition__.values:
    _value.description = {
        "OFFERED_AT": "By when they were made.",
        "DUE_AT": "By when the decision is due.",
    }[_value.name]


@strawberry.input(description="How transfers are sorted.")
class TicketTransferOrder:
    field: TicketTransferOrderField = strawberry.field(description="By what.")
    direction: Direction = strawberry.field(description="Which way.")


def _locate_transfer(arguments: Mapping[str, Any], _viewer: Viewer, _tree: TenantTree) -> Located:
    return Located((ids.decode_as(arguments["id"], "TT").city_id,))


def _locate_city(arguments: Mapping[str, Any], viewer: Viewer, tree: TenantTree) -> Located:
    assert viewer.actor is not None
    return Located((viewer.actor.city_id,)) if arguments.get("city") is None else locate_city(arguments, viewer, tree)


def transfer_arguments(
    id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],  # noqa: A002
) -> TicketTransfer | None: ...


def transfers_arguments(
    city: Annotated[
        TenantPath | None,
        strawberry.argument(description="Of this city or region; the viewer's own when not given."),
    ] = strawberry.UNSET,
    filter: Annotated[  # noqa: A002
        TicketTransferFilter | None, strawberry.argument(description="Which of them.")
    ] = strawberry.UNSET,
    order_by: Annotated[
        TicketTransferOrder | None,
        strawberry.argument(description="How they are sorted; newest first when not given."),
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> TicketTransferConnection: ...


def _of_city(here: Here) -> Any:
    return here.row.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer())


@strawberry.type
class TransferQueries:
    ticket_transfer: TicketTransfer | None = root(
        "A transfer by its global id, as the viewer's side has it; null when there is none that the viewer may see.",
        Root(
            Relation(
                "TicketTransfer",
                lambda here: (
                    here.row.c.id
                    == here.arguments.bind("id", type_=Uuid(), convert=lambda value, _call: ids.decode(value).key)
                ),
            ),
            _locate_transfer,
            Permission.TRANSFER_READ,
        ),
        transfer_arguments,
    )
    ticket_transfers: TicketTransferConnection = root(
        "The transfers to and from a city or region that the viewer may see, newest first unless sorted otherwise.",
        Root(
            Connection(
                target="TicketTransfer",
                on=_of_city,
                orders={"OFFERED_AT": Order("offered_at"), "DUE_AT": Order("due_at")},
                default=Order("offered_at", descending=True),
                filters=FILTERS,
                counting=100,
            ),
            _locate_city,
            Permission.TRANSFER_READ,
        ),
        transfers_arguments,
    )
