"""The responsible unit hands in what it has put right."""

from __future__ import annotations

import uuid

from app.kernel.texts import clean_text
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.access import access_task
from app.rectification.events import advance
from app.rectification.lifecycle import RectificationAction
from app.rectification.models import RectificationTask
from app.rectification.texts import TEXT
from authz.actor import Actor


async def submit(
    uow: UnitOfWork, actor: Actor, task_id: uuid.UUID, *, result: str, expected_version: int | None = None
) -> RectificationTask:
    """Put right, for whoever issued it to judge. Refusals as in `access_task`; `InvalidInput` for the result."""
    task, co_operators, _ = await access_task(
        uow, actor, task_id, RectificationAction.SUBMIT, expected_version=expected_version
    )
    task.result = clean_text("result", result, at_most=TEXT)
    task.submitted_at = uow.now
    task.percent = 100
    advance(uow, actor, task, RectificationAction.SUBMIT, co_operators=co_operators, note=task.result)
    return task
