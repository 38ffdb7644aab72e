"""The responsible unit says how it will put it right."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import delete, func, select

from app.deadlines.rules import calendar_of
from app.kernel.errors import InvalidInput
from app.kernel.texts import clean_optional_text, clean_text
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.access import access_task
from app.rectification.dates import local_day
from app.rectification.events import advance
from app.rectification.lifecycle import RectificationAction
from app.rectification.models import MILESTONES, RectificationMilestone, RectificationTask
from app.rectification.texts import MOST_MILESTONES, NAME, TEXT, TITLE
from authz.actor import Actor


@dataclass(frozen=True, slots=True)
class MilestoneDraft:
    """A step of the plan and the day by which it is done."""

    title: str
    due_on: date


async def plan(
    uow: UnitOfWork,
    actor: Actor,
    task_id: uuid.UUID,
    *,
    measures: str,
    cause: str | None = None,
    goal: str | None = None,
    responsible_person: str | None = None,
    milestones: Sequence[MilestoneDraft] = (),
    expected_version: int | None = None,
) -> RectificationTask:
    """Cause, goal, measures and milestones (整改方案): those not done before are replaced by these, what is left out of
    the texts stays. Refusals as in `access_task`, and `InvalidInput` for the texts, on `milestones` `too_many` and on
    `milestones.<index>.dueOn` `out_of_order` (before the one before it, or a day that is over) or `after_due`."""
    task, co_operators, scheme = await access_task(
        uow, actor, task_id, RectificationAction.PLAN, expected_version=expected_version
    )
    calendar = calendar_of(scheme.calendar, uow.tree.calendar)
    task.measures = clean_text("measures", measures, at_most=TEXT)
    task.cause = clean_optional_text("cause", cause, at_most=TEXT) or task.cause
    task.goal = clean_optional_text("goal", goal, at_most=TEXT) or task.goal
    task.responsible_person = (
        clean_optional_text("responsiblePerson", responsible_person, at_most=NAME) or task.responsible_person
    )
    if len(milestones) > MOST_MILESTONES:
        raise InvalidInput("milestones", "too_many", limit=MOST_MILESTONES)
    earliest, latest = (local_day(calendar, moment) for moment in (uow.now, max(task.due_at, uow.now)))
    of_it = (MILESTONES.c.city_id == uow.city_id, MILESTONES.c.task_id == task.id)
    await uow.session.execute(delete(MILESTONES).where(*of_it, MILESTONES.c.done_at.is_(None)))
    done = await uow.session.scalar(select(func.coalesce(func.max(MILESTONES.c.place), 0)).where(*of_it)) or 0
    for index, each in enumerate(milestones):
        if each.due_on < earliest:
            raise InvalidInput(f"milestones.{index}.dueOn", "out_of_order")
        if each.due_on > latest:
            raise InvalidInput(f"milestones.{index}.dueOn", "after_due")
        earliest = each.due_on
        uow.session.add(
            RectificationMilestone(
                city_id=uow.city_id,
                task_id=task.id,
                place=done + 1 + index,
                title=clean_text(f"milestones.{index}.title", each.title, at_most=TITLE),
                due_on=each.due_on,
            )
        )
    advance(uow, actor, task, RectificationAction.PLAN, co_operators=co_operators, note=task.measures, cause=task.cause)
    return task
