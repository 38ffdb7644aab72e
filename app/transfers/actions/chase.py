"""The sender of a ticket chases the other side (催办)."""

from __future__ import annotations

import uuid
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from app.deadlines.rules import calendar_of, due
from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import EVENTS, UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.events import author_of
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_text
from app.tickets.words import TicketEventType
from app.transfers.access import sent_of
from authz.actor import Actor
from authz.permissions import Permission


async def chase(
    uow: UnitOfWork, actor: Actor, ticket_id: uuid.UUID, *, note: str, expected_version: int | None = None
) -> Ticket:
    """Asked how it stands (002_…txt, 四(二)): `app.transfers.relay` takes it to the other side's desk, or to who has
    the ticket there. The version stays.

    Refusals as in `access_ticket`, and `InvalidInput`: `ticketId` `too_soon_to_chase` (the scheme's time since the
    other side was last heard of or chased has not passed in the sender's working time; with `after`), and for the note.
    """
    ticket = await access_ticket(uow, actor, ticket_id, Action.TRANSFER_CHASE, expected_version=expected_version)
    scheme = await scheme_of(uow, ticket)
    note = check_text("note", note, scheme.tickets.texts.note)
    sent = await sent_of(uow, ticket)
    heard = select(func.max(EVENTS.c.at)).where(
        EVENTS.c.city_id == uow.city_id, EVENTS.c.subject_id == ticket.id, EVENTS.c.data.has_key("via")
    )
    known = (sent.offered_at, sent.decided_at, sent.chased_at, await uow.session.scalar(heard))
    since = max(each for each in known if each is not None)
    after = due(calendar_of(scheme.calendar, uow.tree.calendar), scheme.cross_city.chase_after, since).at
    if uow.now < after:
        zone = ZoneInfo(scheme.calendar.time_zone)
        raise InvalidInput("ticketId", "too_soon_to_chase", after=f"{after.astimezone(zone):%Y-%m-%d %H:%M}")
    sent.version += 1
    sent.chased_at = uow.now
    sent.chases += 1
    uow.record(
        ticket,
        TicketEventType.TRANSFER_CHASED,
        author=author_of(actor, Permission.TICKET_TRANSFER, ticket),
        note=note,
    )
    return ticket
