"""Working out anew what the open deadlines of tickets are, once the state's holidays were published."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from app.deadlines.models import Deadline, DeadlineSuspension
from app.deadlines.moving import BATCH, Moved, outdated, utc_text
from app.deadlines.rules import calendar_of
from app.deadlines.store import recompute
from app.deadlines.words import DeadlineKind
from app.kernel.events import Author
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.clocks import show_clocks
from app.tickets.models import Ticket
from app.tickets.words import SecrecyLevel, TicketEventType, Visibility
from tenants.schemes.store import scheme_at

PUBLIC_WHEN_MOVED = frozenset({DeadlineKind.HANDLING})
"""The reporter was told by when their problem would be handled; the steps of the offices are between the offices."""


async def move_deadlines(uow: UnitOfWork) -> tuple[int, list[Moved]]:
    """The `Step` of tickets: the open deadlines of a batch of them."""
    clocks = await _claimed(uow)
    return len(clocks), await _move(uow, clocks)


async def _claimed(uow: UnitOfWork) -> list[Deadline]:
    """The open clocks of a batch of tickets, which are locked."""
    version, provisional, due_at = Deadline.calendar_version, Deadline.provisional, Deadline.due_at
    found = await uow.session.scalars(
        select(Deadline.subject_id)
        .where(
            Deadline.city_id == uow.city_id,
            Deadline.ended_at.is_(None),
            outdated(version, provisional, due_at, uow.tree.calendar),
        )
        .order_by(Deadline.subject_id)
        .distinct()
        .limit(BATCH)
    )
    tickets = await uow.session.scalars(
        select(Ticket)
        .where(Ticket.city_id == uow.city_id, Ticket.id.in_(found.all()))
        .order_by(Ticket.id)
        .with_for_update(key_share=True)
    )
    ids = [ticket.id for ticket in tickets]
    # Read under the locks: a verb may have ended one meanwhile.
    clocks = await uow.session.scalars(
        select(Deadline)
        .where(Deadline.city_id == uow.city_id, Deadline.subject_id.in_(ids), Deadline.ended_at.is_(None))
        .order_by(Deadline.subject_id, Deadline.due_at)
        .with_for_update()
    )
    return list(clocks)


async def _move(uow: UnitOfWork, clocks: Sequence[Deadline]) -> list[Moved]:
    suspensions: dict[uuid.UUID, list[DeadlineSuspension]] = defaultdict(list)
    for each in await uow.session.scalars(
        select(DeadlineSuspension)
        .where(
            DeadlineSuspension.city_id == uow.city_id,
            DeadlineSuspension.deadline_id.in_([clock.id for clock in clocks]),
        )
        .order_by(DeadlineSuspension.from_at)
    ):
        suspensions[each.deadline_id].append(each)
    of_ticket: dict[uuid.UUID, list[Deadline]] = defaultdict(list)
    moved = []
    for clock in clocks:
        of_ticket[clock.subject_id].append(clock)
        scheme = await scheme_at(uow.session, uow.city_id, clock.scheme_version)
        before, missed_at = clock.due_at, clock.missed_at
        days, share = calendar_of(scheme.calendar, uow.tree.calendar), scheme.tickets.warn_at_share
        recompute(clock, days, uow.tree.calendar.version, suspensions[clock.id], share)
        if missed_at is not None and clock.due_at < uow.now:  # late by both: it was told so, and is not late twice
            clock.missed_at = max(missed_at, clock.due_at)
        if clock.due_at != before:
            moved.append((clock, before))
    tickets = {}
    for ticket_id in dict.fromkeys(clock.subject_id for clock, _ in moved):
        ticket = tickets[ticket_id] = await uow.session.get_one(Ticket, (uow.city_id, ticket_id))
        show_clocks(ticket, of_ticket[ticket_id])
    for clock, before in moved:
        _record(uow, tickets[clock.subject_id], clock, before)
    return [Moved(tickets[clock.subject_id].number, clock.kind, before, clock.due_at) for clock, before in moved]


def _record(uow: UnitOfWork, ticket: Ticket, clock: Deadline, before: datetime) -> None:
    uow.record(
        ticket,
        TicketEventType.DEADLINE_MOVED,
        author=Author(),
        visibility=Visibility.PUBLIC if clock.kind in PUBLIC_WHEN_MOVED else Visibility.INTERNAL,
        restricted=ticket.secrecy == SecrecyLevel.RESTRICTED,
        deadlineKind=clock.kind,
        deadlineRound=clock.round,
        dueAt=utc_text(clock.due_at),
        previousDueAt=utc_text(before),
    )
