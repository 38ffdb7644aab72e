"""The lead department makes contact."""

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


async def first_contact(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    note: str | None = None,
    expected_version: int | None = None,
) -> Ticket:
    """The handler has spoken to the reporter, once per round (003_…txt, 二(五): 及时主动与经营主体联系). Refusals as in
    `access_ticket`, and `InvalidInput` for the note, which is for the staff."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.FIRST_CONTACT, expected_version=expected_version)
    texts = (await scheme_of(uow, ticket)).tickets.texts
    note = check_optional_text("note", note, texts.note)
    advance(uow, actor, ticket, Action.FIRST_CONTACT, note=note)
    ticket.contacted_at = uow.now
    return ticket
