"""The reporter takes a ticket back."""

from __future__ import annotations

import uuid

from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.events import advance
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_optional_text
from authz.actor import Actor


async def withdraw(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    reason: str | None = None,
    expected_version: int | None = None,
) -> Ticket:
    """No longer wanted by who reported it, at any open state. Refusals as in `access_ticket`, and `InvalidInput` for
    the reason, which may be left out."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.WITHDRAW, expected_version=expected_version)
    texts = (await scheme_of(uow, ticket)).tickets.texts
    note = check_optional_text("reason", reason, texts.reason)
    advance(uow, actor, ticket, Action.WITHDRAW, note=note)
    return ticket
