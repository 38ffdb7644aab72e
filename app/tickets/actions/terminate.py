"""The office ends a problem that was handled before."""

from __future__ import annotations

import uuid

from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.events import advance
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.repeats import find_earlier
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_text
from app.tickets.words import TicketStatus
from authz.actor import Actor

HANDLED = frozenset({TicketStatus.RESOLVED, TicketStatus.ANSWERED, TicketStatus.CLOSED, TicketStatus.TERMINATED})


async def terminate(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    basis: str,
    handled_by: uuid.UUID | None = None,
    expected_version: int | None = None,
) -> Ticket:
    """The same problem was already handled by law, and is not taken up again (003_…txt, 二(五): 认定终结办理); the
    reporter is told the basis. `handled_by` is the earlier ticket, which this one is then a repeat of. Refusals as in
    `access_ticket` and `find_earlier`, and `InvalidInput` for the basis."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.TERMINATE, expected_version=expected_version)
    texts = (await scheme_of(uow, ticket)).tickets.texts
    note = check_text("basis", basis, texts.reason)
    if handled_by is not None:
        ticket.repeat_of_id = await find_earlier(uow, actor, ticket, "handledBy", handled_by, HANDLED)
    advance(uow, actor, ticket, Action.TERMINATE, note=note)
    return ticket
