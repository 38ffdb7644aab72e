"""The office finds a complaint malicious."""

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


async def find_malice(
    uow: UnitOfWork, actor: Actor, ticket_id: uuid.UUID, *, evidence: str, expected_version: int | None = None
) -> Ticket:
    """Made-up facts (捏造事实), by the office only and with the evidence, which the reporter is told and may appeal
    (003_…txt, 四(四)). The ticket goes on as it stands. Refusals as in `access_ticket`, and `InvalidInput` for the
    evidence."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.MALICE_FIND, expected_version=expected_version)
    texts = (await scheme_of(uow, ticket)).tickets.texts
    note = check_text("evidence", evidence, texts.reason)
    advance(uow, actor, ticket, Action.MALICE_FIND, note=note)
    ticket.malice = Malice.FOUND.value
    return ticket
