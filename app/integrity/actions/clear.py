"""The office finds that what has no amount was put right."""

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


async def clear(
    uow: UnitOfWork, actor: Actor, entry_id: uuid.UUID, *, note: str, expected_version: int | None = None
) -> IntegrityEntry:
    """The promise was kept, the enforcement put right, the intermediary taken off the list.

    What has an amount is cleared by its instalments alone.

    Refusals as in `access_entry`; `note` as the scheme's notes.
    """
    entry = await access_entry(uow, actor, entry_id, IntegrityAction.CLEAR, expected_version=expected_version)
    scheme = await scheme_at(uow.session, uow.city_id, entry.scheme_version)
    note = check_text("note", note, scheme.tickets.texts.note)
    to = next_status(facts_of(entry), IntegrityAction.CLEAR)
    advance(uow, actor, entry, IntegrityAction.CLEAR, to, IntegrityEventType.CLEARED, note=note)
    return entry
