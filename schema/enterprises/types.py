"""Enterprises, as the API shows them."""

from __future__ import annotations

from typing import Any

import strawberry
from sqlalchemy import Text, any_, func, literal_column
from sqlalchemy.dialects.postgresql import ARRAY

from app.enterprises.models import EnterpriseKind
from app.enterprises.queries import ENTERPRISES, matches_text, visible_to
from authz.permissions import Permission
from schema.labels import label_sql
from schema.pages import Node, paged
from schema.reader.declare import Filter, Here, Order, column, expression, relation, stored
from schema.scalars import UnifiedSocialCreditCode, searched
from schema.tenants.types import Tenant


def _visible(here: Here) -> Any:
    return visible_to(here.scope, here.row, here.bind)


@stored(
    table=ENTERPRISES,
    prefix="E",
    permission=Permission.ENTERPRISE_READ,
    visible=_visible,
    description="An enterprise of a city: visible to its own users and, as far as they reach, to the staff.",
)
class Enterprise(Node):
    id: strawberry.ID = expression(
        "The global id.",
        lambda here: func.global_id(literal_column("'E'"), here.row.c.city_id, here.row.c.id),
    )
    credit_code: UnifiedSocialCreditCode = column("Unified social credit code (GB 32100-2015).")
    name: str = column("The registered name.")
    kind: EnterpriseKind = column("How it counts.")
    kind_label: str = expression(
        "The kind in the viewer's language.", lambda here: label_sql(EnterpriseKind, here.row.c.kind, here.locale)
    )
    industry_code: str = column("Industry (GB/T 4754).")
    city: Tenant = relation("The city it belongs to.", "Tenant", lambda here: here.row.c.id == here.outer.c.city_id)
    county: Tenant = relation("The county it lies in.", "Tenant", lambda here: here.row.c.id == here.outer.c.county_id)
    address: str | None = column("The registered address.")
    contact_name: str | None = column("Whom to ask for.")
    contact_phone: str | None = column("The contact's telephone number.")


EnterpriseEdge, EnterpriseConnection = paged(Enterprise, "enterprises")

BY_NAME = Order("name")

FILTERS = {
    "text": Filter(lambda _here, row, value: matches_text(row, value), Text(), searched),
    "kind": Filter(lambda _here, row, value: row.c.kind == any_(value), ARRAY(Text())),
}


@strawberry.input(description="Which enterprises; what is given must all hold.")
class EnterpriseFilter:
    text: str | None = strawberry.field(
        default=strawberry.UNSET, description="Part of the name or of the credit code; Chinese words of any length."
    )
    kind: list[EnterpriseKind] | None = strawberry.field(default=strawberry.UNSET, description="Any of these kinds.")
