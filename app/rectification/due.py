"""The date of a task: the one that is given, or the scheme's working days of its source."""

from __future__ import annotations

from datetime import date
from typing import Final

from app.deadlines.rules import Due, calendar_of
from app.kernel.errors import InvalidInput
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.dates import due_after, due_on, local_day
from app.rectification.models import RectificationTask
from tenants.schemes.model import Scheme
from tenants.schemes.words import RectificationSource

FARTHEST: Final = 10
"""Years ahead: what is due later is a slip of the pen, and has no calendar."""


def due_of(uow: UnitOfWork, scheme: Scheme, source: RectificationSource, day: date | None) -> Due:
    """When it is due from now; a date that somebody gave is never provisional, for no calendar moves it. Raises
    `InvalidInput` on `dueOn`: `not_after` for a day that is over, `too_far`."""
    calendar = calendar_of(scheme.calendar, uow.tree.calendar)
    if day is None:
        return due_after(calendar, scheme.supervision.rectification.days[source], uow.now)
    today = local_day(calendar, uow.now)
    if day < today:
        raise InvalidInput("dueOn", "not_after")
    if day.year > today.year + FARTHEST:
        raise InvalidInput("dueOn", "too_far", limit=FARTHEST)
    due = due_on(calendar, day)
    if due.at <= uow.now:  # today, after office hours
        raise InvalidInput("dueOn", "not_after")
    return due._replace(provisional=False)


def set_due(uow: UnitOfWork, task: RectificationTask, scheme: Scheme, day: date | None) -> None:
    """Give a task a new date; what was told of the old one is over. Raises as `due_of`."""
    task.due_at, task.provisional = due_of(uow, scheme, RectificationSource(task.source), day)
    task.due_from = uow.now if day is None else None
    task.calendar_version = uow.tree.calendar.version
    task.overdue_at = None
