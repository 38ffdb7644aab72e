"""`ticketDuplicates`: likely duplicates of what a caller is telling, before it is submitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry
from sqlalchemy import Integer, Select, Text, Uuid, cast, func, null, select
from sqlalchemy.dialects.postgresql import BIT

from app.tickets.duplicates import SHOWN, Told, likely_duplicates
from app.tickets.similarity import BITS, signature_of
from authz.permissions import Permission
from schema import ids
from schema.reader.declare import Call, Here, Relation, Root, root
from schema.scalars import TenantPath, plain
from schema.tenants.within import locate_within
from schema.tickets.queries import of_tenant
from schema.tickets.types import Ticket
from tenants.tree import SCHEMES


def _told(here: Here) -> Select[Any]:
    city = here.bind("city_id", lambda scope: scope.city_id, Integer())
    enterprise: Any = null()
    if here.arguments.has("enterpriseId"):
        enterprise = here.arguments.bind(
            "enterpriseId", type_=Uuid(), convert=lambda value, _call: ids.decode_as(value, "E").key
        )
    told = Told(
        bits=cast(here.arguments.bind(type_=Text(), convert=_signature), BIT(BITS)),
        enterprise_id=enterprise,
        at=here.now,
        scheme_version=select(func.max(SCHEMES.c.version)).where(SCHEMES.c.city_id == city).scalar_subquery(),
    )
    return likely_duplicates(here.scope, told, here.bind, named=here.named)


def _signature(arguments: Mapping[str, Any], call: Call) -> str:
    title, body = (plain(arguments.get(name) or "", call) for name in ("title", "body"))
    return signature_of(title, body)


def ticket_duplicates_arguments(
    title: Annotated[
        str | None, strawberry.argument(description="The title, as far as it is written.")
    ] = strawberry.UNSET,
    body: Annotated[
        str | None, strawberry.argument(description="The text, as far as it is written.")
    ] = strawberry.UNSET,
    enterprise_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="The enterprise that reports.")
    ] = strawberry.UNSET,
    within: Annotated[
        TenantPath | None,
        strawberry.argument(description="Of this city, county or department; the viewer's own city when not given."),
    ] = strawberry.UNSET,
) -> list[Ticket]: ...


@strawberry.type
class DuplicateQueries:
    ticket_duplicates: list[Ticket] = root(
        "Tickets that may tell of the same problem as a caller does just now, before anything is submitted: as "
        "`Ticket.duplicates`.",
        Root(
            Relation(
                "Ticket",
                lambda here: of_tenant(here, here.row),
                many=True,
                most=SHOWN,
                work=1_000,
                tables=10,
                rows=_told,
                order=lambda row: (row.c.rank,),
            ),
            locate_within,
            Permission.TICKET_MERGE,
        ),
        ticket_duplicates_arguments,
    )
