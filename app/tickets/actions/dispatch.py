"""The dispatcher assigns a ticket."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from app.kernel.unit_of_work import UnitOfWork
from app.responsibility.store import present_subject
from app.tickets.access import access_ticket, facts_of
from app.tickets.competence import learn_from_dispatch
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
    subject: uuid.UUID | None = None,
    expected_version: int | None = None,
) -> Ticket:
    """Given to one lead and any number of co-handlers, by their tenant paths (分办); office and supervision dispatch
    what has escalated. `subject` (of the responsibility list) is what it turned out to be. Refusals as in
    `access_ticket`, `find_handlers` and `present_subject`, and `InvalidInput` for the note."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.DISPATCH, expected_version=expected_version)
    permission = required_permission(facts_of(ticket), Action.DISPATCH)
    handlers = find_handlers(uow, actor, permission, lead=lead, co_handlers=co_handlers)
    scheme = await scheme_of(uow, ticket)
    note = check_optional_text("note", note, scheme.tickets.texts.note)
    if subject is not None:
        ticket.subject_id = await present_subject(uow.session, uow.city_id, subject)
    advance(uow, actor, ticket, Action.DISPATCH, note=note, handlers=handlers)
    await learn_from_dispatch(uow, actor.reach(permission, uow.city_id), ticket, handlers.lead)
    await hand_over(uow, ticket, handlers, scheme)
    return ticket
