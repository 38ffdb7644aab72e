"""Whoever works on a task reports how far it is."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date

from sqlalchemy import select

from app.deadlines.rules import calendar_of
from app.kernel.errors import InvalidInput
from app.kernel.texts import clean_text
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.access import access_task
from app.rectification.dates import lags_from, local_day
from app.rectification.events import advance
from app.rectification.lifecycle import PERMISSIONS, RectificationAction
from app.rectification.models import PROGRESS, RectificationProgress, RectificationTask
from app.rectification.texts import TEXT
from authz.actor import Actor


async def report_progress(
    uow: UnitOfWork,
    actor: Actor,
    task_id: uuid.UUID,
    *,
    month: date,
    text: str,
    percent: int,
    expected_version: int | None = None,
) -> RectificationTask:
    """The progress of a month, any day of which names it: once for the responsible tenant and once for each that helps
    it. The task's `percent` is the responsible tenant's.

    Refusals as in `access_task`, and `InvalidInput`: `text`; `percent` `too_few`, `too_many`; `month` `in_future`,
    `out_of_order` (before the task was issued), `month_reported`.
    """
    task, co_operators, scheme = await access_task(
        uow, actor, task_id, RectificationAction.PROGRESS, expected_version=expected_version
    )
    calendar = calendar_of(scheme.calendar, uow.tree.calendar)
    text = clean_text("text", text, at_most=TEXT)
    if percent < 0:
        raise InvalidInput("percent", "too_few", limit=0)
    if percent > 100:
        raise InvalidInput("percent", "too_many", limit=100)
    month = month.replace(day=1)
    if month > local_day(calendar, uow.now):
        raise InvalidInput("month", "in_future")
    if month < local_day(calendar, task.issued_at).replace(day=1):
        raise InvalidInput("month", "out_of_order")
    tenant_id = await _reporter(uow, actor, task, co_operators, month)
    uow.session.add(
        RectificationProgress(
            city_id=uow.city_id,
            task_id=task.id,
            month=month,
            tenant_id=tenant_id,
            text=text,
            percent=percent,
            reported_at=uow.now,
        )
    )
    if tenant_id == task.lead_id:
        every = scheme.supervision.rectification.progress_every
        lags = lags_from(calendar, every, month)
        if lags >= task.progress_due_at:  # what is handed in late does not take the place of a later month
            task.progress_due_at = lags
            task.percent = percent
    advance(
        uow,
        actor,
        task,
        RectificationAction.PROGRESS,
        co_operators=co_operators,
        note=text,
        month=month.isoformat(),
        percent=percent,
        department=tenant_id,
    )
    return task


async def _reporter(
    uow: UnitOfWork, actor: Actor, task: RectificationTask, co_operators: Sequence[int], month: date
) -> int:
    """For which tenant the actor reports: the responsible one or else the first that helps, of those of theirs that
    have not reported the month."""
    reach = actor.reach(PERMISSIONS[RectificationAction.PROGRESS], uow.city_id)
    theirs = [each for each in (task.lead_id, *co_operators) if each in (*reach.tenants, *reach.leads)]
    reported = set(
        await uow.session.scalars(
            select(PROGRESS.c.tenant_id).where(
                PROGRESS.c.city_id == uow.city_id, PROGRESS.c.task_id == task.id, PROGRESS.c.month == month
            )
        )
    )
    for tenant_id in theirs:
        if tenant_id not in reported:
            return tenant_id
    raise InvalidInput("month", "month_reported")
