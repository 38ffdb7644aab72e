"""Working out anew when tasks are due, and how long they are looked back at, once the state's holidays were published.

What somebody gave as a date stays: only working days from a moment on move.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, or_, select

from app.deadlines.moving import BATCH, Moved, outdated
from app.deadlines.rules import Due, calendar_of
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.dates import due_after, local_day
from app.rectification.events import record_moved
from app.rectification.models import RectificationTask
from tenants.schemes.model import Scheme
from tenants.schemes.store import scheme_at
from tenants.schemes.words import RectificationSource

T = RectificationTask


async def move_tasks(uow: UnitOfWork) -> tuple[int, list[Moved]]:
    """The `Step` of tasks that are not struck off, and of those that are still looked back at."""
    state = uow.tree.calendar
    waiting = and_(
        T.city_id == uow.city_id,
        or_(
            and_(T.closed_at.is_(None), outdated(T.calendar_version, T.provisional, T.due_at, state)),
            and_(T.look_back_until > uow.now, outdated(T.calendar_version, T.provisional, T.look_back_until, state)),
        ),
    )
    found = (await uow.session.scalars(select(T.id).where(waiting).order_by(T.id).limit(BATCH))).all()
    tasks = await uow.session.scalars(
        select(T).where(waiting, T.id.in_(found)).order_by(T.id).with_for_update(key_share=True)
    )
    moved = []
    for task in tasks.all():
        scheme = await scheme_at(uow.session, uow.city_id, task.scheme_version)
        before = task.look_back_until or task.due_at
        after = _worked_out(uow, task, scheme)
        task.provisional, task.calendar_version = after.provisional, state.version
        if after.at != before:
            _move(uow, task, before, after.at)
            moved.append(_told(uow, task, scheme, before, after.at))
    return len(found), moved


def _worked_out(uow: UnitOfWork, task: T, scheme: Scheme) -> Due:
    calendar, rules = calendar_of(scheme.calendar, uow.tree.calendar), scheme.supervision.rectification
    if task.closed_at is not None:
        return due_after(calendar, rules.look_back_days, task.closed_at)
    if task.due_from is None:
        return Due(task.due_at, provisional=False)
    return due_after(calendar, rules.days[RectificationSource(task.source)], task.due_from)


def _move(uow: UnitOfWork, task: T, before: datetime, after: datetime) -> None:
    if task.look_back_until is None:
        task.due_at = after
        if after >= uow.now:  # else it is late by both, and was told so
            task.overdue_at = None
    else:
        task.look_back_until = after
    record_moved(uow, task, before, after)


def _told(uow: UnitOfWork, task: T, scheme: Scheme, before: datetime, after: datetime) -> Moved:
    lead = uow.tree.by_id(task.lead_id)
    assert lead is not None, "a tenant is never deleted"
    issued = local_day(calendar_of(scheme.calendar, uow.tree.calendar), task.issued_at)
    kind = "RECTIFICATION" if task.look_back_until is None else "LOOK_BACK"
    return Moved(f"{lead.path} ({issued:%Y-%m-%d})", kind, before, after)
