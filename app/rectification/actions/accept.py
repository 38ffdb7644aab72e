"""The office accepts what was put right."""

from __future__ import annotations

import uuid

from app.kernel.texts import clean_optional_text
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.access import access_task
from app.rectification.events import advance
from app.rectification.lifecycle import RectificationAction
from app.rectification.models import RectificationTask
from app.rectification.texts import TEXT
from authz.actor import Actor


async def accept(
    uow: UnitOfWork, actor: Actor, task_id: uuid.UUID, *, note: str | None = None, expected_version: int | None = None
) -> RectificationTask:
    """Checked and found put right (验收通过). Refusals as in `access_task`; `InvalidInput` for the note."""
    task, co_operators, _ = await access_task(
        uow, actor, task_id, RectificationAction.ACCEPT, expected_version=expected_version
    )
    note = clean_optional_text("note", note, at_most=TEXT)
    task.accepted_at = uow.now
    advance(uow, actor, task, RectificationAction.ACCEPT, co_operators=co_operators, note=note)
    return task
