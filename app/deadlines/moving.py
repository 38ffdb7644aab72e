"""Working out anew what is due when, once the state's holidays were published: what slices that keep dates share.

Whatever is due in working time says by which version of the calendar it was worked out, so that it is found by whoever
looks next: what a process that dies leaves, and what a verb wrote that began before the calendar was published. A batch
is one transaction under the locks of its rows, so that each moves once, and says so once, whatever runs at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from app.kernel.database import Database
from app.kernel.unit_of_work import UnitOfWork, Wakeable, unit_of_work
from app.kernel.workdays import StateCalendar
from app.worker import Context, Job, one_by_one
from tenants.tree import TenantNode, TenantTreeCache

BATCH = 200
"""Rows of one transaction, which their verbs wait for."""
EVERY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Moved:
    """What is due at another time than before. `what` names it to the operator, who is told nothing that it says."""

    what: str
    kind: str
    before: datetime
    after: datetime


Step = Callable[[UnitOfWork], Awaitable[tuple[int, list[Moved]]]]
"""Works a batch out anew; how many were looked at (none: it is done), and which moved."""


def outdated(version: Any, provisional: Any, due_at: Any, calendar: StateCalendar) -> ColumnElement[bool]:
    """What was worked out by an older calendar. What is provisional is looked at again too when its years were
    published with the program itself, without a version of the calendar; a day less, for all time zones."""
    published_until = datetime(calendar.first_unpublished, 1, 1, tzinfo=UTC) - timedelta(days=1)
    return or_(version < calendar.version, and_(provisional, due_at < published_until))


async def move_batch(
    database: Database, trees: TenantTreeCache, sequencer: Wakeable, city_id: int, step: Step, *, now: datetime
) -> tuple[int, list[Moved]]:
    """One step in a city, in a transaction of its own."""
    opened = unit_of_work(
        database, city_id=city_id, user_id=None, grants_version=None, now=now, sequencer=sequencer, trees=trees
    )
    async with opened as uow:
        return await step(uow)


def moving(name: str, step: Step) -> Job:
    """The job that takes a step in every city, time and again."""

    async def turn(context: Context) -> int:
        now = context.clock.now()

        async def move(city: TenantNode) -> int:
            batch = await move_batch(context.database, context.trees, context.sequencer, city.id, step, now=now)
            return batch[0]

        return await one_by_one((await context.tree()).cities, move)

    return Job(name, EVERY, turn)


def utc_text(moment: datetime) -> str:
    """A moment as events tell it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
