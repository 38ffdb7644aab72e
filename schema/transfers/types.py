"""Transfers across cities, as the API shows them: each side its own part."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import Boolean, and_, func, literal_column

from app.tickets.words import SecrecyLevel, TicketCategory
from app.transfers.models import TRANSFERS
from app.transfers.queries import transfer_visible_to
from app.transfers.words import TransferDirection, TransferStatus
from authz.permissions import Permission
from schema.labels import label_sql
from schema.pages import Node, paged
from schema.reader.declare import Here, column, expression, relation, stored
from schema.tenants.types import Tenant
from schema.tickets.types import Ticket


def _may_decide(here: Here) -> Any:
    if not here.scope.reach(Permission.TRANSFER_DECIDE).whole_city:
        return literal_column("false", Boolean())
    return and_(
        here.row.c.direction == literal_column("'RECEIVED'"),
        here.row.c.status == literal_column("'OFFERED'"),
    )


@stored(
    table=TRANSFERS,
    prefix="TT",
    permission=Permission.TRANSFER_READ,
    visible=lambda here: transfer_visible_to(here.scope, here.row, here.bind),
    description="A ticket's transfer to another city or up to the region (转办), as one of the two sides has it: for "
    "its desk, office, supervision and auditors. Never for the reporter, who follows the ticket's timeline.",
)
class TicketTransfer(Node):
    id: strawberry.ID = expression(
        "The global id.", lambda here: func.global_id(literal_column("'TT'"), here.row.c.city_id, here.row.c.id)
    )
    version: int = column("Rises with everything that changes it; pass it back as `expectedVersion`.")
    direction: TransferDirection = column("On which side the viewer's city stands.")
    peer: Tenant = relation("The other side.", "Tenant", lambda here: here.row.c.id == here.outer.c.peer_id)
    status: TransferStatus = column("How far it is.")
    status_label: str = expression(
        "How far it is, in the viewer's language.",
        lambda here: label_sql(TransferStatus, here.row.c.status, here.locale),
    )
    number: str = column("The ticket's number, which it keeps everywhere.")
    ticket: Ticket | None = relation(
        "This side's own ticket; the receiving side has one once it has accepted.",
        "Ticket",
        lambda here: and_(here.row.c.city_id == here.outer.c.city_id, here.row.c.id == here.outer.c.ticket_id),
    )
    category: TicketCategory = column("What the reporter wants.")
    secrecy: SecrecyLevel = column("Who may see the reporter; a restricted ticket is never transferred.")
    title: str | None = column("One line, to decide by; for the receiving side.")
    body: str | None = column("The problem in the reporter's words, to decide by; for the receiving side.")
    reporter_name: str | None = column(
        "Who reported, or the enterprise's contact; for the receiving side, and not of a confidential ticket."
    )
    reporter_phone: str | None = column("Their telephone number; as `reporterName`.")
    reporter_anonymous: bool = column("Whether the reporter asked to stay unnamed.")
    enterprise_name: str | None = column("The enterprise that reported; as `reporterName`.")
    credit_code: str | None = column("Its unified social credit code; as `reporterName`.")
    reason: str = column("Why it was transferred.")
    offered_at: datetime = column("When it was transferred.")
    due_at: datetime = column("By when the receiving side must decide, in its own working time.")
    provisional: bool = column(
        "Whether the statutory holidays of one of the years to the due time were not published yet when it was offered."
    )
    overdue: bool = expression(
        "Whether the decision is late: not there past its due time, or given after it; false for what was withdrawn.",
        lambda here: and_(
            here.row.c.status != literal_column("'WITHDRAWN'"),
            func.coalesce(here.row.c.decided_at, here.now) > here.row.c.due_at,
        ),
    )
    answer: str | None = column("What the receiving side said to its decision; a refusal always says why.")
    decided_at: datetime | None = column("When it was decided.")
    withdrawn_at: datetime | None = column("When the sender or the reporter withdrew it.")
    chased_at: datetime | None = column("When it was last chased (催办); of the receiving side, before its decision.")
    chases: int = column("How often it was chased; of the receiving side, before its decision.")
    ended_at: datetime | None = column("When it was over for this side: nothing goes across any more.")
    may_decide: bool = expression("Whether the viewer may decide on it now (`ticketTransferDecide`).", _may_decide)


TicketTransferEdge, TicketTransferConnection = paged(TicketTransfer, "transfers")
