"""Fetch and authorise a rectification task in one call: what every verb on one begins with."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select

from app.kernel.errors import Conflict, NotFound, NotResponsible
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.lifecycle import PERMISSIONS, Facts, RectificationAction, next_status
from app.rectification.models import CO_OPERATORS, TASKS, RectificationTask
from app.rectification.queries import has_open_milestones, visible_to, within_reach
from app.rectification.words import RectificationStatus
from authz.actor import Actor
from tenants.schemes.model import Scheme
from tenants.schemes.store import scheme_at


class Accessed(NamedTuple):
    """A task, locked until the end of the transaction, with what its verb needs to know beside it."""

    task: RectificationTask
    co_operators: Sequence[int]
    scheme: Scheme


async def access_task(
    uow: UnitOfWork,
    actor: Actor,
    task_id: uuid.UUID,
    action: RectificationAction,
    *,
    expected_version: int | None = None,
) -> Accessed:
    """The task on which this actor may do this step now.

    Refuses in this order: `NotFound` when it is missing or not theirs to see; `NotResponsible` when the step belongs to
    somebody else; `Conflict` when it moved on from `expected_version`; `IllegalTransition` when its state has no such
    step.
    """
    scope = actor.in_city(uow.city_id)
    row = (
        await uow.session.execute(
            select(RectificationTask, within_reach(scope, PERMISSIONS[action]).label("responsible"))
            .where(RectificationTask.city_id == uow.city_id, RectificationTask.id == task_id, visible_to(scope))
            # Verbs on one task take turns, which is also what keeps its events in order.
            .with_for_update(of=RectificationTask, key_share=True)
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    if row is None:
        raise NotFound(kind="RectificationTask")
    task: RectificationTask = row[0]
    if not row.responsible:
        raise NotResponsible(action=action)
    if expected_version is not None and expected_version != task.version:
        raise Conflict(expected_version=expected_version, current_version=task.version)
    # Asked under the lock: what the task was waited for may have changed these.
    co_operators = await uow.session.scalars(
        select(CO_OPERATORS.c.tenant_id)
        .where(CO_OPERATORS.c.city_id == uow.city_id, CO_OPERATORS.c.task_id == task.id)
        .order_by(CO_OPERATORS.c.tenant_id)
    )
    milestones_open = await uow.session.scalar(
        select(TASKS.c.id).where(TASKS.c.city_id == uow.city_id, TASKS.c.id == task.id, has_open_milestones())
    )
    next_status(facts_of(task, milestones_open=milestones_open is not None, uow=uow), action)
    scheme = await scheme_at(uow.session, uow.city_id, task.scheme_version)
    return Accessed(task, list(co_operators), scheme)


def facts_of(task: RectificationTask, *, milestones_open: bool, uow: UnitOfWork) -> Facts:
    """What of the row decides which steps it has now."""
    return Facts(
        status=RectificationStatus(task.status),
        planned=task.measures is not None,
        milestones_open=milestones_open,
        looked_back=task.look_back_until is not None and task.look_back_until < uow.now,
    )
