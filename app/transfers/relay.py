"""Takes what happens publicly on one side of a transfer to the other side's timeline, and so to whoever watches that.

Each side's row knows up to which event of its own ticket the other side has been told. What is told and that it was
told are one transaction of the two cities: any number of processes may relay, and each may die anywhere.

A ticket that was passed on twice has a row for either direction, and what comes from one side goes on to the other:
so the first sender, and the reporter there, follow it wherever it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import exists, literal, select

from app.kernel.events import Author
from app.kernel.unit_of_work import EVENTS, UnitOfWork, unit_of_work
from app.supervision.access import lock_ticket
from app.supervision.notifying import notify
from app.supervision.words import NotificationKind
from app.tickets.access import facts_of
from app.tickets.actions.follow_up import record_verdict
from app.tickets.clocks import HANDLING
from app.tickets.events import advance_by
from app.tickets.lifecycle import FINAL_STATUSES, Action, has_step, rating_outcome
from app.tickets.merging import TOLD_WHY, echo
from app.tickets.models import Ticket
from app.tickets.schemes import scheme_of
from app.tickets.words import Satisfaction, TicketEventType, TicketStatus, Visibility
from app.transfers.access import lock_row
from app.transfers.models import TRANSFERS, TicketTransfer
from app.transfers.saying import EVENTS_AT_ONCE, SAID, events_after, repeat
from app.transfers.words import TransferDirection, TransferStatus
from app.worker import Context, Job, one_by_one

E = TicketEventType
PER_TURN = 200
"""Transfers that one turn looks at; each is a transaction."""
EVERY = timedelta(milliseconds=500)

PUBLIC_NOTES = TOLD_WHY | {E.FOLLOWED_UP, E.SUSPENDED, E.RATED, E.PROGRESSED}
"""Whose note is for the reporter; of other steps it is between the offices of the side that took them."""


class _Link(NamedTuple):
    """A side's row that has something to tell."""

    city_id: int
    id: uuid.UUID
    peer_id: int


async def relay(context: Context) -> int:
    """One turn: how many events were taken across."""
    now = context.clock.now()
    spaces = (await context.tree()).space_ids
    async with context.database.session(cities=spaces, user_id=None) as session:
        links = [_Link(*row) for row in await session.execute(_WITH_NEWS)]
    return await one_by_one(links, lambda link: _relay_one(context, link, now))


RELAY = Job("transfers", EVERY, relay)

_WITH_NEWS = (
    select(TRANSFERS.c.city_id, TRANSFERS.c.id, TRANSFERS.c.peer_id)
    .where(
        TRANSFERS.c.ended_at.is_(None),
        exists(select(literal(1)).select_from(EVENTS)).where(
            EVENTS.c.city_id == TRANSFERS.c.city_id,
            EVENTS.c.subject_id == TRANSFERS.c.ticket_id,
            EVENTS.c.seq > TRANSFERS.c.relayed_seq,
        ),
    )
    .order_by(TRANSFERS.c.offered_at)
    .limit(PER_TURN)
)


async def _relay_one(context: Context, link: _Link, now: datetime) -> int:
    """The events of one side that the other has not been told of. None while another process is at it."""
    async with unit_of_work(
        context.database,
        city_id=link.peer_id,
        also_cities=(link.city_id,),
        user_id=None,
        grants_version=None,
        now=now,
        sequencer=context.sequencer,
        trees=context.trees,
    ) as there:
        row = (
            await there.session.execute(
                select(TicketTransfer)
                .where(
                    TicketTransfer.city_id == link.city_id,
                    TicketTransfer.id == link.id,
                    TicketTransfer.ended_at.is_(None),
                )
                .with_for_update(skip_locked=True)
            )
        ).scalar_one_or_none()
        if row is None or row.ticket_id is None:
            return 0
        here = UnitOfWork(there.session, city_id=link.city_id, now=now)  # which only reads
        events = await events_after(here, row.ticket_id, row.relayed_seq, EVENTS_AT_ONCE)
        if row.status == TransferStatus.OFFERED:
            await _tell_of_offer(there, row, events)
        elif row.direction == TransferDirection.SENT:
            await _tell_receiver(there, row, events)
        else:
            await _tell_sender(there, row, events)
        row.relayed_seq = max((event.seq for event in events), default=row.relayed_seq)
        await there.session.flush()
        return len(events)


async def _tell_of_offer(there: UnitOfWork, sent: TicketTransfer, events: Any) -> None:
    """To who has not decided yet: that they are chased, or that the reporter has withdrawn."""
    for event in events:
        if event.type == E.TRANSFER_CHASED:
            received = await lock_row(there, sent.id)
            received.version += 1
            received.chased_at = event.at
            received.chases += 1
            await there.session.flush()
            notify(there, there.city_id, NotificationKind.TRANSFER_CHASED, transfer_id=sent.id)
        elif event.type == E.WITHDRAWN:
            for row in (sent, await lock_row(there, sent.id)):
                row.version += 1
                row.status = TransferStatus.WITHDRAWN.value
                row.withdrawn_at, row.ended_at = event.at, there.now
            await there.session.flush()
            notify(there, there.city_id, NotificationKind.TRANSFER_WITHDRAWN, transfer_id=sent.id)


