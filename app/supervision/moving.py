"""Working out anew when the replies to notices are due, once the state's holidays were published."""

from __future__ import annotations

from sqlalchemy import and_, select

from app.deadlines.moving import BATCH, Moved, outdated, utc_text
from app.deadlines.rules import calendar_of, due
from app.kernel.unit_of_work import UnitOfWork
from app.supervision.models import SupervisionNotice
from app.supervision.notifying import notify
from app.supervision.raising import SYSTEM, level_of, record_on_ticket
from app.supervision.words import NoticeStatus, NotificationKind
from app.tickets.models import Ticket
from app.tickets.words import TicketEventType
from tenants.schemes.store import scheme_at

N = SupervisionNotice


async def move_replies(uow: UnitOfWork) -> tuple[int, list[Moved]]:
    """The `Step` of notices that wait for their reply; ticket and addressee hear of what moved. A reminder that was
    chased is waited for again, unless it is late by both."""
    state = uow.tree.calendar
    waiting = and_(
        N.city_id == uow.city_id,
        N.status == NoticeStatus.ISSUED.value,
        outdated(N.calendar_version, N.provisional, N.reply_due_at, state),
    )
    found = (await uow.session.execute(select(N.id, N.ticket_id).where(waiting).order_by(N.id).limit(BATCH))).all()
    # The tickets first, as everybody does who locks both.
    tickets = {
        ticket.id: ticket
        for ticket in await uow.session.scalars(
            select(Ticket)
            .where(Ticket.city_id == uow.city_id, Ticket.id.in_([row.ticket_id for row in found if row.ticket_id]))
            .order_by(Ticket.id)
            .with_for_update(of=Ticket, key_share=True)
        )
    }
    notices = await uow.session.scalars(
        select(N).where(waiting, N.id.in_([row.id for row in found])).order_by(N.id).with_for_update(key_share=True)
    )
    moved = []
    for notice in notices.all():
        scheme = await scheme_at(uow.session, uow.city_id, notice.scheme_version)
        limit = level_of(scheme, notice.level).reply_within
        before = notice.reply_due_at
        notice.reply_due_at, notice.provisional = due(calendar_of(scheme.calendar, state), limit, notice.issued_at)
        notice.calendar_version = state.version
        if notice.reply_due_at == before:
            continue
        if notice.reply_due_at >= uow.now:
            notice.chased_at = None
        if notice.ticket_id is not None:
            record_on_ticket(
                *(uow, tickets[notice.ticket_id], TicketEventType.NOTICE_MOVED, notice.id, notice.number, notice.level),
                author=SYSTEM,
                dueAt=utc_text(notice.reply_due_at),
                previousDueAt=utc_text(before),
            )
        notify(
            *(uow, notice.addressee_id, NotificationKind.NOTICE_MOVED),
            ticket_id=notice.ticket_id,
            notice_id=notice.id,
            restricted=notice.restricted,
        )
        moved.append(Moved(notice.number, "REPLY", before, notice.reply_due_at))
    return len(found), moved
