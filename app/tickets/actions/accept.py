"""The desk takes a ticket in."""

from __future__ import annotations

import uuid

from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket, facts_of
from app.tickets.events import advance
from app.tickets.lifecycle import Action, acceptance_outcome
from app.tickets.models import Ticket
from authz.actor import Actor


async def accept(uow: UnitOfWork, actor: Actor, ticket_id: uuid.UUID, *, expected_version: int | None = None) -> Ticket:
    """Verified and taken in (受理): by the desk, or by the department that receives such matters itself, which then
    has it in work. Refusals as in `access_ticket`."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.ACCEPT, expected_version=expected_version)
    advance(uow, actor, ticket, Action.ACCEPT, to=acceptance_outcome(facts_of(ticket)))
    return ticket
