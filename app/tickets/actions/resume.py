"""The lead department has what it waited for."""

from __future__ import annotations

import uuid

from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.clocks import resume_handling
from app.tickets.events import advance
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from authz.actor import Actor


async def resume(uow: UnitOfWork, actor: Actor, ticket_id: uuid.UUID, *, expected_version: int | None = None) -> Ticket:
    """The clock goes on; refusals as in `access_ticket`."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.RESUME, expected_version=expected_version)
    advance(uow, actor, ticket, Action.RESUME, suspensionReason=ticket.suspension_reason)
    ticket.suspended_at = ticket.suspension_reason = None
    await resume_handling(uow, ticket)
    return ticket
