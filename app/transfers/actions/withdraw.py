"""The sender fetches a ticket back while nobody has decided on it."""

from __future__ import annotations

import uuid

from app.kernel.unit_of_work import UnitOfWork
from app.supervision.notifying import notify
from app.supervision.words import NotificationKind
from app.tickets.access import access_ticket
from app.tickets.events import advance
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_text
from app.tickets.words import TicketStatus
from app.transfers.access import lock_row, sent_of
from app.transfers.words import TransferStatus
from authz.actor import Actor


async def withdraw(
    uow: UnitOfWork, actor: Actor, ticket_id: uuid.UUID, *, reason: str, expected_version: int | None = None
) -> Ticket:
    """Back where it was, and the other side is told that there is nothing to decide any more. Refusals as in
    `access_ticket` (once it is accepted, there is no such step), and `InvalidInput` for the reason."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.TRANSFER_WITHDRAW, expected_version=expected_version)
    note = check_text("reason", reason, (await scheme_of(uow, ticket)).tickets.texts.reason)
    sent = await sent_of(uow, ticket)
    async with uow.beside(sent.peer_id) as there:
        received = await lock_row(there, sent.id)
        for row in (sent, received):
            row.version += 1
            row.status = TransferStatus.WITHDRAWN.value
            row.withdrawn_at = row.ended_at = uow.now
        notify(there, there.city_id, NotificationKind.TRANSFER_WITHDRAWN, transfer_id=sent.id)
    before = TicketStatus(sent.from_status or TicketStatus.SUBMITTED)
    advance(uow, actor, ticket, Action.TRANSFER_WITHDRAW, to=before, note=note)
    return ticket
