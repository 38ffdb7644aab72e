"""The job that tells of tasks past their date, each once for every date it misses."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select

from app.rectification.events import record_overdue
from app.rectification.models import TASKS, RectificationTask
from app.worker import Context, Job, one_by_one

PER_TURN = 200
"""Tasks of one city that are told of in one transaction."""


async def tell_overdue(context: Context) -> int:
    """One turn: how many tasks it told of."""
    now = context.clock.now()
    tree = await context.tree()
    async with context.database.session(cities=tree.space_ids, user_id=None) as session:
        waiting = select(TASKS.c.city_id).where(*_untold(now)).distinct()
        city_ids = sorted(await session.scalars(waiting))
    return await one_by_one(city_ids, lambda city_id: _tell(context, city_id, now))


async def _tell(context: Context, city_id: int, now: datetime) -> int:
    async with context.unit(city_id, now=now) as uow:
        # What another process tells of just now, or a verb is changing, is left to it; the next turn looks again.
        tasks = await uow.session.scalars(
            select(RectificationTask)
            .where(RectificationTask.city_id == city_id, *_untold(now))
            .order_by(RectificationTask.due_at, RectificationTask.id)
            .limit(PER_TURN)
            .with_for_update(skip_locked=True, key_share=True)
        )
        told = 0
        for task in tasks:
            record_overdue(uow, task)
            told += 1
        return told


def _untold(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (TASKS.c.running, TASKS.c.overdue_at.is_(None), TASKS.c.due_at < now)


OVERDUE = Job("rectification overdue", timedelta(minutes=1), tell_overdue)
