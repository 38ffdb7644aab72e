"""A co-handling department has done its part."""

from __future__ import annotations

import uuid

from sqlalchemy import select, update

from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.events import advance
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.queries import CO_HANDLERS
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_text
from authz.actor import Actor
from authz.permissions import Permission


async def report_part(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    report: str,
    department: str | None = None,
    expected_version: int | None = None,
) -> Ticket:
    """What the department did to help (协办), told to the lead once per round; the lead alone resolves. `department` is
    needed only by who acts for several of the ticket's co-handlers. Refusals as in `access_ticket`, and `InvalidInput`:
    `department` `unknown_tenant` (not a co-handler that the actor acts for), `required`; `ticketId`
    `already_reported`; and for the report."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.PART_REPORT, expected_version=expected_version)
    texts = (await scheme_of(uow, ticket)).tickets.texts
    note = check_text("report", report, texts.reply)
    mine = list(actor.reach(Permission.TICKET_PART_REPORT, uow.city_id).helps)
    if department is not None:
        node = uow.tree.by_path(department)
        mine = [] if node is None else [id_ for id_ in mine if id_ == node.id]
    parts = CO_HANDLERS.c.city_id == ticket.city_id, CO_HANDLERS.c.ticket_id == ticket.id
    helping = (await uow.session.execute(select(CO_HANDLERS).where(*parts, CO_HANDLERS.c.tenant_id.in_(mine)))).all()
    if not helping:
        raise InvalidInput("department", "unknown_tenant", tenant=department)
    if len(helping) > 1:
        raise InvalidInput("department", "required")
    (part,) = helping
    if part.reported_at is not None:
        raise InvalidInput("ticketId", "already_reported")
    await uow.session.execute(
        update(CO_HANDLERS)
        .where(*parts, CO_HANDLERS.c.tenant_id == part.tenant_id)
        .values(report=note, reported_at=uow.now)
    )
    advance(uow, actor, ticket, Action.PART_REPORT, note=note, department=part.tenant_id)
    return ticket
