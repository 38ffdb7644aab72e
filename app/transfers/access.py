"""The rows of a transfer, locked: first the sender's ticket, then its row, then the receiver's, as everybody does who
takes several of them."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from app.kernel.errors import Conflict, NotFound, NotResponsible
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.models import Ticket
from app.transfers.models import TicketTransfer
from app.transfers.queries import transfer_visible_to
from app.transfers.words import TransferDirection, TransferStatus
from authz.actor import Actor
from authz.permissions import Permission


async def access_offer(
    uow: UnitOfWork, actor: Actor, transfer_id: uuid.UUID, *, expected_version: int | None
) -> TicketTransfer:
    """The receiving side's row, not locked yet, on which this actor may decide.

    Refuses with `NotFound`, `NotResponsible` (no permission, or the sender's own row) and `Conflict`.
    """
    row = await uow.session.scalar(
        select(TicketTransfer).where(
            TicketTransfer.city_id == uow.city_id,
            TicketTransfer.id == transfer_id,
            transfer_visible_to(actor.in_city(uow.city_id)),
        )
    )
    if row is None:
        raise NotFound(kind="TicketTransfer")
    responsible = actor.reach(Permission.TRANSFER_DECIDE, uow.city_id).whole_city
    if not responsible or row.direction != TransferDirection.RECEIVED:
        raise NotResponsible(action="TRANSFER_DECIDE")
    if expected_version is not None and expected_version != row.version:
        raise Conflict(expected_version=expected_version, current_version=row.version)
    return row


async def sent_of(uow: UnitOfWork, ticket: Ticket) -> TicketTransfer:
    """The sender's row, locked, of a ticket that is transferred."""
    return (
        await uow.session.execute(
            select(TicketTransfer)
            .where(
                TicketTransfer.city_id == uow.city_id,
                TicketTransfer.ticket_id == ticket.id,
                TicketTransfer.direction == TransferDirection.SENT.value,
                (TicketTransfer.status == TransferStatus.OFFERED.value)
                | (TicketTransfer.status == TransferStatus.ACCEPTED.value),
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).scalar_one()


async def lock_row(uow: UnitOfWork, transfer_id: uuid.UUID) -> TicketTransfer:
    """The row of the unit of work's city."""
    return (
        await uow.session.execute(
            select(TicketTransfer)
            .where(TicketTransfer.city_id == uow.city_id, TicketTransfer.id == transfer_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).scalar_one()
