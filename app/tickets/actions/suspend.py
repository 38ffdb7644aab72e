"""The lead department waits for something that its time does not count."""

from __future__ import annotations

import uuid

from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.clocks import suspend_handling
from app.tickets.events import advance
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_optional_text
from authz.actor import Actor
from tenants.schemes.words import SuspensionReason


async def suspend(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    reason: SuspensionReason,
    note: str | None = None,
    expected_version: int | None = None,
) -> Ticket:
    """The clock stands still until `resume`; the reporter is told what is waited for. Refusals as in `access_ticket`,
    and `InvalidInput`: `reason` `not_taken` (neither by the city nor for this category), and for the note."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.SUSPEND, expected_version=expected_version)
    rules = (await scheme_of(uow, ticket)).tickets
    category = rules.category(ticket.category)
    if reason not in rules.suspension_reasons and (category is None or reason not in category.excluded_time):
        raise InvalidInput("reason", "not_taken", value=reason.value)
    note = check_optional_text("note", note, rules.texts.note)
    advance(uow, actor, ticket, Action.SUSPEND, note=note, suspensionReason=reason.value)
    ticket.suspended_at = uow.now
    ticket.suspension_reason = reason.value
    await suspend_handling(uow, ticket, reason)
    return ticket
