"""The office decides a dispute."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket, facts_of
from app.tickets.competence import learn_from_ruling
from app.tickets.events import advance
from app.tickets.handlers import find_handlers, hand_over
from app.tickets.lifecycle import Action, required_permission
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_text
from authz.actor import Actor


async def arbitrate(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    lead: str,
    reason: str,
    co_handlers: Sequence[str] = (),
    expected_version: int | None = None,
) -> Ticket:
    """The lead of a returned ticket named by the office, or by the working group what was referred to it, with the
    reason (003_…txt, 二(四)). Refusals as in
    `access_ticket` and `find_handlers`, and `InvalidInput` for the reason."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.ARBITRATE, expected_version=expected_version)
    permission = required_permission(facts_of(ticket), Action.ARBITRATE)
    handlers = find_handlers(uow, actor, permission, lead=lead, co_handlers=co_handlers)
    scheme = await scheme_of(uow, ticket)
    note = check_text("reason", reason, scheme.tickets.texts.reason)
    advance(uow, actor, ticket, Action.ARBITRATE, note=note, handlers=handlers)
    await learn_from_ruling(uow, ticket, handlers.lead)
    await hand_over(uow, ticket, handlers, scheme)
    return ticket
