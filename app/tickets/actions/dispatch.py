"""The dispatcher assigns a ticket."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket, facts_of
from app.tickets.events import advance
from app.tickets.handlers import find_handlers, hand_over
from app.tickets.lifecycle import Action, required_permission
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_optional_text
from authz.actor import Actor


async def dispatch(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    lead: str,
    co_handlers: Sequence[str] = (),
    note: str | None = None,
    expected_version: int | None = None,
) -> Ticket:
    """Given to one lead and any number of co-handlers, by their tenant paths (分办); office and supervision dispatch
    what has escalated. Refusals as in `access_ticket` and `find_handlers`, and `InvalidInput` for the note."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.DISPATCH, expected_version=expected_version)
    permission = required_permission(facts_of(ticket), Action.DISPATCH)
    handlers = find_handlers(uow, actor, permission, lead=lead, co_handlers=co_handlers)
    scheme = await scheme_of(uow, ticket)
    note = check_optional_text("note", note, scheme.tickets.texts.note)
    advance(uow, actor, ticket, Action.DISPATCH, note=note, handlers=handlers)
    await hand_over(uow, ticket, handlers, scheme)
    return ticket
