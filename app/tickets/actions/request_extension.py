"""The lead department asks for more time."""

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


async def request_extension(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    working_days: int,
    reason: str,
    expected_version: int | None = None,
) -> Ticket:
    """More working days asked of the office (003_…txt, 二(五)), one request at a time. Refusals as in `access_ticket`,
    and `InvalidInput`: `workingDays` `too_few` (under 1), `too_many` (over the scheme's `limit`), `used_up` (in this
    round), and for the reason."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.EXTENSION_REQUEST, expected_version=expected_version)
    rules = (await scheme_of(uow, ticket)).tickets
    if working_days < 1:
        raise InvalidInput("workingDays", "too_few", limit=1)
    if working_days > rules.extension.working_days:
        raise InvalidInput("workingDays", "too_many", limit=rules.extension.working_days)
    if ticket.extensions >= rules.extension.times:
        raise InvalidInput("workingDays", "used_up", limit=rules.extension.times)
    note = check_text("reason", reason, rules.texts.reason)
    advance(uow, actor, ticket, Action.EXTENSION_REQUEST, note=note, workingDays=working_days)
    ticket.extension_days = working_days
    return ticket
