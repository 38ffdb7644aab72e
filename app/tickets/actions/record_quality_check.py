"""Supervision checks how a ticket was handled."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from app.kernel.errors import Conflict, InvalidInput, NotFound, NotResponsible
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.events import author_of
from app.tickets.models import QualityCheck, QualitySample, Ticket
from app.tickets.quality.entering import enter
from app.tickets.queries import sample_within_reach, visible_to
from app.tickets.schemes import scheme_of
from app.tickets.texts import check_text
from app.tickets.words import TicketEventType, Visibility
from authz.actor import Actor
from authz.permissions import Permission
from tenants.schemes.words import QualityConcern


async def record_quality_check(
    uow: UnitOfWork,
    actor: Actor,
    sample_id: uuid.UUID,
    *,
    ticket_id: uuid.UUID,
    passed: bool,
    findings: str,
    expected_version: int | None = None,
) -> QualitySample:
    """What the check of one drawn ticket found; its handling departments are told. Once: a verdict is not rewritten.
    What does not pass enters the ledger of handling quality.

    Raises `NotFound` (no such sample for the actor), `NotResponsible`, `Conflict`, and `InvalidInput`: `ticketId`
    `not_drawn` (not of this sample, or no longer theirs to see), `already_checked`, and for the findings.
    """
    scope = actor.in_city(uow.city_id)
    row = (
        await uow.session.execute(
            select(QualitySample, sample_within_reach(scope, Permission.TICKET_QUALITY_CHECK).label("responsible"))
            .where(
                QualitySample.city_id == uow.city_id,
                QualitySample.id == sample_id,
                sample_within_reach(scope, Permission.TICKET_READ_QUALITY),
            )
            .with_for_update(of=QualitySample)
        )
    ).one_or_none()
    if row is None:
        raise NotFound(kind="QualitySample")
    sample: QualitySample = row[0]
    if not row.responsible:
        raise NotResponsible(action="QUALITY_CHECK")
    if expected_version is not None and expected_version != sample.version:
        raise Conflict(expected_version=expected_version, current_version=sample.version)
    found = (
        await uow.session.execute(
            select(QualityCheck, Ticket)
            .join(Ticket, (Ticket.city_id == QualityCheck.city_id) & (Ticket.id == QualityCheck.ticket_id))
            .where(
                QualityCheck.city_id == uow.city_id,
                QualityCheck.sample_id == sample_id,
                QualityCheck.ticket_id == ticket_id,
                visible_to(scope),
            )
            # The ticket too: its events keep their order.
            .with_for_update(key_share=True)
        )
    ).one_or_none()
    if found is None:
        raise InvalidInput("ticketId", "not_drawn")
    check, ticket = found
    if check.checked_at is not None:
        raise InvalidInput("ticketId", "already_checked")
    scheme = await scheme_of(uow, ticket)
    check.findings = check_text("findings", findings, scheme.tickets.texts.reason)
    check.passed = passed
    check.checked_at = uow.now
    check.checked_by = actor.user_id
    sample.version += 1
    if not passed:
        await enter(uow, ticket, scheme, QualityConcern.LOW_QUALITY)
    uow.record(
        ticket,
        TicketEventType.QUALITY_CHECKED,
        author=author_of(actor, Permission.TICKET_QUALITY_CHECK, ticket),
        visibility=Visibility.INTERNAL,
        note=check.findings,
        passed=passed,
    )
    return sample
