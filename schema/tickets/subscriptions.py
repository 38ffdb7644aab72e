"""The live streams of the tickets slice: which events each one shows, and to whom."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import strawberry
from sqlalchemy import and_, true

from authz.permissions import Permission
from schema import ids
from schema.context import Viewer
from schema.pages import Since
from schema.reader.declare import Condition, Here, Located
from schema.scalars import TenantPath
from schema.tenants.within import locate_within
from schema.tickets.queries import FILTERS, TicketFilter, of_tenant
from schema.tickets.types import TicketEventEdge, of_its_ticket
from tenants.tree import TenantTree


@dataclass(frozen=True)
class Followed:
    """What a stream follows: a city's log, in it perhaps one object; `name` goes into its cursors."""

    city_id: int
    subject_id: uuid.UUID | None
    name: str
    shape: Any = None


@dataclass(frozen=True)
class Stream:
    """A field of `Subscription`: the edges of events of `target` for which `on` holds, for whoever has `permission`."""

    target: str
    topic: str
    on: Condition
    locate: Any
    permission: Permission = Permission.TICKET_READ


def _one_ticket(arguments: Mapping[str, Any], _viewer: Viewer, _tree: TenantTree) -> Followed:
    found = ids.decode_as(arguments["id"], "T")
    assert isinstance(found.key, uuid.UUID)
    return Followed(found.city_id, found.key, f"ticketEvents:{found.key}")


def _a_board(arguments: Mapping[str, Any], viewer: Viewer, tree: TenantTree) -> Followed:
    located: Located = locate_within(arguments, viewer, tree)
    return Followed(located.cities[0], None, "ticketFeed", located.shape)


def _on_the_board(here: Here) -> Any:
    def wanted(ticket: Any) -> Any:
        conditions = [
            rule.condition(here, ticket, here.arguments, name)
            for name, rule in FILTERS.items()
            if here.arguments.has("filter", name)
        ]
        return and_(of_tenant(here, ticket), *conditions)

    return of_its_ticket(here, wanted)


def ticket_events_arguments(
    id: Annotated[strawberry.ID, strawberry.argument(description="The ticket.")],  # noqa: A002
    after: Since = strawberry.UNSET,
) -> TicketEventEdge: ...


def ticket_feed_arguments(
    within: Annotated[TenantPath, strawberry.argument(description="A city, a county or a department.")],
    filter: Annotated[  # noqa: A002
        TicketFilter | None, strawberry.argument(description="Only events of tickets that match, as they stand now.")
    ] = strawberry.UNSET,
    after: Since = strawberry.UNSET,
) -> TicketEventEdge: ...


STREAMS: Mapping[str, Stream] = {
    "ticketEvents": Stream("TicketEvent", "ticket", lambda _here: true(), _one_ticket),
    "ticketFeed": Stream("TicketEvent", "ticket", _on_the_board, _a_board),
}


@strawberry.type
class TicketSubscriptions:
    ticket_events: TicketEventEdge = strawberry.field(
        resolver=ticket_events_arguments,
        description="Every event of one ticket that the viewer may see: an enterprise's live tracking.",
    )
    ticket_feed: TicketEventEdge = strawberry.field(
        resolver=ticket_feed_arguments,
        description="Every event of the tickets of a tenant that the viewer may see: a board.",
    )
