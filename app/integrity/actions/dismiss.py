"""The office finds that an entry is not as it says."""

from __future__ import annotations

import uuid

from app.integrity.access import access_entry, advance, facts_of
from app.integrity.lifecycle import next_status
from app.integrity.models import IntegrityEntry
from app.integrity.words import IntegrityAction, IntegrityEventType
from app.kernel.unit_of_work import UnitOfWork
from app.tickets.texts import check_text
from authz.actor import Actor
from tenants.schemes.store import scheme_at


async def dismiss(
    uow: UnitOfWork, actor: Actor, entry_id: uuid.UUID, *, reason: str, expected_version: int | None = None
) -> IntegrityEntry:
    """Dismissed, with the reason, which the creditor is told.

    Refusals as in `access_entry`; `reason` as the scheme's reasons.
    """
    entry = await access_entry(uow, actor, entry_id, IntegrityAction.DISMISS, expected_version=expected_version)
    scheme = await scheme_at(uow.session, uow.city_id, entry.scheme_version)
    reason = check_text("reason", reason, scheme.tickets.texts.reason)
    to = next_status(facts_of(entry), IntegrityAction.DISMISS)
    advance(uow, actor, entry, IntegrityAction.DISMISS, to, IntegrityEventType.DISMISSED, note=reason)
    return entry
