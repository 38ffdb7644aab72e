"""Working out anew by when transfers must be decided, once the state's holidays were published."""

from __future__ import annotations

import uuid
from itertools import groupby

from sqlalchemy import and_, literal_column, select

from app.deadlines.moving import BATCH, Moved, outdated, utc_text
from app.deadlines.rules import calendar_of, due, warning
from app.kernel.events import Author
from app.kernel.unit_of_work import UnitOfWork
from app.supervision.access import lock_ticket
from app.supervision.notifying import notify
from app.supervision.words import NotificationKind
from app.tickets.words import SecrecyLevel, TicketEventType, Visibility
from app.transfers.access import lock_row
from app.transfers.models import TRANSFERS
from app.transfers.words import TransferDirection, TransferStatus
from tenants.schemes.store import scheme_at

T = TRANSFERS.c


async def move_decisions(uow: UnitOfWork) -> tuple[int, list[Moved]]:
    """The `Step` of the transfers that the city has to decide on, on both sides: both desks hear of what moved, and the
    sender's ticket tells of it. What was told of another moment says nothing of this one,
    unless it is late by both."""
    waiting = and_(
        T.city_id == uow.city_id,
        # As text: the planner must see it.
        T.status == literal_column(f"'{TransferStatus.OFFERED}'"),
        T.direction == literal_column(f"'{TransferDirection.RECEIVED}'"),
        outdated(T.calendar_version, T.provisional, T.due_at, uow.tree.calendar),
    )
    found = (
        await uow.session.execute(select(T.id, T.peer_id).where(waiting).order_by(T.peer_id, T.id).limit(BATCH))
    ).all()
    moved = []
    for peer_id, of_peer in groupby(found, key=lambda row: row.peer_id):
        async with uow.beside(peer_id) as there:
            moved += [each for row in of_peer if (each := await _move(uow, there, row.id)) is not None]
    return len(found), moved


async def _move(uow: UnitOfWork, there: UnitOfWork, transfer_id: uuid.UUID) -> Moved | None:
    ticket_id = await there.session.scalar(select(T.ticket_id).where(T.city_id == there.city_id, T.id == transfer_id))
    assert ticket_id is not None, "the sender's row has its ticket"
    ticket = await lock_ticket(there, ticket_id)
    sent, received = await lock_row(there, transfer_id), await lock_row(uow, transfer_id)
    if received.status != TransferStatus.OFFERED:  # decided on, or withdrawn, meanwhile
        return None
    state = uow.tree.calendar
    scheme = await scheme_at(uow.session, uow.city_id, received.scheme_version)
    days = calendar_of(scheme.calendar, state)
    before = received.due_at
    due_at, provisional = due(days, scheme.cross_city.decision, received.offered_at)
    warn_at = warning(days, received.offered_at, due_at, scheme.tickets.warn_at_share)
    for row in (sent, received):
        if due_at != before and due_at >= uow.now:
            row.warned_at = row.missed_at = None
        row.due_at, row.provisional, row.warn_at, row.calendar_version = due_at, provisional, warn_at, state.version
    if due_at == before:
        return None
    there.record(
        ticket,
        TicketEventType.TRANSFER_MOVED,
        author=Author(),
        visibility=Visibility.INTERNAL,
        restricted=ticket.secrecy == SecrecyLevel.RESTRICTED,
        dueAt=utc_text(due_at),
        previousDueAt=utc_text(before),
    )
    notify(there, there.city_id, NotificationKind.TRANSFER_MOVED, ticket_id=ticket.id, transfer_id=transfer_id)
    notify(uow, uow.city_id, NotificationKind.TRANSFER_MOVED, transfer_id=transfer_id)
    return Moved(received.number, "TRANSFER", before, due_at)
