"""The desk does not take a ticket in."""

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


async def decline(
    uow: UnitOfWork, actor: Actor, ticket_id: uuid.UUID, *, basis: str, expected_version: int | None = None
) -> Ticket:
    """Outside what the desk may take in; the reporter is told the basis (003_…txt, 二(三)). Refusals as in
    `access_ticket`, and `InvalidInput` for the basis."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.DECLINE, expected_version=expected_version)
    texts = (await scheme_of(uow, ticket)).tickets.texts
    note = check_text("basis", basis, texts.reason)
    advance(uow, actor, ticket, Action.DECLINE, note=note)
    return ticket
