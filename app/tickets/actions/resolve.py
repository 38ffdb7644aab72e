"""The lead department replies."""

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


async def resolve(
    uow: UnitOfWork, actor: Actor, ticket_id: uuid.UUID, *, reply: str, expected_version: int | None = None
) -> Ticket:
    """Handled, with the reply to the reporter (办结反馈). Refusals as in `access_ticket`, and `InvalidInput` for the
    reply."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.RESOLVE, expected_version=expected_version)
    texts = (await scheme_of(uow, ticket)).tickets.texts
    note = check_text("reply", reply, texts.reply)
    advance(uow, actor, ticket, Action.RESOLVE, note=note)
    ticket.resolution = note
    return ticket
