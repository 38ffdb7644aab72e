"""Raises the notices that raise themselves: follows each city's log by position, and looks for replies that are late.

What an event sets off and the position up to which the log was followed are committed together, and a cause raises one
notice whatever happens: any number of processes may follow, and each may die anywhere.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.kernel.unit_of_work import EVENTS, UnitOfWork
from app.supervision.access import lock_ticket
from app.supervision.models import SupervisionNotice
from app.supervision.notifying import notify
from app.supervision.queries import CURSORS
from app.supervision.raising import level_of, raise_notice
from app.supervision.triggers import Condition, Past, condition_after, goes_off, lead_of, may_set_off
from app.supervision.words import NoticeStatus, NotificationKind
from app.tickets.models import QualityCheck, Ticket
from app.tickets.quality.entering import TOPIC as QUALITY
from app.tickets.schemes import scheme_of
from app.tickets.words import QualityEventType, TicketEventType, TicketStatus
from app.worker import Context, Job, one_by_one
from tenants.schemes.supervision import TRIGGERS_BY_LEVEL
from tenants.schemes.words import TriggerKind

EVENTS_PER_TURN = 500
"""Followed in one transaction at most; it ends with the first notice, so that it holds one ticket locked."""
_IN_HAND = (TicketStatus.DISPATCHED, TicketStatus.IN_PROGRESS)
ENTRY_TOLD = {
    QualityEventType.OPENED: NotificationKind.QUALITY_ENTERED,
    QualityEventType.HANDED_OVER: NotificationKind.QUALITY_HANDED_OVER,
    QualityEventType.CLOSED: NotificationKind.QUALITY_CLOSED,
}
_LEVELS = {trigger: level for level, triggers in TRIGGERS_BY_LEVEL.items() for trigger in triggers}


async def follow(context: Context) -> int:
    """One turn in every city: how many events were followed and late replies chased."""
    now = context.clock.now()
    steps = product((await context.tree()).cities, (follow_city, chase_city))
    return await one_by_one(steps, lambda each: each[1](context, each[0].id, now))


FOLLOWER = Job("supervision", timedelta(seconds=1), follow)


async def follow_city(context: Context, city_id: int, now: datetime) -> int:
    """Follow the city's log for one transaction; how many events that were. None while another process is at it."""
    async with context.unit(city_id, now=now) as uow:
        position = await _claim(uow)
        if position is None:
            return 0
        events = await _events_after(uow, position)
        followed = 0
        for event in events:
            followed += 1
            if event.topic == QUALITY:
                _tell_of_entry(uow, event)
            elif event.topic == "ticket":
                _tell_of_assignment(uow, event)
                if may_set_off(Past(event.type, event.data)) and await _set_off(uow, event):
                    break
        if followed:
            await uow.session.execute(
                update(CURSORS).where(CURSORS.c.city_id == city_id).values(position=events[followed - 1].position)
            )
        return followed


async def chase_city(context: Context, city_id: int, now: datetime) -> int:
    """Look at one reminder whose reply is late; 0 when there is none.

    The department that still has the ticket gets the notice of the second level (REMINDER_UNANSWERED): what the
    reminder asked for is done where the ticket was resolved, came to its end, or went to another department.
    """
    async with context.unit(city_id, now=now) as uow:
        due = select(SupervisionNotice).where(
            SupervisionNotice.city_id == city_id,
            SupervisionNotice.level == 1,
            SupervisionNotice.status == NoticeStatus.ISSUED.value,
            SupervisionNotice.chased_at.is_(None),
            SupervisionNotice.reply_due_at < now,
        )
        first = (await uow.session.scalars(due.order_by(SupervisionNotice.reply_due_at).limit(1))).one_or_none()
        if first is None or first.ticket_id is None:
            return 0
        # The ticket first, as everybody does who locks both; meanwhile the reply may have come.
        ticket = await lock_ticket(uow, first.ticket_id)
        again = due.where(SupervisionNotice.id == first.id).with_for_update()
        notice = (await uow.session.scalars(again.execution_options(populate_existing=True))).one_or_none()
        if notice is None:
            return 1
        notice.chased_at = now
        await uow.session.flush()
        if ticket.lead_id == notice.addressee_id and ticket.status in _IN_HAND:
            times = await uow.session.scalar(
                select(func.count()).where(
                    SupervisionNotice.city_id == city_id,
                    SupervisionNotice.ticket_id == ticket.id,
                    SupervisionNotice.addressee_id == notice.addressee_id,
                    SupervisionNotice.level == 1,
                    SupervisionNotice.chased_at.is_not(None),
                )
            )
            condition = Condition(TriggerKind.REMINDER_UNANSWERED, notice.addressee_id, times or 1)
            await _raise(uow, ticket, condition, notice.id)
        return 1


