"""The office strikes a task off the ledger."""

from __future__ import annotations

import uuid

from app.deadlines.rules import calendar_of
from app.kernel.texts import clean_optional_text
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.access import access_task
from app.rectification.dates import due_after
from app.rectification.events import advance
from app.rectification.lifecycle import RectificationAction
from app.rectification.models import RectificationTask
from app.rectification.texts import TEXT
from authz.actor import Actor


async def close(
    uow: UnitOfWork, actor: Actor, task_id: uuid.UUID, *, note: str | None = None, expected_version: int | None = None
) -> RectificationTask:
    """Struck off (销号). It is looked back at for the scheme's working days. Refusals as in `access_task`;
    `InvalidInput` for the note."""
    task, co_operators, scheme = await access_task(
        uow, actor, task_id, RectificationAction.CLOSE, expected_version=expected_version
    )
    calendar = calendar_of(scheme.calendar, uow.tree.calendar)
    note = clean_optional_text("note", note, at_most=TEXT)
    task.closed_at = uow.now
    looked_back = due_after(calendar, scheme.supervision.rectification.look_back_days, uow.now)
    task.look_back_until, task.provisional = looked_back
    task.calendar_version = uow.tree.calendar.version
    advance(uow, actor, task, RectificationAction.CLOSE, co_operators=co_operators, note=note)
    return task