async def _tell_receiver(there: UnitOfWork, sent: TicketTransfer, events: Any) -> None:
    """What the reporter, or the desk that passed the ticket on, says to those who handle it."""
    received = await _row(there, sent.id)  # which is only read: the relay of the other direction may hold it
    assert received.ticket_id is not None, "an accepted transfer has its ticket"
    assert sent.ticket_id is not None, "the sender's row has its ticket"
    ticket = await lock_ticket(there, received.ticket_id)
    await scheme_of(there, ticket)
    for event in events:
        by = Author(None, sent.city_id, event.actor_role)
        await repeat(there, ticket, event, sent.city_id)
        if event.type == E.TRANSFER_CHASED:
            there.record(ticket, E.TRANSFER_CHASED, author=by, note=event.data.get("note"), via=sent.city_id)
            whom = ticket.lead_id or there.city_id
            of_desk = None if ticket.lead_id else sent.id
            notify(there, whom, NotificationKind.TRANSFER_CHASED, ticket_id=ticket.id, transfer_id=of_desk)
        elif event.type == E.WITHDRAWN and has_step(facts_of(ticket), Action.WITHDRAW):
            advance_by(there, by, ticket, Action.WITHDRAW, note=event.data.get("note"), via=sent.city_id)
        elif event.type == E.RATED and has_step(facts_of(ticket), Action.RATE):
            await _rate(there, by, ticket, event.data, sent.city_id)
    if _ended(await _ticket(there, sent.city_id, sent.ticket_id)):
        sent.ended_at = there.now


async def _rate(there: UnitOfWork, by: Author, ticket: Ticket, data: Mapping[str, Any], city_id: int) -> None:
    satisfaction = Satisfaction(data["satisfaction"])
    low_levels = (await scheme_of(there, ticket)).tickets.follow_up.low_levels
    outcome = rating_outcome(facts_of(ticket), dissatisfied=satisfaction in low_levels)
    await record_verdict(
        *(there, by, ticket, Action.RATE, outcome),
        satisfaction=satisfaction,
        note=data.get("note"),
        answers=data.get("answers"),
        via=city_id,
    )


async def _tell_sender(there: UnitOfWork, received: TicketTransfer, events: Any) -> None:
    """What those who handle it do and say publicly: on the timeline of the ticket that the reporter watches."""
    sent = await _row(there, received.id)  # only read, as above
    assert sent.ticket_id is not None, "the sender's row has its ticket"
    assert received.ticket_id is not None, "an accepted transfer has its ticket"
    origin = await lock_ticket(there, sent.ticket_id)
    handled = await _ticket(there, received.city_id, received.ticket_id)
    for event in events:
        if _ended(origin):
            break
        if event.visibility != Visibility.PUBLIC or event.type in (E.SUBMITTED, E.TRANSFER_CHASED):
            continue
        if event.type in SAID:
            await repeat(there, origin, event, received.city_id)
        else:
            _progress(there, origin, handled, event, received.city_id)
    if _ended(origin):
        received.ended_at = there.now


def _progress(there: UnitOfWork, origin: Ticket, handled: Ticket, event: Any, city_id: int) -> None:
    """A step of the other side: where the ticket stands there now, and its word to the reporter."""
    data = event.data
    # What was merged into another there goes on with that one, and is told of as that one goes on.
    moved = data.get("toStatus") if event.type != E.MERGED else None
    if moved is not None:
        origin.elsewhere = moved
    origin.version += 1
    step = data.get("step") or event.type
    note = data.get("note") if event.type in PUBLIC_NOTES else None
    if note is not None and step in (*TOLD_WHY, E.PROGRESSED):
        origin.resolution = note
    if moved in FINAL_STATUSES:
        origin.closed_at = there.now
    in_hand = handled.resolve_due_at if origin.elsewhere in HANDLING.runs_in else None
    there.record(
        origin,
        E.PROGRESSED,
        author=Author(None, city_id, event.actor_role),
        toStatus=origin.elsewhere,
        step=step,
        note=note,
        lead=data.get("lead"),
        transferredTo=data.get("transferredTo"),
        dueAt=None if in_hand is None else in_hand.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        via=city_id,
    )
    if origin.absorbed:
        there.at_end(partial(echo, there, origin, TicketEventType(step), note))


def _ended(origin: Ticket) -> bool:
    """Whether the sender's ticket follows the other side no more."""
    return origin.status != TicketStatus.TRANSFERRED or origin.elsewhere in FINAL_STATUSES


async def _row(there: UnitOfWork, transfer_id: uuid.UUID) -> TicketTransfer:
    return (
        await there.session.execute(
            select(TicketTransfer).where(TicketTransfer.city_id == there.city_id, TicketTransfer.id == transfer_id)
        )
    ).scalar_one()


async def _ticket(there: UnitOfWork, city_id: int, ticket_id: uuid.UUID) -> Ticket:
    return (
        await there.session.execute(select(Ticket).where(Ticket.city_id == city_id, Ticket.id == ticket_id))
    ).scalar_one()
