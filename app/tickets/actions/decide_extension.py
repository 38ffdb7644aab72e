"""The office decides on more time."""

from __future__ import annotations

import uuid

from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.clocks import extend_handling
from app.tickets.events import advance
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_optional_text
from app.tickets.words import Visibility
from authz.actor import Actor


async def decide_extension(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    approve: bool,
    reason: str | None = None,
    expected_version: int | None = None,
) -> Ticket:
    """The days that were asked for, granted or not (003_…txt, 二(五)); the reporter is told of a new limit only.
    Refusals as in `access_ticket`, and `InvalidInput` for the reason, which a refusal must have."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.EXTENSION_DECIDE, expected_version=expected_version)
    texts = (await scheme_of(uow, ticket)).tickets.texts
    note = check_optional_text("reason", reason, texts.reason)
    if not approve and note is None:
        raise InvalidInput("reason", "required")
    advance(
        uow,
        actor,
        ticket,
        Action.EXTENSION_DECIDE,
        note=note,
        visibility=Visibility.PUBLIC if approve else Visibility.INTERNAL,
        approved=approve,
        workingDays=ticket.extension_days,
    )
    if approve:
        await extend_handling(uow, ticket, ticket.extension_days or 0)
    ticket.extension_days = None
    ticket.extensions += approve
    return ticket
