"""The office does not accept what was handed in."""

from __future__ import annotations

import uuid
from datetime import date

from app.kernel.texts import clean_text
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.access import access_task
from app.rectification.due import set_due
from app.rectification.events import advance
from app.rectification.lifecycle import RectificationAction
from app.rectification.models import RectificationTask
from app.rectification.texts import TEXT
from authz.actor import Actor


async def reject(
    uow: UnitOfWork,
    actor: Actor,
    task_id: uuid.UUID,
    *,
    reason: str,
    due_on: date | None = None,
    expected_version: int | None = None,
) -> RectificationTask:
    """Not put right: once more, by the date that stood unless another is given. Refusals as in `access_task`;
    `InvalidInput` for the reason, and `dueOn` `not_after`."""
    task, co_operators, scheme = await access_task(
        uow, actor, task_id, RectificationAction.REJECT, expected_version=expected_version
    )
    reason = clean_text("reason", reason, at_most=TEXT)
    if due_on is not None:
        set_due(uow, task, scheme, due_on)
    advance(
        uow,
        actor,
        task,
        RectificationAction.REJECT,
        co_operators=co_operators,
        note=reason,
        dueAt=task.due_at.isoformat(),
    )
    return task
