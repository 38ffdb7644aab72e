"""The responsible unit has done a step of its plan."""

from __future__ import annotations

import uuid

from app.kernel.errors import InvalidInput
from app.kernel.texts import clean_optional_text
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.access import access_task
from app.rectification.events import advance
from app.rectification.lifecycle import RectificationAction
from app.rectification.models import RectificationMilestone, RectificationTask
from app.rectification.texts import TEXT
from authz.actor import Actor


async def complete_milestone(
    uow: UnitOfWork,
    actor: Actor,
    task_id: uuid.UUID,
    *,
    place: int,
    note: str | None = None,
    expected_version: int | None = None,
) -> RectificationTask:
    """The milestone at that place is done. Refusals as in `access_task`, and `InvalidInput`: `place`
    `unknown_milestone`, `already_done`, and for the note."""
    task, co_operators, _ = await access_task(
        uow, actor, task_id, RectificationAction.MILESTONE_COMPLETE, expected_version=expected_version
    )
    milestone = None
    if 1 <= place < 2**31:
        milestone = await uow.session.get(RectificationMilestone, (uow.city_id, task.id, place))
    if milestone is None:
        raise InvalidInput("place", "unknown_milestone")
    if milestone.done_at is not None:
        raise InvalidInput("place", "already_done")
    milestone.done_at = uow.now
    milestone.note = clean_optional_text("note", note, at_most=TEXT)
    advance(
        uow,
        actor,
        task,
        RectificationAction.MILESTONE_COMPLETE,
        co_operators=co_operators,
        note=milestone.note,
        milestone=milestone.title,
    )
    return task
