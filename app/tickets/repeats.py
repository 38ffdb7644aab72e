"""Earlier tickets about the same problem: a repeat is linked to one, never reopened (domain.md, section 5)."""

from __future__ import annotations

import uuid
from collections.abc import Set

from sqlalchemy import select

from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.models import Ticket
from app.tickets.queries import TICKETS, visible_to
from app.tickets.words import SecrecyLevel, TicketStatus
from authz.actor import Actor


async def find_earlier(
    uow: UnitOfWork, actor: Actor, ticket: Ticket, field: str, earlier_id: uuid.UUID, statuses: Set[TicketStatus]
) -> uuid.UUID:
    """The id of an earlier ticket that the actor sees, in one of these states; so no circle can arise.

    Raises `InvalidInput` on `field`: `unknown_ticket` (none, another city's, or not theirs to see), `itself`,
    `not_handled` (still open), `more_secret` (a restricted one, of a ticket that is not).
    """
    if earlier_id == ticket.id:
        raise InvalidInput(field, "itself")
    row = (
        await uow.session.execute(
            select(TICKETS.c.status, TICKETS.c.secrecy).where(
                TICKETS.c.city_id == uow.city_id, TICKETS.c.id == earlier_id, visible_to(actor.in_city(uow.city_id))
            )
        )
    ).one_or_none()
    if row is None:
        raise InvalidInput(field, "unknown_ticket")
    if row.status not in statuses:
        raise InvalidInput(field, "not_handled")
    if row.secrecy == SecrecyLevel.RESTRICTED and ticket.secrecy != SecrecyLevel.RESTRICTED:
        raise InvalidInput(field, "more_secret")
    return earlier_id
