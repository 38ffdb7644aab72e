"""What a verb leaves behind: the task's new state and the event that tells of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from app.deadlines.moving import utc_text
from app.kernel.events import Author
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.lifecycle import PERMISSIONS, RUNNING, TRANSITIONS, RectificationAction
from app.rectification.models import RectificationTask
from app.rectification.words import RectificationEventType, RectificationStatus
from app.supervision.notifying import notify
from app.supervision.words import NotificationKind
from authz.actor import Actor, ActorGrant
from authz.permissions import Permission

TOPIC = "rectification"
A = RectificationAction
E = RectificationEventType

EVENT_TYPES: Mapping[RectificationAction, RectificationEventType] = MappingProxyType(
    {
        A.PLAN: E.PLANNED,
        A.PROGRESS: E.PROGRESSED,
        A.MILESTONE_COMPLETE: E.MILESTONE_COMPLETED,
        A.SUBMIT: E.SUBMITTED,
        A.ACCEPT: E.ACCEPTED,
        A.REJECT: E.REJECTED,
        A.CLOSE: E.CLOSED,
        A.REOPEN: E.REOPENED,
    }
)

TOLD: Mapping[RectificationAction, NotificationKind] = MappingProxyType(
    {A.REJECT: NotificationKind.TASK_REJECTED, A.REOPEN: NotificationKind.TASK_REOPENED}
)
"""After which steps those who work on it have something to do again."""


def advance(
    uow: UnitOfWork,
    actor: Actor,
    task: RectificationTask,
    action: RectificationAction,
    *,
    co_operators: Sequence[int] = (),
    note: str | None = None,
    **data: Any,
) -> None:
    """Take the step that `access_task` has allowed: state and version of the task, and its event with what was said.
    `data` has camelCase keys."""
    before = RectificationStatus(task.status)
    after = TRANSITIONS[before, action]
    task.status = after.value
    task.running = after in RUNNING
    task.version += 1
    uow.record(
        task,
        EVENT_TYPES[action],
        topic=TOPIC,
        author=author_of(actor, PERMISSIONS[action], task, co_operators),
        visibility="INTERNAL",  # the ledger is the offices' own
        fromStatus=before.value,
        toStatus=after.value,
        round=task.round,
        note=note,
        **data,
    )
    if action in TOLD:
        _tell(uow, task, TOLD[action], co_operators)


def record_issue(uow: UnitOfWork, author: Author, task: RectificationTask, co_operators: Sequence[int] = ()) -> None:
    """The first event of a task that was just made, by a person or by itself."""
    uow.record(
        task,
        E.ISSUED,
        topic=TOPIC,
        author=author,
        visibility="INTERNAL",
        new=True,
        toStatus=task.status,
        round=task.round,
        lead=task.lead_id,
        coOperators=list(co_operators),
        dueAt=task.due_at.isoformat(),
    )
    _tell(uow, task, NotificationKind.TASK_ISSUED, co_operators)


def _tell(uow: UnitOfWork, task: RectificationTask, kind: NotificationKind, co_operators: Sequence[int]) -> None:
    """Those who work on it: the responsible unit, and those that help it and report each month too."""
    for tenant_id in (task.lead_id, *co_operators):
        notify(uow, tenant_id, kind, task_id=task.id)


def record_overdue(uow: UnitOfWork, task: RectificationTask) -> None:
    """The system's own word, once for each date that is missed; the version stays, and nobody's verb is refused."""
    task.overdue_at = uow.now
    uow.record(
        task,
        E.OVERDUE,
        topic=TOPIC,
        author=Author(),
        visibility="INTERNAL",
        round=task.round,
        dueAt=task.due_at.isoformat(),
    )
    notify(uow, task.lead_id, NotificationKind.TASK_OVERDUE, task_id=task.id)


def record_moved(uow: UnitOfWork, task: RectificationTask, before: datetime, after: datetime) -> None:
    """That its date, or of one that is struck off the end of looking back, is another; the version stays."""
    uow.record(
        task,
        E.MOVED,
        topic=TOPIC,
        author=Author(),
        visibility="INTERNAL",
        round=task.round,
        dueAt=utc_text(after),
        previousDueAt=utc_text(before),
    )
    notify(uow, task.lead_id, NotificationKind.TASK_MOVED, task_id=task.id)


def author_of(actor: Actor, permission: Permission, task: RectificationTask, co_operators: Sequence[int]) -> Author:
    """In which of their roles the actor does it: one that has the permission, the nearest to the task first."""
    near = (task.lead_id, *co_operators, task.lead_county_id, task.city_id)

    def distance(grant: ActorGrant) -> int:
        return near.index(grant.tenant_id) if grant.tenant_id in near else len(near)

    by_role = actor.policy.get(permission, {})
    grants = [grant for grant in actor.grants if grant.city_id == task.city_id and grant.role in by_role]
    nearest = min(grants, key=distance)
    return Author(actor.user_id, nearest.tenant_id, nearest.role.value)