async def _claim(uow: UnitOfWork) -> int | None:
    """The position of the city's cursor, locked; a city that is new is followed from its first event."""
    cursor = select(CURSORS.c.position).where(CURSORS.c.city_id == uow.city_id)
    if await uow.session.scalar(cursor) is None:
        await uow.session.execute(insert(CURSORS).values(city_id=uow.city_id, position=0).on_conflict_do_nothing())
    position: int | None = await uow.session.scalar(cursor.with_for_update(skip_locked=True))
    return position


async def _events_after(uow: UnitOfWork, position: int) -> Sequence[Any]:
    return (
        await uow.session.execute(
            select(
                EVENTS.c.position,
                EVENTS.c.id,
                EVENTS.c.topic,
                EVENTS.c.subject_id,
                EVENTS.c.seq,
                EVENTS.c.type,
                EVENTS.c.at,
                EVENTS.c.restricted,
                EVENTS.c.data,
            )
            .where(EVENTS.c.city_id == uow.city_id, EVENTS.c.position > position)
            .order_by(EVENTS.c.position)
            .limit(EVENTS_PER_TURN)
        )
    ).all()


def _tell_of_assignment(uow: UnitOfWork, event: Any) -> None:
    """Whoever has got a ticket by this event hears of it."""
    if event.type not in (TicketEventType.DISPATCHED, TicketEventType.ARBITRATED):
        return
    told = {"ticket_id": event.subject_id, "restricted": event.restricted}
    notify(uow, event.data["lead"], NotificationKind.ASSIGNED, **told)
    for tenant_id in event.data.get("coHandlers") or ():
        notify(uow, tenant_id, NotificationKind.ASSIGNED_TO_HELP, **told)


def _tell_of_entry(uow: UnitOfWork, event: Any) -> None:
    """The office and the supervision of a level hear of what enters their ledger, and of what becomes of it."""
    notify(uow, event.data["keeper"], ENTRY_TOLD[event.type], ticket_id=uuid.UUID(event.data["ticket"]))


async def _set_off(uow: UnitOfWork, event: Any) -> bool:
    """Raise what the event sets off; whether there was anything."""
    rows = await uow.session.execute(
        select(EVENTS.c.type, EVENTS.c.data)
        .where(EVENTS.c.city_id == uow.city_id, EVENTS.c.subject_id == event.subject_id, EVENTS.c.seq <= event.seq)
        .order_by(EVENTS.c.seq)
    )
    history = [Past(row.type, row.data) for row in rows]
    # Without the row's lock, which only what is raised takes: the scheme that a ticket keeps never changes.
    ticket = (
        await uow.session.execute(select(Ticket).where(Ticket.city_id == uow.city_id, Ticket.id == event.subject_id))
    ).scalar_one()
    low_levels = (await scheme_of(uow, ticket)).tickets.follow_up.low_levels
    lead_id = lead_of(history)
    if event.data.get("toStatus") == TicketStatus.DISPATCHED and lead_id is not None:  # the follow-up's 二次分办
        again = {"ticket_id": ticket.id, "restricted": event.restricted}
        notify(uow, lead_id, NotificationKind.ASSIGNED_AGAIN, **again)
    condition = condition_after(history, low_levels)
    if condition is None:
        return False
    if condition.trigger is TriggerKind.IMPROPER_CLOSING_REQUESTED:
        condition = await _of_the_department(uow, condition, event.at)
    return await _raise(uow, ticket, condition, event.id)


async def _of_the_department(uow: UnitOfWork, condition: Condition, at: datetime) -> Condition:
    """How many of the department's handlings were found wanting until then."""
    failed = (
        select(func.count())
        .select_from(QualityCheck)
        .join(Ticket, (Ticket.city_id == QualityCheck.city_id) & (Ticket.id == QualityCheck.ticket_id))
        .where(
            QualityCheck.city_id == uow.city_id,
            QualityCheck.passed.is_(False),
            QualityCheck.checked_at <= at,
            Ticket.lead_id == condition.addressee_id,
        )
    )
    return Condition(condition.trigger, condition.addressee_id, await uow.session.scalar(failed) or 1)


async def _raise(uow: UnitOfWork, ticket: Ticket, condition: Condition, cause: uuid.UUID) -> bool:
    """Raise the notice of a condition whose times are full, unless the scheme leaves it to people, or `cause` has
    raised it before."""
    scheme = await scheme_of(uow, ticket)
    level = level_of(scheme, _LEVELS[condition.trigger])
    times = next((trigger.times for trigger in level.triggers if trigger.kind is condition.trigger), None)
    addressee = uow.tree.by_id(condition.addressee_id)
    if times is None or not level.automatic or addressee is None or not goes_off(condition, times):
        return False
    made = await raise_notice(
        uow,
        scheme,
        ticket.scheme_version,
        level,
        ticket=await lock_ticket(uow, ticket.id),
        addressee=addressee,
        trigger=condition.trigger,
        times=condition.times,
        cause=f"{condition.trigger.value}:{cause}",
    )
    return made is not None
