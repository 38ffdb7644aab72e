"""The office looks back, and the result does not hold."""

from __future__ import annotations

import uuid
from datetime import date

from app.deadlines.rules import calendar_of
from app.kernel.texts import clean_text
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.access import access_task
from app.rectification.dates import lags_from, local_day
from app.rectification.due import set_due
from app.rectification.events import advance
from app.rectification.lifecycle import RectificationAction
from app.rectification.models import RectificationTask
from app.rectification.texts import TEXT
from authz.actor import Actor


async def reopen(
    uow: UnitOfWork,
    actor: Actor,
    task_id: uuid.UUID,
    *,
    reason: str,
    due_on: date | None = None,
    expected_version: int | None = None,
) -> RectificationTask:
    """Another round (回头看), by the given date, or in the working days of its source from now. Refusals as in
    `access_task`; `InvalidInput` for the reason, and `dueOn` `not_after`."""
    task, co_operators, scheme = await access_task(
        uow, actor, task_id, RectificationAction.REOPEN, expected_version=expected_version
    )
    calendar = calendar_of(scheme.calendar, uow.tree.calendar)
    reason = clean_text("reason", reason, at_most=TEXT)
    set_due(uow, task, scheme, due_on)
    task.round += 1
    task.percent = 0
    task.submitted_at = task.accepted_at = task.closed_at = task.look_back_until = task.result = None
    today = local_day(calendar, uow.now)
    task.progress_due_at = lags_from(calendar, scheme.supervision.rectification.progress_every, today)
    advance(
        uow,
        actor,
        task,
        RectificationAction.REOPEN,
        co_operators=co_operators,
        note=reason,
        dueAt=task.due_at.isoformat(),
    )
    return task
