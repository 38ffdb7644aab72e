"""The lead department asks for coordination."""

from __future__ import annotations

import uuid

from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.events import advance
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_text
from authz.actor import Actor


async def request_coordination(
    uow: UnitOfWork, actor: Actor, ticket_id: uuid.UUID, *, reason: str, expected_version: int | None = None
) -> Ticket:
    """Several departments are concerned and it does not move: brought before the first group of the scheme
    (003_…txt, 二(五): 专责组). Refusals as in `access_ticket`, and `InvalidInput`: `ticketId` `no_coordination` (this
    city has no such group), and for the reason."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.COORDINATION_REQUEST, expected_version=expected_version)
    rules = (await scheme_of(uow, ticket)).tickets
    if not rules.coordination:
        raise InvalidInput("ticketId", "no_coordination")
    note = check_text("reason", reason, rules.texts.reason)
    level = rules.coordination[0].value
    advance(uow, actor, ticket, Action.COORDINATION_REQUEST, note=note, coordination=level)
    ticket.coordination = level
    return ticket
