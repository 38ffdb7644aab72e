"""Fetch and authorise an entry in one call, and tell what was done to it: what every verb begins and ends with."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.integrity.lifecycle import PERMISSIONS, Facts, check_step
from app.integrity.models import IntegrityEntry
from app.integrity.queries import visible_to, within_reach
from app.integrity.words import IntegrityAction, IntegrityEventType, IntegrityStatus
from app.kernel.errors import Conflict, InvalidInput, NotFound, NotResponsible
from app.kernel.events import Author
from app.kernel.unit_of_work import UnitOfWork
from app.supervision.notifying import notify
from app.supervision.words import NotificationKind
from authz.actor import Actor
from authz.permissions import Permission
from tenants.schemes.calendar import Calendar

TOPIC = "integrity"
"""Of the events of the ledger."""
NOTIFICATIONS: Mapping[IntegrityEventType, NotificationKind] = MappingProxyType(
    {
        IntegrityEventType.OPENED: NotificationKind.ENTRY_OPENED,
        IntegrityEventType.CONFIRMED: NotificationKind.ENTRY_CONFIRMED,
        IntegrityEventType.DISMISSED: NotificationKind.ENTRY_DISMISSED,
        IntegrityEventType.CLEARED: NotificationKind.ENTRY_CLEARED,
        IntegrityEventType.INSTALMENT_RECORDED: NotificationKind.INSTALMENT_RECORDED,
        IntegrityEventType.INSTALMENT_REVERSED: NotificationKind.INSTALMENT_REVERSED,
    }
)


async def access_entry(
    uow: UnitOfWork, actor: Actor, entry_id: uuid.UUID, action: IntegrityAction, *, expected_version: int | None
) -> IntegrityEntry:
    """The entry, locked until the end of the transaction, on which this actor may do this step now.

    Refuses in this order: `NotFound` when it is missing or not theirs to see; `NotResponsible` when the step belongs to
    somebody else; `Conflict` when it moved on from `expected_version`; `IllegalTransition` when it has no such step.
    """
    scope = actor.in_city(uow.city_id)
    row = (
        await uow.session.execute(
            select(IntegrityEntry, within_reach(scope, PERMISSIONS[action]).label("responsible"))
            .where(IntegrityEntry.city_id == uow.city_id, IntegrityEntry.id == entry_id, visible_to(scope))
            # Verbs on one entry take turns: no two instalments are held against the same remainder.
            .with_for_update(of=IntegrityEntry, key_share=True)
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    if row is None:
        raise NotFound(kind="IntegrityEntry")
    entry: IntegrityEntry = row[0]
    if not row.responsible:
        raise NotResponsible(action=action)
    if expected_version is not None and expected_version != entry.version:
        raise Conflict(expected_version=expected_version, current_version=entry.version)
    check_step(facts_of(entry), action)
    return entry


def facts_of(entry: IntegrityEntry) -> Facts:
    """What of the row decides which steps it has."""
    return Facts(IntegrityStatus(entry.status), money=entry.amount is not None, paid=entry.cleared > 0)


def advance(
    uow: UnitOfWork,
    actor: Actor,
    entry: IntegrityEntry,
    action: IntegrityAction,
    to: IntegrityStatus,
    kind: IntegrityEventType,
    *,
    note: str | None = None,
    amount: Decimal | None = None,
    instalment: uuid.UUID | None = None,
) -> None:
    """Take the step: state, times and version of the entry, and the event that tells of it."""
    before = entry.status
    entry.status = to.value
    entry.version += 1
    if to is IntegrityStatus.CONFIRMED:
        entry.confirmed_at = entry.confirmed_at or uow.now
        entry.closed_at = None
    else:
        entry.closed_at = uow.now
    uow.record(
        entry,
        kind,
        topic=TOPIC,
        author=author_of(actor, PERMISSIONS[action], entry),
        fromStatus=before,
        toStatus=entry.status,
        note=note,
        amount=None if amount is None else str(amount),
        instalment=None if instalment is None else str(instalment),
    )
    tell(uow, entry, kind)


def tell(uow: UnitOfWork, entry: IntegrityEntry, kind: IntegrityEventType) -> None:
    """Tell the debtor what is said of it, and whoever keeps the ledger there what the debtor says it paid."""
    told, of = NOTIFICATIONS[kind], entry.debtor_id
    if told is NotificationKind.INSTALMENT_RECORDED:
        of = entry.city_id if entry.county_id in (None, entry.debtor_id) else entry.county_id
    if of is not None:  # a blacklisted organisation is no tenant
        notify(uow, of, told, entry_id=entry.id)


def author_of(actor: Actor, permission: Permission, entry: IntegrityEntry) -> Author:
    """In which of their roles the actor does it: one that has the permission, the nearest to the debtor first."""
    by_role = actor.policy[permission]
    near = (entry.debtor_id, entry.county_id, entry.city_id)
    grants = [grant for grant in actor.grants if grant.city_id == entry.city_id and grant.role in by_role]
    nearest = min(grants, key=lambda held: near.index(held.tenant_id) if held.tenant_id in near else len(near))
    return Author(actor.user_id, nearest.tenant_id, nearest.role.value)


def local_day(calendar: Calendar, moment: datetime) -> date:
    """The city's day of a moment."""
    return moment.astimezone(ZoneInfo(calendar.time_zone)).date()


def check_day(field: str, value: date, *, today: date, earliest: date | None = None) -> date:
    """A day that has come. Raises `InvalidInput`: `in_future`; `out_of_order` before `earliest`."""
    if value > today:
        raise InvalidInput(field, "in_future")
    if earliest is not None and value < earliest:
        raise InvalidInput(field, "out_of_order")
    return value
