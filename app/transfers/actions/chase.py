"""The sender of a ticket chases the other side (催办)."""

from __future__ import annotations

import uuid
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.deadlines.rules import calendar_of, due
from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import UnitOfWork
from app.kernel.workdays import StateCalendar
from app.tickets.access import access_ticket
from app.tickets.events import author_of
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_text
from app.tickets.words import TicketEventType
from app.transfers.access import sent_of
from app.transfers.models import TRANSFERS
from app.transfers.queries import last_heard
from authz.actor import Actor
from authz.permissions import Permission
from tenants.schemes.calendar import Calendar
from tenants.schemes.values import TimeLimit


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
    since = await uow.session.scalar(
        select(last_heard(TRANSFERS)).where(TRANSFERS.c.city_id == uow.city_id, TRANSFERS.c.id == sent.id)
    )
    assert since is not None, "it was offered"
    after = may_chase_from(scheme.calendar, uow.tree.calendar, scheme.cross_city.chase_after, since)
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


def may_chase_from(calendar: Calendar, state: StateCalendar, limit: TimeLimit, heard_at: datetime) -> datetime:
    """From when on a sender that heard of the other side at `heard_at` may chase it, in its own working time (pure)."""
    return due(calendar_of(calendar, state), limit, heard_at).at
