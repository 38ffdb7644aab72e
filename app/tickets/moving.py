"""Working out anew what is due when, once the state's holidays were published: every open deadline, city by city.

A batch is one transaction under the locks of its tickets. What a process that dies leaves, or a verb that began before
the calendar was published, is found by the next turn: a deadline says by which calendar it was worked out.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, or_, select

from app.deadlines.models import Deadline, DeadlineSuspension
from app.deadlines.store import recompute
from app.deadlines.words import DeadlineKind
from app.kernel.database import Database
from app.kernel.events import Author
from app.kernel.unit_of_work import UnitOfWork, Wakeable, unit_of_work
from app.tickets.clocks import show_clocks
from app.tickets.models import Ticket
from app.tickets.words import SecrecyLevel, TicketEventType, Visibility
from app.worker import Context, Job
from tenants.schemes.store import scheme_at
from tenants.tree import TenantTreeCache

BATCH = 200
"""Tickets of one transaction, which their verbs wait for."""
EVERY = timedelta(minutes=10)
PUBLIC_WHEN_MOVED = frozenset({DeadlineKind.HANDLING})
"""The reporter was told by when their problem would be handled; the steps of the offices are between the offices."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A deadline that is due at another time than before."""

    number: str
    kind: DeadlineKind
    before: datetime
    after: datetime


async def move_deadlines(
    database: Database, trees: TenantTreeCache, sequencer: Wakeable, city_id: int, *, now: datetime
) -> tuple[int, list[Moved]]:
    """Work out a batch of a city's open deadlines that were worked out by an older calendar; how many there were (none:
    it is done), and which moved."""
    opened = unit_of_work(
        database, city_id=city_id, user_id=None, grants_version=None, now=now, sequencer=sequencer, trees=trees
    )
    async with opened as uow:
        clocks = await _claimed(uow)
        return len(clocks), await _move(uow, clocks)


async def _turn(context: Context) -> int:
    now = context.clock.now()
    done = 0
    for city in (await context.tree()).cities:
        worked_out, _ = await move_deadlines(context.database, context.trees, context.sequencer, city.id, now=now)
        done += worked_out
    return done


MOVING = Job("calendar", EVERY, _turn)


async def _claimed(uow: UnitOfWork) -> list[Deadline]:
    """The open clocks of a batch of tickets, which are locked. What was provisional is looked at again when its years
    were published with the program itself, without a version of the calendar; a day less, for all time zones."""
    state = uow.tree.calendar
    published_until = datetime(state.first_unpublished, 1, 1, tzinfo=UTC) - timedelta(days=1)
    outdated = or_(
        Deadline.calendar_version < state.version, and_(Deadline.provisional, Deadline.due_at < published_until)
    )
    found = (
        select(Deadline.subject_id)
        .where(Deadline.city_id == uow.city_id, Deadline.ended_at.is_(None), outdated)
        .order_by(Deadline.subject_id)
        .distinct()
        .limit(BATCH)
    )
    tickets = await uow.session.scalars(
        select(Ticket)
        .where(Ticket.city_id == uow.city_id, Ticket.id.in_(found))
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
        before = clock.due_at
        recompute(clock, scheme.calendar, uow.tree.calendar, suspensions[clock.id], scheme.tickets.warn_at_share)
        if clock.due_at != before:
            moved.append((clock, before))
    tickets = {}
    for ticket_id in dict.fromkeys(clock.subject_id for clock, _ in moved):
        ticket = tickets[ticket_id] = await uow.session.get_one(Ticket, (uow.city_id, ticket_id))
        show_clocks(ticket, of_ticket[ticket_id])
    for clock, before in moved:
        _record(uow, tickets[clock.subject_id], clock, before)
    return [
        Moved(tickets[clock.subject_id].number, DeadlineKind(clock.kind), before, clock.due_at)
        for clock, before in moved
    ]


def _record(uow: UnitOfWork, ticket: Ticket, clock: Deadline, before: datetime) -> None:
    uow.record(
        ticket,
        TicketEventType.DEADLINE_MOVED,
        author=Author(),
        visibility=Visibility.PUBLIC if clock.kind in PUBLIC_WHEN_MOVED else Visibility.INTERNAL,
        restricted=ticket.secrecy == SecrecyLevel.RESTRICTED,
        deadlineKind=clock.kind,
        deadlineRound=clock.round,
        dueAt=_text(clock.due_at),
        previousDueAt=_text(before),
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
