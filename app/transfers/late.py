"""Tells a desk once that a transfer is nearly due to be decided, and once, with its sender, that it is overdue."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, literal_column, or_, select

from app.supervision.notifying import notify
from app.supervision.words import NotificationKind
from app.transfers.models import TRANSFERS, TicketTransfer
from app.transfers.words import TransferDirection, TransferStatus
from app.worker import Context, Job, one_by_one

PER_TURN = 200
"""Transfers of one city that are told of in one transaction."""


async def tell_late(context: Context) -> int:
    """One turn: how many it told of."""
    now = context.clock.now()
    spaces = (await context.tree()).space_ids
    async with context.database.session(cities=spaces, user_id=None) as session:
        waiting = select(TRANSFERS.c.city_id).where(*_untold(now)).distinct()
        city_ids = sorted(await session.scalars(waiting))
    return await one_by_one(city_ids, lambda city_id: _tell(context, city_id, now))


LATE = Job("transfers late", timedelta(seconds=1), tell_late)


async def _tell(context: Context, city_id: int, now: datetime) -> int:
    async with context.unit(city_id, now=now) as uow:
        # What another process tells of just now, or somebody decides, is left to it; the next turn looks again.
        rows = await uow.session.scalars(
            select(TicketTransfer)
            .where(TicketTransfer.city_id == city_id, *_untold(now))
            .order_by(TicketTransfer.due_at, TicketTransfer.id)
            .limit(PER_TURN)
            .with_for_update(skip_locked=True)
        )
        told = 0
        for row in rows:
            if row.due_at >= now:
                notify(uow, city_id, NotificationKind.TRANSFER_DUE, transfer_id=row.id)
            row.warned_at = row.warned_at or now
            if row.due_at < now:
                row.missed_at = now
                notify(uow, city_id, NotificationKind.TRANSFER_OVERDUE, ticket_id=row.ticket_id, transfer_id=row.id)
            told += 1
        return told


def _untold(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        TRANSFERS.c.status == literal_column(f"'{TransferStatus.OFFERED}'"),  # as text: the planner must see it
        TRANSFERS.c.missed_at.is_(None),
        or_(
            TRANSFERS.c.due_at < now,
            (TRANSFERS.c.direction == TransferDirection.RECEIVED)
            & TRANSFERS.c.warned_at.is_(None)
            & (TRANSFERS.c.warn_at < now),
        ),
    )
