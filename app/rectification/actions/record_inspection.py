"""The office or supervision records an inspection, and what it found becomes tasks."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date

from app.deadlines.rules import calendar_of
from app.kernel.errors import InvalidInput
from app.kernel.tables import new_id
from app.kernel.texts import clean_optional_text, clean_text
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.actions.issue import Draft, Origin, make_many
from app.rectification.dates import local_day
from app.rectification.models import Inspection
from app.rectification.queries import may_give
from app.rectification.texts import TEXT, TITLE
from app.rectification.words import FindingSeverity, InspectionMode
from app.tickets.handlers import find_handling
from app.tickets.schemes import present_scheme
from authz.actor import Actor
from authz.permissions import Permission
from tenants.schemes.words import RectificationSource


async def record_inspection(
    uow: UnitOfWork,
    actor: Actor,
    *,
    tenant: str,
    day: date,
    mode: InspectionMode,
    inspectors: str,
    summary: str | None = None,
    findings: Sequence[tuple[Draft, FindingSeverity]] = (),
    inspection_id: uuid.UUID | None = None,
) -> Inspection:
    """An inspection (明察暗访) of a day of the city; each finding is issued as a task with it.

    Raises `InvalidInput`: `tenant` `unknown_tenant`, `not_handling`, `outside_reach`; `day` `in_future`; `inspectors`,
    `summary`; `findings` `too_many`, and as in `issue.make` on `findings.<index>.…`.
    """
    node = find_handling(uow, "tenant", tenant)
    if not may_give(actor.reach(Permission.RECTIFICATION_ISSUE, uow.city_id), node.id, node.county_id):
        raise InvalidInput("tenant", "outside_reach", tenant=tenant)
    _, scheme = await present_scheme(uow)
    if day > local_day(calendar_of(scheme.calendar, uow.tree.calendar), uow.now):
        raise InvalidInput("day", "in_future")
    inspection = Inspection(
        city_id=uow.city_id,
        id=inspection_id or new_id(),
        tenant_id=node.id,
        county_id=node.county_id,
        day=day,
        mode=mode.value,
        inspectors=clean_text("inspectors", inspectors, at_most=TITLE),
        summary=clean_optional_text("summary", summary, at_most=TEXT),
        recorded_at=uow.now,
        recorded_by=actor.user_id,
    )
    uow.session.add(inspection)
    await uow.session.flush()
    source = RectificationSource.INSPECTION
    await make_many(
        uow,
        actor,
        "findings",
        [(draft, Origin(source, inspection_id=inspection.id, severity=severity)) for draft, severity in findings],
    )
    return inspection
