"""Fetch and authorise an entry of the ledger in one call, and tell what was done to it."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from app.kernel.errors import Conflict, NotFound, NotResponsible
from app.kernel.events import Author
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.models import QualityEntry
from app.tickets.quality.entering import TOPIC
from app.tickets.quality.lifecycle import TRANSITIONS, QualityAction, next_status, required_permission
from app.tickets.quality.queries import entry_visible_to, entry_within_reach
from app.tickets.words import QualityEventType, QualityStatus
from authz.actor import Actor
from authz.permissions import Permission

EVENT_TYPES = {
    QualityAction.CLOSE: QualityEventType.CLOSED,
    QualityAction.HAND_OVER: QualityEventType.HANDED_OVER,
}
_USED = (Permission.TICKET_QUALITY_CHECK, Permission.TICKET_QUALITY_KEEP)


async def access_entry(
    uow: UnitOfWork, actor: Actor, entry_id: uuid.UUID, action: QualityAction, *, expected_version: int | None
) -> QualityEntry:
    """The entry, locked until the end of the transaction, on which this actor may do this step now.

    Refuses in this order: `NotFound` when it is missing or not theirs to see; `NotResponsible` when the step belongs to
    somebody else; `Conflict` when it moved on from `expected_version`; `IllegalTransition` when its state has no such
    step.
    """
    scope = actor.in_city(uow.city_id)
    row = (
        await uow.session.execute(
            select(QualityEntry, *(entry_within_reach(scope, each).label(each.name) for each in _USED))
            .where(QualityEntry.city_id == uow.city_id, QualityEntry.id == entry_id, entry_visible_to(scope))
            .with_for_update(of=QualityEntry, key_share=True)
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    if row is None:
        raise NotFound(kind="QualityEntry")
    entry: QualityEntry = row[0]
    status = QualityStatus(entry.status)
    # Of what has no such step any more, whoever could have taken it before is told so.
    states = (status,) if (status, action) in TRANSITIONS else (each for each, step in TRANSITIONS if step is action)
    if not any(row._mapping[required_permission(each, action).name] for each in states):
        raise NotResponsible(action=action)
    if expected_version is not None and expected_version != entry.version:
        raise Conflict(expected_version=expected_version, current_version=entry.version)
    next_status(status, action)
    return entry


def advance(uow: UnitOfWork, actor: Actor, entry: QualityEntry, action: QualityAction, note: str | None) -> None:
    """Take the step that `access_entry` has allowed: state and version of the entry, and its event."""
    before = QualityStatus(entry.status)
    entry.status = next_status(before, action).value
    entry.version += 1
    uow.record(
        entry,
        EVENT_TYPES[action],
        topic=TOPIC,
        author=_author_of(actor, required_permission(before, action), entry),
        visibility="INTERNAL",
        fromStatus=before.value,
        toStatus=entry.status,
        note=note,
        ticket=str(entry.ticket_id),
        keeper=entry.tenant_id,
    )


def _author_of(actor: Actor, permission: Permission, entry: QualityEntry) -> Author:
    """In which of their roles the actor does it: one that has the permission, the nearest to the ledger first."""
    by_role = actor.policy.get(permission, {})
    grants = [grant for grant in actor.grants if grant.city_id == entry.city_id and grant.role in by_role]
    near = (entry.tenant_id, entry.city_id)
    nearest = min(grants, key=lambda held: near.index(held.tenant_id) if held.tenant_id in near else len(near))
    return Author(actor.user_id, nearest.tenant_id, nearest.role.value)
