"""The desk does not take a ticket in."""

from __future__ import annotations

import uuid

from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.access import access_ticket
from app.tickets.events import advance
from app.tickets.lifecycle import Action
from app.tickets.models import Ticket
from app.tickets.repeats import find_earlier
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_text
from app.tickets.words import TicketStatus
from authz.actor import Actor

TERMINATED = frozenset({TicketStatus.TERMINATED})
SHOWN = 20
"""So much of a number that is none is said back."""


async def decline(
    uow: UnitOfWork,
    actor: Actor,
    ticket_id: uuid.UUID,
    *,
    basis: str,
    emergency_number: str | None = None,
    repeat_of: uuid.UUID | None = None,
    expected_version: int | None = None,
) -> Ticket:
    """Outside what the desk may take in; the reporter is told the basis (003_…txt, 二(三)). What is urgent goes to the
    emergency service of that number, and what was terminated is not taken in again (二(五)) but linked. Refusals as in
    `access_ticket` and `find_earlier` (a terminated ticket), and `InvalidInput`: `emergencyNumber` `not_taken` (not in
    the scheme), and for the basis."""
    ticket = await access_ticket(uow, actor, ticket_id, Action.DECLINE, expected_version=expected_version)
    rules = (await scheme_of(uow, ticket)).tickets
    note = check_text("basis", basis, rules.texts.reason)
    if emergency_number is not None and emergency_number not in rules.emergency_numbers:
        raise InvalidInput("emergencyNumber", "not_taken", value=emergency_number[:SHOWN])
    if repeat_of is not None:
        ticket.repeat_of_id = await find_earlier(uow, actor, ticket, "repeatOf", repeat_of, TERMINATED)
    advance(uow, actor, ticket, Action.DECLINE, note=note, emergencyNumber=emergency_number)
    return ticket
