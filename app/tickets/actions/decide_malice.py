"""The working group decides an appeal against a finding of malice."""

from __future__ import annotations

import uuid

from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.events import advance
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_text
from app.tickets.words import Malice
from authz.actor import Actor


async def decide_malice(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    uphold: bool,
    reason: str,
    expected_version: int | None = None,
) -> Ticket:
    """The finding stands or falls, by who is above the office that made it. Refusals as in `access_ticket`, and
    `InvalidInput` for the reason."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.MALICE_DECIDE, expected_version=expected_version)
    texts = (await scheme_of(uow, ticket)).tickets.texts
    note = check_text("reason", reason, texts.reason)
    advance(uow, actor, ticket, Action.MALICE_DECIDE, note=note, upheld=uphold)
    ticket.malice = (Malice.UPHELD if uphold else Malice.OVERTURNED).value
    return ticket
