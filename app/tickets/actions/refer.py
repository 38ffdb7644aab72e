"""The office takes a dispute to the working group."""

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


async def refer(
    uow: UnitOfWork, actor: Actor, ticket_id: uuid.UUID, *, reason: str, expected_version: int | None = None
) -> Ticket:
    """Especially complex: the working group will name the lead (003_…txt, 二(四): 报工作小组研究确定). Refusals as in
    `access_ticket`, and `InvalidInput` for the reason."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.REFER, expected_version=expected_version)
    texts = (await scheme_of(uow, ticket)).tickets.texts
    note = check_text("reason", reason, texts.reason)
    advance(uow, actor, ticket, Action.REFER, note=note)
    ticket.referred = True
    return ticket
