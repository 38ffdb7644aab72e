"""The lead department gives a ticket back."""

from __future__ import annotations

import uuid

from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.events import advance
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_text
from authz.actor import Actor


async def return_(
    uow: UnitOfWork, actor: Actor, ticket_id: uuid.UUID, *, reason: str, expected_version: int | None = None
) -> Ticket:
    """Not ours (退回): the office will say whose. Refusals as in `access_ticket`, and `InvalidInput` for the reason."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.RETURN, expected_version=expected_version)
    texts = (await scheme_of(uow, ticket)).tickets.texts
    note = check_text("reason", reason, texts.reason)
    advance(uow, actor, ticket, Action.RETURN, note=note)
    return ticket
