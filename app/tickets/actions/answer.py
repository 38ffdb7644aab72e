"""The desk answers on the spot."""

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


async def answer(
    uow: UnitOfWork, actor: Actor, ticket_id: uuid.UUID, *, reply: str, expected_version: int | None = None
) -> Ticket:
    """Answered by the desk itself, so that no department needs to (003_…txt, 二(四)). Refusals as in `access_ticket`,
    and `InvalidInput` for the reply."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.ANSWER, expected_version=expected_version)
    texts = (await scheme_of(uow, ticket)).tickets.texts
    note = check_text("reply", reply, texts.reply)
    advance(uow, actor, ticket, Action.ANSWER, note=note)
    ticket.resolution = note
    return ticket
