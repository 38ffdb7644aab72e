"""The decisions that had to be made public, as everybody of the city reads them (001_…txt, first plan, 15)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import Integer, func, literal_column

from app.kernel.tables import table_of
from app.tickets.models import PublishedDecision as PublishedDecisionRow
from app.tickets.words import TicketCategory
from authz.permissions import Permission
from schema import ids
from schema.pages import Node, paged
from schema.reader.declare import Here, column, expression, relation, stored
from schema.tenants.types import Tenant, own_label

DECISIONS = table_of(PublishedDecisionRow)


def _of_the_city(here: Here) -> Any:
    return here.row.c.city_id == here.bind("city_id", lambda scope: scope.city_id, Integer())


@stored(
    table=DECISIONS,
    prefix=ids.PUBLISHED_DECISION,
    permission=Permission.DECISION_READ,
    visible=_of_the_city,
    description="A decision that had to be made public. Nothing of its ticket or reporter is told; one on a "
    "confidential or restricted ticket is never published.",
)
class PublishedDecision(Node):
    id: strawberry.ID = expression(
        "The global id.",
        lambda here: func.global_id(literal_column(f"'{ids.PUBLISHED_DECISION}'"), here.row.c.city_id, here.row.c.id),
    )
    number: str = column("The number of the decision (文号).")
    category: TicketCategory = column("What it decides on.")
    category_label: str = expression(
        "The category in the viewer's language; in Chinese, in the city's own words.",
        own_label(TicketCategory, "categories", "category"),
    )
    department: Tenant = relation("Who decided.", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id)
    text: str = column("The decision.")
    published_at: datetime = column("When it was published.")


PublishedDecisionEdge, PublishedDecisionConnection = paged(PublishedDecision, "published decisions")
