"""The office finds that an entry is as it says."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from app.enterprises.models import EnterpriseKind
from app.enterprises.queries import ENTERPRISES
from app.integrity.access import access_entry, advance, facts_of
from app.integrity.lifecycle import next_status
from app.integrity.models import IntegrityEntry
from app.integrity.words import IntegrityAction, IntegrityEventType
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.texts import check_optional_text
from authz.actor import Actor
from tenants.schemes.store import scheme_at
from tenants.schemes.words import IntegrityKind

SMALL = frozenset({EnterpriseKind.MSME, EnterpriseKind.INDIVIDUAL})
"""Whom the law on payments to small and medium enterprises protects (002_…txt, 三(三)); individual businesses alike."""


async def confirm(
    uow: UnitOfWork, actor: Actor, entry_id: uuid.UUID, *, note: str | None = None, expected_version: int | None = None
) -> IntegrityEntry:
    """Confirmed; arrears to a small enterprise carry the restrictions of the scheme under which the entry was opened.

    Refusals as in `access_entry`; `note` as the scheme's notes.
    """
    entry = await access_entry(uow, actor, entry_id, IntegrityAction.CONFIRM, expected_version=expected_version)
    scheme = await scheme_at(uow.session, uow.city_id, entry.scheme_version)
    note = check_optional_text("note", note, scheme.tickets.texts.note)
    if entry.kind == IntegrityKind.ARREARS:
        kind = await uow.session.scalar(select(ENTERPRISES.c.kind).filter_by(city_id=uow.city_id, id=entry.creditor_id))
        if kind in SMALL:
            entry.restrictions = list(scheme.supervision.integrity.arrears_restrictions)
    to = next_status(facts_of(entry), IntegrityAction.CONFIRM)
    advance(uow, actor, entry, IntegrityAction.CONFIRM, to, IntegrityEventType.CONFIRMED, note=note)
    return entry
