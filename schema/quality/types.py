"""Samples for checks of quality, as the API shows them."""

from __future__ import annotations

from datetime import datetime

import strawberry
from sqlalchemy import and_, func, literal_column

from app.kernel.tables import table_of
from app.tickets.models import QualityCheck as CheckRow
from app.tickets.queries import SAMPLES, sample_within_reach
from authz.permissions import Permission
from schema.pages import After, First, Node, paged
from schema.reader.declare import (
    Connection,
    Order,
    column,
    connection,
    expression,
    relation,
    stored,
)
from schema.tenants.types import Tenant
from schema.tickets.types import Ticket

CHECKS = table_of(CheckRow)


@stored(
    table=CHECKS,
    description="A ticket of a sample, and what the check of its handling found.",
)
class QualityCheck:
    ticket: Ticket | None = relation(
        "The drawn ticket; null when it is no longer the viewer's to see.",
        "Ticket",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.ticket_id),
    )
    passed: bool | None = column("Whether it was handled well; null until it is checked.")
    findings: str | None = column("What was found.")
    checked_at: datetime | None = column("When it was checked.")


QualityCheckEdge, QualityCheckConnection = paged(QualityCheck, "checks of a sample")


def checks_arguments(first: First = strawberry.UNSET, after: After = strawberry.UNSET) -> QualityCheckConnection: ...


@stored(
    table=SAMPLES,
    prefix="QS",
    permission=Permission.TICKET_READ_QUALITY,
    visible=lambda here: sample_within_reach(here.scope, Permission.TICKET_READ_QUALITY, here.row, here.bind),
    description="Handled tickets drawn at random for a check of quality (办理质量抽查), each as likely as another.",
)
class QualitySample(Node):
    id: strawberry.ID = expression(
        "The global id.", lambda here: func.global_id(literal_column("'QS'"), here.row.c.city_id, here.row.c.id)
    )
    version: int = column("Rises with every check.")
    tenant: Tenant = relation(
        "Of whose tickets it was drawn.", "Tenant", lambda here: here.row.c.id == here.outer.c.tenant_id
    )
    resolved_from: datetime = column("Replied to at this moment or later.")
    resolved_before: datetime = column("Replied to before this moment.")
    population: int = column("How many tickets it was drawn from.")
    size: int = column("How many were drawn: the scheme's share, rounded up.")
    seed: str = expression(
        "What the draw was made from, in hexadecimal: tickets come in the order of SHA-256(seed, then the UUID).",
        lambda here: func.encode(here.row.c.seed, literal_column("'hex'")),
    )
    drawn_at: datetime = column("When it was drawn.")
    checks: QualityCheckConnection = connection(
        "The drawn tickets.",
        Connection(
            target="QualityCheck",
            on=lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.sample_id == here.outer.c.id),
            orders={},
            default=Order("ticket_id", by="sample_id"),
            inherits=True,
        ),
        checks_arguments,
    )


QualitySampleEdge, QualitySampleConnection = paged(QualitySample, "samples")
